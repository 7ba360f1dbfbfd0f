import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { HandlerSettings } from '../handlers/contract.js';
import { beginReplication } from '../replica/begin-replication.js';
import type { MergedPart } from '../replica/merged-parts.js';
import { readTables } from '../replica/table-list.js';
import { failpoint } from '../runtime/failpoint.js';
import { sleep } from '../runtime/sleep.js';
import { foreignKeyOrder } from './foreign-key-order.js';
import { planTables, type UnionPlan } from './plan-tables.js';
import {
  type ApplyToTable,
  type RepairItem,
  RepairWriter,
  readRepairs,
  repairObstacle,
  type TableRepair,
  type WriteRepairsPorts,
} from './repair-rows.js';
import { openSnapshotPair, type SnapshotPair, type SnapshotPorts } from './snapshot-pair.js';

/** Names that are repaired at one tick: the worker stands still as long. */
const ROUND = 5_000;
const ATTEMPTS = 5;
const PAUSE_MS = 200;
const READERS = 2;

export interface RepairPorts extends SnapshotPorts {
  /** A session on the subscriber in which neither triggers nor foreign keys fire. The repair closes it. */
  readonly openWriter: () => Promise<Connection>;
  /** How rows are written: that belongs to replication as well, so it is handed in. */
  readonly applyToTable: ApplyToTable;
}

export interface RepairOptions {
  readonly queueName: string;
  readonly mergedTables?: ReadonlyMap<string, readonly MergedPart[]> | undefined;
  readonly handlers: HandlerSettings;
  readonly timeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Called after each tick at which something was repaired, with the number of names that are done. */
  readonly onRound?: ((done: number) => void) | undefined;
}

/** What was done, by the tables' names in the queue. */
export type RepairOutcome = ReadonlyMap<string, TableRepair>;

/**
 * Makes the rows of the subscriber that have one of the names what the provider has under them, at ticks: the worker of
 * this node stands still at a tick, the rows of both sides are read as of it, written in one transaction that also holds
 * the node's position, and the worker goes on. So what is written is exactly what the node would have at that tick, and
 * no event is applied twice or lost, whoever dies: before the commit nothing has happened, after it all of that tick has.
 * May be repeated; names whose rows are equal by now cost nothing.
 *
 * Deletes come first, those of tables that point to others before these; then all else the other way round.
 * Throws what `openSnapshotPair` throws, and PC504 when the worker does not stand still.
 */
export async function repairTables(
  ports: RepairPorts,
  options: RepairOptions,
  items: readonly RepairItem[],
): Promise<RepairOutcome> {
  const totals = new Map<string, TableRepair>();
  await using writer = await ports.openWriter();
  const ordered = await inOrder(writer, options.queueName, items);
  for (let from = 0; from < ordered.length; from += ROUND) {
    const round = ordered.slice(from, from + ROUND);
    for (const [tableName, repaired] of await repairRound(ports, options, writer, round)) {
      totals.set(tableName, together(totals.get(tableName), repaired));
    }
    options.onRound?.(Math.min(from + ROUND, ordered.length));
    await failpoint('repair-round-done');
  }
  return totals;
}

/** The tables of a repair, parents before those that point to them. */
export async function orderTables(
  subscriber: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<string[]> {
  const wanted = new Set(tableNames);
  const tables = (await readTables(subscriber, queueName)).filter(({ name }) => wanted.has(name));
  const known = await foreignKeyOrder(
    subscriber,
    tables.map(({ name, destTable }) => ({ tableName: name, destTable })),
  );
  return [...known, ...tableNames.filter((name) => !known.includes(name))];
}

async function inOrder(
  subscriber: Connection,
  queueName: string,
  items: readonly RepairItem[],
): Promise<RepairItem[]> {
  const byTable = new Map<string, RepairItem[]>();
  for (const item of items) {
    const list = byTable.get(item.tableName);
    if (list === undefined) byTable.set(item.tableName, [item]);
    else list.push(item);
  }
  const order = await orderTables(subscriber, queueName, [...byTable.keys()]);
  const of = (tableName: string, isExtra: boolean) =>
    (byTable.get(tableName) ?? []).filter(({ kind }) => (kind === 'extra') === isExtra);
  return [
    ...order.toReversed().flatMap((name) => of(name, true)),
    ...order.flatMap((name) => of(name, false)),
  ];
}

async function repairRound(
  ports: RepairPorts,
  options: RepairOptions,
  writer: Connection,
  items: readonly RepairItem[],
): Promise<Map<string, TableRepair>> {
  for (let attempt = 1; ; attempt++) {
    try {
      await using pair = await openSnapshotPair(ports, { ...options, jobs: READERS, holdsWorker: true });
      return await repairAt(pair, ports, options, writer, items);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!mayPass(error) || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE_MS * attempt, options.signal);
    }
  }
}

/** A worker that was restarted meanwhile writes the same rows, or has gone on. */
function mayPass(error: unknown): boolean {
  if (sqlstateOf(error) === SQLSTATE.deadlockDetected) return true;
  return error instanceof ReplicateError && error.code === 'PC504';
}

async function repairAt(
  pair: SnapshotPair,
  ports: RepairPorts,
  options: RepairOptions,
  writer: Connection,
  items: readonly RepairItem[],
): Promise<Map<string, TableRepair>> {
  const { queueName, handlers } = options;
  const tableNames = [...new Set(items.map(({ tableName }) => tableName))];
  const plans = await planTables(pair, ports, { ...options, tableNames });
  const attrs = await readAttributes(writer, queueName);
  const written = new Map<string, TableRepair>();
  const seen = new Set<string>();
  await writer.transaction(async (tx) => {
    await tx.execute(`set local lock_timeout = ${options.lockTimeoutMs}`);
    await beginReplication(tx);
    for (const [queue, tick] of pair.ticks) await lockPosition(tx, queue, tick);
    // Runs of one table: its deletes and the rest may be far from each other.
    for (const run of runsOf(items)) {
      const tableName = run[0]?.tableName as string;
      const plan = plans.find((candidate) => candidate.tableName === tableName);
      const repaired = await repairRun(plan, pair, run, {
        tx,
        queueName,
        tick: pair.tick,
        attrs: attrs.get(tableName) ?? null,
        handlers,
        applyToTable: ports.applyToTable,
        seen,
      });
      written.set(tableName, together(written.get(tableName), repaired));
      options.signal.throwIfAborted();
    }
    await failpoint('repair-before-commit');
  });
  return written;
}

type WritePorts = WriteRepairsPorts & {
  /** Rows that were seen to in this transaction, whichever name meant them. */
  readonly seen: Set<string>;
};

/** Writes what the names of one table ask for, in the open transaction. */
export async function repairRun(
  plan: Awaited<ReturnType<typeof planTables>>[number] | undefined,
  pair: SnapshotPair,
  items: readonly RepairItem[],
  ports: WritePorts,
): Promise<TableRepair> {
  const refused = whyNot(plan, ports);
  if (refused !== undefined) return { inserted: 0, updated: 0, deleted: 0, refusals: [refused] };
  const repair = new RepairWriter(plan as UnionPlan, ports);
  for await (const { repairs, unclear } of readRepairs(plan as UnionPlan, pair, items, ports.seen)) {
    for (const key of unclear) repair.refuse(`Key ${key} stands for more than one row.`);
    await repair.write(repairs);
  }
  return repair.outcome;
}

/** Why a table cannot be repaired at all; undefined when it can. */
export function whyNot(
  plan: Awaited<ReturnType<typeof planTables>>[number] | undefined,
  { attrs, handlers }: Pick<WritePorts, 'attrs' | 'handlers'>,
): string | undefined {
  if (plan === undefined) return 'It is not replicated on this node.';
  if (!('sides' in plan)) {
    return plan.verdict.kind === 'not checked' ? plan.verdict.reason : 'It cannot be looked at.';
  }
  return repairObstacle(plan, attrs, handlers);
}

/** The attributes of the queue's tables on this node, by name. */
export async function readAttributes(
  subscriber: Connection,
  queueName: string,
): Promise<ReadonlyMap<string, string | null>> {
  return new Map((await readTables(subscriber, queueName)).map(({ name, attrs }) => [name, attrs]));
}

function runsOf(items: readonly RepairItem[]): RepairItem[][] {
  const runs: RepairItem[][] = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (run?.[0]?.tableName === item.tableName) run.push(item);
    else runs.push([item]);
  }
  return runs;
}

async function lockPosition(tx: Connection, queueName: string, tick: bigint): Promise<void> {
  const { here } = await tx.one<{ here: boolean }>('select pgcascade.lock_position($1, $2) as here', [
    queueName,
    tick,
  ]);
  if (!here)
    throw new ReplicateError('PC504', `The worker of queue "${queueName}" has gone on from tick ${tick}.`);
}

function together(one: TableRepair | undefined, other: TableRepair): TableRepair {
  if (one === undefined) return other;
  return {
    inserted: one.inserted + other.inserted,
    updated: one.updated + other.updated,
    deleted: one.deleted + other.deleted,
    refusals: [...new Set([...one.refusals, ...other.refusals])],
  };
}
