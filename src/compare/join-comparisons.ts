import { addChecksums, EMPTY_CHECKSUM } from './buckets.js';
import type { TableComparison, TableVerdict } from './compare-table.js';
import type { RowDifferences, RowList } from './row-differences.js';

const KEPT_KEYS = 10;

/**
 * The comparison of a table from those of its groups of keys, in any order. Pure. A group that differs makes the table
 * different, whatever could not be looked at; else one that was not makes it not checked.
 */
export function joinComparisons(parts: readonly TableComparison[]): TableComparison {
  const [first] = parts;
  if (first === undefined) throw new RangeError('A table without a comparison.');
  if (parts.length === 1) return first;
  const totals = parts.every((part) => part.totals !== undefined)
    ? {
        provider: parts.reduce(
          (sum, part) => addChecksums(sum, part.totals?.provider ?? EMPTY_CHECKSUM),
          EMPTY_CHECKSUM,
        ),
        subscriber: parts.reduce(
          (sum, part) => addChecksums(sum, part.totals?.subscriber ?? EMPTY_CHECKSUM),
          EMPTY_CHECKSUM,
        ),
      }
    : undefined;
  return {
    ...first,
    totals,
    seconds: parts.reduce((sum, part) => sum + part.seconds, 0),
    tick: parts.reduce(
      (last, { tick }) => (tick !== undefined && (last ?? 0n) < tick ? tick : last),
      first.tick,
    ),
    verdict: joinVerdicts(parts.map(({ verdict }) => verdict)),
  };
}

function joinVerdicts(verdicts: readonly TableVerdict[]): TableVerdict {
  const different = verdicts.filter((verdict) => verdict.kind === 'different');
  const notChecked = verdicts.find((verdict) => verdict.kind === 'not checked');
  const [first] = different;
  if (first === undefined) return notChecked ?? { kind: 'equal' };
  const found = different.flatMap(({ differences }) => differences ?? []);
  const differences = found.length === 0 ? undefined : found.reduce(joinDifferences);
  if (notChecked === undefined || differences === undefined) return { ...first, differences };
  return { ...first, differences: { ...differences, isComplete: false } };
}

function joinDifferences(one: RowDifferences, other: RowDifferences): RowDifferences {
  return {
    changed: joinLists(one.changed, other.changed),
    missing: joinLists(one.missing, other.missing),
    extra: joinLists(one.extra, other.extra),
    isComplete: one.isComplete && other.isComplete,
  };
}

function joinLists(one: RowList, other: RowList): RowList {
  return { count: one.count + other.count, keys: [...one.keys, ...other.keys].slice(0, KEPT_KEYS) };
}
