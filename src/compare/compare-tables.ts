import type { HandlerSettings } from '../handlers/contract.js';
import { bindHandler } from '../handlers/registry.js';
import type { TickId } from '../queue/ids.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import { runInLanes } from '../runtime/lanes.js';
import type { Sides } from './canonical-value.js';
import { compareTable, type TableComparison } from './compare-table.js';
import { findObstacle, type Obstacle } from './select-tables.js';
import { openSnapshotPair, type SnapshotPair, type SnapshotPorts } from './snapshot-pair.js';
import { planTable, type TablePlan } from './table-plan.js';
import { readTableShapes, type TableShape } from './table-shape.js';

export interface CompareOptions {
  readonly queueName: string;
  /** Names in the queue. */
  readonly tableNames: readonly string[];
  /** What the ini file tells the handlers of the tables. */
  readonly handlers: HandlerSettings;
  readonly countOnly: boolean;
  /** Connections that read on each side. */
  readonly jobs: number;
  readonly chunkRows: number;
  /** Pages that one statement reads; for tests. */
  readonly piecePages?: number;
  readonly timeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal;
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
 * Compares tables of this node with its provider's, all at one tick, while both go on being written.
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
  const plans = await planTables(pair, options);
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
function rowsOf(plan: TablePlan | TableComparison): number {
  if (!('sides' in plan)) return 0;
  return plan.sides.provider.shape.rowCount + plan.sides.subscriber.shape.rowCount;
}

async function comparePlanned(
  plan: TablePlan,
  pair: SnapshotPair,
  options: CompareOptions,
  observer: CompareObserver,
  signal: AbortSignal,
): Promise<TableComparison> {
  const { countOnly, chunkRows, piecePages } = options;
  return compareTable(plan, {
    readers: pair.readers,
    countOnly,
    chunkRows,
    piecePages,
    signal,
    onRows: (rows) => observer.onRows(rows),
  });
}

/** Decides in the snapshots themselves which tables can be compared, and how. */
async function planTables(
  pair: SnapshotPair,
  options: CompareOptions,
): Promise<(TablePlan | TableComparison)[]> {
  const [provider, subscriber] = await Promise.all([
    readSide(pair, 'provider', options),
    readSide(pair, 'subscriber', options),
  ]);
  return options.tableNames.map((tableName) => {
    const table = subscriber.tables.get(tableName);
    const obstacle = findObstacle(provider.tables.get(tableName), table, options.handlers);
    if (obstacle !== undefined) return notChecked(tableName, obstacle);
    const shapes = { provider: provider.shapes.get(tableName), subscriber: subscriber.shapes.get(tableName) };
    if (shapes.provider === undefined) return notChecked(tableName, missing('provider'));
    if (shapes.subscriber === undefined) return notChecked(tableName, missing('subscriber'));
    const { selection, hasParts } = bindHandler(tableName, table?.attrs ?? null, options.handlers);
    const subscriberShape =
      hasParts === true ? { ...shapes.subscriber, isPartitioned: true } : shapes.subscriber;
    return planTable(tableName, { provider: shapes.provider, subscriber: subscriberShape }, selection);
  });
}

interface SideTables {
  readonly tables: ReadonlyMap<string, ReplicatedTable>;
  readonly shapes: ReadonlyMap<string, TableShape>;
}

async function readSide(
  pair: SnapshotPair,
  side: keyof Sides<unknown>,
  options: CompareOptions,
): Promise<SideTables> {
  return pair.readers[side].use(async (reader) => {
    const wanted = new Set(options.tableNames);
    const tables = (await readTables(reader, options.queueName)).filter((table) => wanted.has(table.name));
    return {
      tables: new Map(tables.map((table) => [table.name, table])),
      shapes: await readTableShapes(reader, tables),
    };
  });
}

function missing(side: keyof Sides<unknown>): Obstacle {
  const where = side === 'provider' ? 'the provider' : 'this node';
  return {
    code: 'PC503',
    reason: `There is no such table on ${where}, or it is not a plain or partitioned one.`,
  };
}

function notChecked(tableName: string, obstacle: Obstacle): TableComparison {
  return { tableName, totals: undefined, seconds: 0, verdict: { kind: 'not checked', ...obstacle } };
}
