import type { HandlerSettings } from '../handlers/contract.js';
import type { TickId } from '../queue/ids.js';
import type { MergedPart } from '../replica/merged-parts.js';
import { runInLanes } from '../runtime/lanes.js';
import { compareTable, type TableComparison } from './compare-table.js';
import { planTables, type UnionPlan } from './plan-tables.js';
import type { RowDifference } from './row-differences.js';
import { openSnapshotPair, type SnapshotPair, type SnapshotPorts } from './snapshot-pair.js';

export interface CompareOptions {
  readonly queueName: string;
  /** Names in the queue. */
  readonly tableNames: readonly string[];
  /** Names → the other queues that feed the table, all of them among the other sources of the ports. */
  readonly mergedTables?: ReadonlyMap<string, readonly MergedPart[]> | undefined;
  /** What the ini file tells the handlers of the tables. */
  readonly handlers: HandlerSettings;
  readonly countOnly: boolean;
  /** Who is told of every difference; undefined: the first keys are enough. */
  readonly differences?: TableDifferences | undefined;
  /** Parked tables are looked at as well: their rows are those of an earlier tick. */
  readonly takesParked?: boolean | undefined;
  /** Connections that read on each side. */
  readonly jobs: number;
  readonly chunkRows: number;
  /** Pages that one statement reads; for tests. */
  readonly piecePages?: number;
  readonly timeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface TableDifferences {
  readonly sink: (tableName: string, differences: readonly RowDifference[]) => Promise<void>;
  /** Keys of one table that are taken at most. */
  readonly most: number;
}

/** Told of what happens, as it happens. */
export interface CompareObserver {
  /** Both snapshots are open. */
  onTick(tick: TickId): void;
  /** Rows that are read in all, on both sides together: an estimate. */
  onStart(rows: number): void;
  onRows(rows: number): void;
  onTable(comparison: TableComparison): void;
}

export interface Comparison {
  readonly tick: TickId;
  /** In the order of the names. */
  readonly tables: readonly TableComparison[];
}

/**
 * Compares tables of this node with its provider's, all at one tick, while both go on being written. A table that other
 * queues feed too is compared with the union of its sources, each at a tick of its own queue.
 *
 * Nothing is locked and nothing is changed but one tick more. Throws when the snapshots cannot be had (see
 * `openSnapshotPair`) and when it is told to stop; what concerns one table is that table's verdict.
 */
export async function compareTables(
  ports: SnapshotPorts,
  options: CompareOptions,
  observer: CompareObserver,
): Promise<Comparison> {
  await using pair = await openSnapshotPair(ports, options);
  observer.onTick(pair.tick);
  const plans = await planTables(pair, ports, options);
  observer.onStart(plans.reduce((sum, plan) => sum + rowsOf(plan), 0));
  const largestFirst = plans.toSorted((a, b) => rowsOf(b) - rowsOf(a));
  // More tables than readers, so that no reader waits for the other side of a table.
  const tables = await runInLanes(largestFirst, options.jobs * 2, options.signal, async (plan, signal) => {
    const comparison = 'sides' in plan ? await comparePlanned(plan, pair, options, observer, signal) : plan;
    observer.onTable(comparison);
    return comparison;
  });
  const byName = new Map(tables.map((table) => [table.tableName, table]));
  return { tick: pair.tick, tables: options.tableNames.flatMap((name) => byName.get(name) ?? []) };
}

/** Rows on both sides together, an estimate: what a table has to do with the time that all take. */
function rowsOf(plan: UnionPlan | TableComparison): number {
  if (!('sides' in plan)) return 0;
  return plan.sides.provider.shape.rowCount + plan.sides.subscriber.shape.rowCount;
}

async function comparePlanned(
  plan: UnionPlan,
  pair: SnapshotPair,
  options: CompareOptions,
  observer: CompareObserver,
  signal: AbortSignal,
): Promise<TableComparison> {
  const { countOnly, chunkRows, piecePages, differences } = options;
  return compareTable(plan, {
    readers: pair.readers,
    otherSources: plan.otherSources,
    countOnly,
    differences: differences && {
      most: differences.most,
      sink: (found) => differences.sink(plan.tableName, found),
    },
    chunkRows,
    piecePages,
    signal,
    onRows: (rows) => observer.onRows(rows),
  });
}
