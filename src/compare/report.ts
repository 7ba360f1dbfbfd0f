import { createHash } from 'node:crypto';
import type { ExitCode } from '../errors/catalogue.js';
import type { Checksum } from './buckets.js';
import type { SequenceComparison } from './compare-sequences.js';
import type { TableComparison, TableVerdict } from './compare-table.js';
import type { Comparison } from './compare-tables.js';
import type { RowList } from './row-differences.js';
import type { RowKey } from './row-key.js';

/** The result of one table as lines for a person; the first one begins with the table's name. */
export function tableLines(comparison: TableComparison, countOnly: boolean): string[] {
  const { tableName, totals, customResults, seconds, verdict, ignoredColumns = [] } = comparison;
  if (verdict.kind === 'not checked') {
    return [`${tableName}: NOT CHECKED: ${verdict.reason} (${verdict.code})`];
  }
  const lines = [
    `${tableName}: ${verdict.kind === 'equal' ? 'equal' : 'DIFFERENT'} (${seconds.toFixed(1)} s)`,
  ];
  if (totals !== undefined) {
    lines.push(`    provider:   ${totalText(totals.provider, countOnly)}`);
    lines.push(`    subscriber: ${totalText(totals.subscriber, countOnly)}`);
  }
  if (customResults !== undefined) {
    lines.push(`    provider:   ${customResults.provider}`, `    subscriber: ${customResults.subscriber}`);
  }
  if (ignoredColumns.length > 0) {
    lines.push(`    not compared, for the provider's trigger ignores them: ${ignoredColumns.join(', ')}`);
  }
  if (verdict.kind === 'different') lines.push(...differenceLines(verdict));
  return lines;
}

/** The result of one sequence as a line for a person; nothing of one that is not behind. */
export function sequenceLines({ name, values, verdict }: SequenceComparison): string[] {
  switch (verdict.kind) {
    case 'equal':
      return [];
    case 'not checked':
      return [`${name}: NOT CHECKED: ${verdict.reason} (${verdict.code})`];
    case 'different':
      return [
        `${name}: BEHIND: the sequence is at ${values?.subscriber} here and has come to ${values?.provider} on the provider`,
      ];
  }
}

/** The last line. `scope`: what of the tables was compared where that is not all, such as "a sample of 5 %". */
export function summaryLine(comparison: Comparison, scope?: string): string {
  const { different, notChecked } = countVerdicts(comparison);
  const { firstTick, tick, tables, sequences } = comparison;
  const counts = [
    counted(tables.length, 'table'),
    ...(sequences.length === 0 ? [] : [counted(sequences.length, 'sequence')]),
  ];
  const ticks = firstTick === tick ? `tick ${tick}` : `ticks ${firstTick} to ${tick}`;
  const compared = `${counts.join(' and ')} compared at ${ticks}${scope === undefined ? '' : ` (${scope})`}`;
  if (different === 0 && notChecked === 0) return `${compared}: all equal`;
  const unknown = [
    ...tables.filter(({ verdict }) => verdict.kind === 'not checked').map(({ tableName }) => tableName),
    ...sequences.filter(({ verdict }) => verdict.kind === 'not checked').map(({ name }) => name),
  ];
  const names = unknown.length === 0 ? '' : ` (${unknown.join(', ')})`;
  return `${compared}: ${different} different, ${notChecked} not checked${names}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The verdict in a few words for `status`: what differs in numbers, or why it was not checked. No values. */
export function verdictDetail(verdict: TableVerdict): string | null {
  switch (verdict.kind) {
    case 'equal':
      return null;
    case 'not checked':
      return verdict.reason;
    case 'different': {
      const { missingColumns, differences } = verdict;
      const least = differences?.isComplete === false ? 'at least ' : '';
      const parts = [
        ...(missingColumns.length > 0 ? [`columns missing: ${missingColumns.join(', ')}`] : []),
        ...(differences === undefined
          ? []
          : (['changed', 'missing', 'extra'] as const).flatMap((kind) =>
              differences[kind].count > 0n ? [`${least}${differences[kind].count} ${kind}`] : [],
            )),
      ];
      return parts.length === 0 ? null : parts.join(', ');
    }
  }
}

/** The whole result for a program; counts as texts where JavaScript's numbers could not hold them. */
export function comparisonJson(comparison: Comparison, countOnly: boolean): unknown {
  return {
    tick: comparison.tick.toString(),
    ...(comparison.firstTick === comparison.tick ? {} : { firstTick: comparison.firstTick.toString() }),
    ...countVerdicts(comparison),
    tables: comparison.tables.map((table) => ({
      table: table.tableName,
      verdict: table.verdict.kind,
      seconds: Number(table.seconds.toFixed(3)),
      ...(table.totals === undefined
        ? {}
        : {
            provider: totalJson(table.totals.provider, countOnly),
            subscriber: totalJson(table.totals.subscriber, countOnly),
          }),
      ...(table.ignoredColumns === undefined || table.ignoredColumns.length === 0
        ? {}
        : { ignoredColumns: table.ignoredColumns }),
      ...(table.customResults === undefined ? {} : table.customResults),
      ...verdictJson(table.verdict),
    })),
    ...(comparison.sequences.length === 0 ? {} : { sequences: comparison.sequences.map(sequenceJson) }),
  };
}

/**
 * 0 only when all tables were looked at and are equal; 2 when one is different, which no other table can change; 3 when one
 * could not be looked at.
 */
export function exitCodeOf(comparison: Comparison): ExitCode {
  const { different, notChecked } = countVerdicts(comparison);
  if (different > 0) return 2;
  return notChecked > 0 || comparison.tables.length + comparison.sequences.length === 0 ? 3 : 0;
}

function sequenceJson({ name, values, verdict }: SequenceComparison) {
  return {
    sequence: name,
    verdict: verdict.kind,
    ...(values === undefined
      ? {}
      : { provider: values.provider.toString(), subscriber: values.subscriber.toString() }),
    ...(verdict.kind === 'not checked' ? { code: verdict.code, reason: verdict.reason } : {}),
  };
}

function countVerdicts({ tables, sequences }: Comparison) {
  const count = (kind: TableVerdict['kind']) =>
    [...tables, ...sequences].filter(({ verdict }) => verdict.kind === kind).length;
  return { equal: count('equal'), different: count('different'), notChecked: count('not checked') };
}

function differenceLines(verdict: TableVerdict & { readonly kind: 'different' }): string[] {
  const { missingColumns, differences } = verdict;
  const lines: string[] = [];
  if (missingColumns.length > 0) {
    lines.push(`    columns missing on the subscriber: ${missingColumns.join(', ')}`);
  }
  if (differences === undefined) return lines;
  const least = differences.isComplete ? '' : 'at least ';
  for (const [label, list] of [
    ['changed', differences.changed],
    ['missing on the subscriber', differences.missing],
    ['extra on the subscriber', differences.extra],
  ] as const) {
    if (list.count > 0n) lines.push(`    ${label}: ${least}${rowListText(list)}`);
  }
  return lines;
}

function rowListText(list: RowList): string {
  const rows = `${list.count} ${list.count === 1n ? 'row' : 'rows'}`;
  if (list.keys.length === 0) return rows;
  const more = list.count > BigInt(list.keys.length) ? ', …' : '';
  return `${rows}, key ${list.keys.map(keyText).join(', ')}${more}`;
}

const KEY_TEXT_LENGTH = 100;

/** JSON quotes what would not be seen, such as a space at the end. */
export function keyText(key: RowKey): string {
  const parts = key.map((text) => {
    if (text === null) return 'null';
    const short = text.length > KEY_TEXT_LENGTH ? `${text.slice(0, KEY_TEXT_LENGTH)}…` : text;
    return /^[\w.:+-]+$/.test(short) ? short : JSON.stringify(short);
  });
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(', ')})`;
}

function totalText(total: Checksum, countOnly: boolean): string {
  return countOnly ? `${total.rows} rows` : `${total.rows} rows, checksum=${checksumText(total)}`;
}

/** Both sums and the count in a form that a person can compare. */
function checksumText({ rows, high, low }: Checksum): string {
  return createHash('sha256').update(`${rows} ${high} ${low}`).digest('hex').slice(0, 32);
}

function totalJson(total: Checksum, countOnly: boolean) {
  return { rows: numberJson(total.rows), ...(countOnly ? {} : { checksum: checksumText(total) }) };
}

function verdictJson(verdict: TableVerdict) {
  switch (verdict.kind) {
    case 'equal':
      return {};
    case 'not checked':
      return { code: verdict.code, reason: verdict.reason };
    case 'different': {
      const { missingColumns, differences } = verdict;
      if (differences === undefined) return { missingColumns };
      return {
        missingColumns,
        allRowsLookedAt: differences.isComplete,
        changed: rowListJson(differences.changed),
        missing: rowListJson(differences.missing),
        extra: rowListJson(differences.extra),
      };
    }
  }
}

function rowListJson(list: RowList) {
  return { rows: numberJson(list.count), keys: list.keys };
}

function numberJson(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}
