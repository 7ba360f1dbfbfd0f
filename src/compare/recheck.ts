import type { Comparison } from './compare-tables.js';
import { type PlanOptions, planTables } from './plan-tables.js';
import type { RowRepair } from './repair-events.js';
import { type RepairItem, readRepairs } from './repair-rows.js';
import type { DifferenceKind, RowDifference, RowDifferences, RowList } from './row-differences.js';
import { openSnapshotPair, type SnapshotPairOptions, type SnapshotPorts } from './snapshot-pair.js';

const KEPT_KEYS = 10;

export interface Rechecked {
  readonly comparison: Comparison;
  /** The rows that still differ, by table. */
  readonly differences: ReadonlyMap<string, readonly RowDifference[]>;
}

/**
 * Looks at the rows that differed once more, at a later tick: what was mended meanwhile, or was changed behind
 * replication's back and has been written since, is none any more. A table more of whose rows differ than were found stays
 * as it is.
 */
export async function recheck(
  ports: SnapshotPorts,
  options: SnapshotPairOptions & Omit<PlanOptions, 'tableNames'>,
  comparison: Comparison,
  items: readonly RepairItem[],
): Promise<Rechecked> {
  const tableNames = [...new Set(items.map(({ tableName }) => tableName))];
  if (tableNames.length === 0) return { comparison, differences: new Map() };
  await using pair = await openSnapshotPair(ports, options);
  const differences = new Map<string, RowDifference[]>();
  for (const plan of await planTables(pair, ports, { ...options, tableNames })) {
    const { tableName } = plan;
    if (!('sides' in plan)) continue;
    const own = items.filter((item) => item.tableName === tableName);
    const found: RowDifference[] = [];
    for await (const { repairs } of readRepairs(plan, pair, own)) found.push(...repairs.map(differenceOf));
    differences.set(tableName, withAlikeTogether(found));
  }
  const tables = comparison.tables.map((table) => {
    const found = differences.get(table.tableName);
    const { verdict } = table;
    if (found === undefined || verdict.kind !== 'different' || verdict.differences?.isComplete !== true)
      return table;
    const isEqual = found.length === 0 && verdict.missingColumns.length === 0;
    return {
      ...table,
      tick: pair.tick,
      verdict: isEqual ? ({ kind: 'equal' } as const) : { ...verdict, differences: differencesOf(found) },
    };
  });
  return { comparison: { ...comparison, tick: pair.tick, tables }, differences };
}

const KIND = { insert: 'missing', update: 'changed', delete: 'extra' } as const satisfies Record<
  RowRepair['kind'],
  DifferenceKind
>;

function differenceOf(repair: RowRepair): RowDifference {
  const { key, rowHash } = repair.kind === 'delete' ? repair.old : repair.row;
  return { kind: KIND[repair.kind], key, rowHash: key === null ? rowHash : null, rows: 1n };
}

/** Without a key one difference stands for all rows that are alike, as in a comparison. */
export function withAlikeTogether(found: readonly RowDifference[]): RowDifference[] {
  const together = new Map<string, RowDifference>();
  for (const difference of found) {
    const { kind, key, rowHash, rows } = difference;
    const name = JSON.stringify([kind, key, rowHash]);
    const before = together.get(name)?.rows ?? 0n;
    together.set(name, { ...difference, rows: before + rows });
  }
  return [...together.values()];
}

function differencesOf(found: readonly RowDifference[]): RowDifferences {
  const listOf = (kind: DifferenceKind): RowList => {
    const own = found.filter((difference) => difference.kind === kind);
    return { count: own.reduce((sum, { rows }) => sum + rows, 0n), keys: keysOf(own) };
  };
  return { changed: listOf('changed'), missing: listOf('missing'), extra: listOf('extra'), isComplete: true };
}

function keysOf(found: readonly RowDifference[]) {
  return found.flatMap(({ key }) => (key === null ? [] : [key])).slice(0, KEPT_KEYS);
}
