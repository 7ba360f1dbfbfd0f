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
  type ReadRepairs,
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
/** Texts of rows that are held for one tick, about; what is left is repaired at a later one. */
const ROUND_BYTES = 64 * 1024 * 1024;
/** A client that vanishes in the middle must not stop the worker for longer than this. */
const IDLE_MS = 60_000;

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
  for (let from = 0; from < ordered.length; ) {
    const { written, names } = await repairRound(ports, options, writer, ordered.slice(from, from + ROUND));
    for (const [tableName, repaired] of written) {
      totals.set(tableName, together(totals.get(tableName), repaired));
    }
    from += names;
    options.onRound?.(from);
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
): Promise<RepairedRound> {
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

/** A worker that was restarted meanwhile writes the same rows, has gone on, or hands out no snapshot; a lock is held by somebody. */
function mayPass(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state === SQLSTATE.deadlockDetected || state === SQLSTATE.lockNotAvailable) return true;
  return error instanceof ReplicateError && (error.code === 'PC504' || error.code === 'PC503');
}

interface RepairedRound {
  readonly written: ReadonlyMap<string, TableRepair>;
  /** How many of the names are done: the first ones. */
  readonly names: number;
}

type PlannedTable = Awaited<ReturnType<typeof planTables>>[number];

/** A piece of a round, read and not yet written. */
interface ReadPiece extends ReadRepairs {
  readonly tableName: string;
  readonly plan: UnionPlan | undefined;
  /** Why the table is left alone; nothing was read then. */
  readonly refused?: string | undefined;
}

/** All is read before anything is locked, so the node's position is held for the writing only. */
async function repairAt(
  pair: SnapshotPair,
  ports: RepairPorts,
  options: RepairOptions,
  writer: Connection,
  items: readonly RepairItem[],
): Promise<RepairedRound> {
  const { queueName, handlers } = options;
  const tableNames = [...new Set(items.map(({ tableName }) => tableName))];
  const plans = await planTables(pair, ports, { ...options, tableNames });
  const attrs = await readAttributes(writer, queueName);
  const pieces = await readPieces(pair, plans, items, (plan, tableName) =>
    whyNot(plan, { attrs: attrs.get(tableName) ?? null, handlers }),
  );
  const written = new Map<string, TableRepair>();
  const refused = new Map<string, string | undefined>();
  await writer.transaction(async (tx) => {
    await tx.execute(`set local idle_in_transaction_session_timeout = ${IDLE_MS}`);
    const triggersAct = await beginReplication(tx);
    const queues = [...pair.ticks].toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [queue, tick] of queues) await lockPosition(tx, queue, tick);
    for (const { tableName, plan, ...piece } of pieces) {
      if (!refused.has(tableName)) {
        refused.set(tableName, piece.refused ?? (await whyNotNow(tx, plan, tableName, options, triggersAct)));
      }
      const reason = refused.get(tableName);
      let repaired: TableRepair = {
        inserted: 0,
        updated: 0,
        deleted: 0,
        refusals: reason === undefined ? [] : [reason],
      };
      if (reason === undefined && plan !== undefined) {
        const repair = new RepairWriter(plan, {
          tx,
          queueName,
          tick: pair.tick,
          attrs: attrs.get(tableName) ?? null,
          handlers,
          applyToTable: ports.applyToTable,
          triggersAct,
        });
        await writePiece(repair, piece);
        repaired = repair.outcome;
      }
      written.set(tableName, together(written.get(tableName), repaired));
      options.signal.throwIfAborted();
    }
    if (triggersAct) {
      const touched = pieces.filter(({ tableName }) => refused.get(tableName) === undefined);
      await assertNoneActs(tx, [...new Set(touched.flatMap(({ plan }) => destTableOf(plan)))]);
    }
    await failpoint('repair-before-commit');
  });
  return { written, names: pieces.reduce((sum, { names }) => sum + names, 0) };
}

/** Reads the rows of a round, or of its first names when all are too much to hold. */
async function readPieces(
  pair: SnapshotPair,
  plans: readonly PlannedTable[],
  items: readonly RepairItem[],
  whyNotAtAll: (plan: PlannedTable | undefined, tableName: string) => string | undefined,
): Promise<ReadPiece[]> {
  const pieces: ReadPiece[] = [];
  // Rows that were seen to at this tick, whichever name meant them.
  const seen = new Set<string>();
  let bytes = 0;
  // Runs of one table: its deletes and the rest may be far from each other.
  for (const run of runsOf(items)) {
    const tableName = run[0]?.tableName as string;
    const found = plans.find((candidate) => candidate.tableName === tableName);
    const refused = whyNotAtAll(found, tableName);
    if (refused !== undefined) {
      pieces.push({ tableName, plan: undefined, refused, repairs: [], unclear: [], names: run.length });
      continue;
    }
    const plan = found as UnionPlan;
    for await (const read of readRepairs(plan, pair, run, seen)) {
      pieces.push({ tableName, plan, ...read });
      bytes += bytesOf(read);
      if (bytes > ROUND_BYTES) return pieces;
    }
  }
  return pieces;
}

/** Copies of one row share its texts. */
function bytesOf({ repairs }: ReadRepairs): number {
  const rows = new Set(
    repairs.flatMap((repair) =>
      repair.kind === 'insert'
        ? [repair.row]
        : repair.kind === 'delete'
          ? [repair.old]
          : [repair.row, repair.old],
    ),
  );
  let bytes = 0;
  for (const { texts } of rows) for (const text of texts) bytes += text?.length ?? 0;
  return bytes;
}

async function writePiece(repair: RepairWriter, { repairs, unclear }: Omit<ReadRepairs, 'names'>) {
  for (const key of unclear) repair.refuse(`Key ${key} stands for more than one row.`);
  await repair.write(repairs);
}

/**
 * Why a table cannot be written in this transaction. A copy that has begun meanwhile has a position of its own, and its
 * rows may be newer than those that were read; one that begins now waits.
 */
async function whyNotNow(
  tx: Connection,
  plan: UnionPlan | undefined,
  tableName: string,
  { queueName, mergedTables }: RepairOptions,
  triggersAct: boolean,
): Promise<string | undefined> {
  const parts = [{ queueName, tableName }, ...(mergedTables?.get(tableName) ?? [])];
  for (const part of parts) {
    const { ok } = await tx.one<{ ok: boolean }>('select pgcascade.lock_in_sync($1, $2) as ok', [
      part.queueName,
      part.tableName,
    ]);
    if (!ok)
      return `It is not in sync with queue "${part.queueName}" any more: a copy has begun, or it is parked.`;
  }
  return triggersAct ? whyItActs(tx, destTableOf(plan)) : undefined;
}

/** Why a table cannot be written in a session that is none of a replica; undefined when nothing acts on its rows. */
export async function whyItActs(tx: Connection, destTables: readonly string[]): Promise<string | undefined> {
  if (!(await acts(tx, destTables))) return undefined;
  return 'A trigger, rule or foreign key would act on its rows, as the role may not set session_replication_role: restart the worker, which takes it off.';
}

function destTableOf(plan: UnionPlan | undefined): string[] {
  return plan === undefined ? [] : [plan.sides.subscriber.shape.destTable];
}

async function acts(tx: Connection, destTables: readonly string[]): Promise<boolean> {
  const { acts } = await tx.one<{ acts: boolean }>('select pgcascade.acts($1) as acts', [destTables]);
  return acts;
}

/** Throws PC415, before the commit, when something has come meanwhile that acts; after the writes nothing can come any more. */
export async function assertNoneActs(tx: Connection, destTables: readonly string[]): Promise<void> {
  if (destTables.length === 0 || !(await acts(tx, destTables))) return;
  throw new ReplicateError(
    'PC415',
    `A trigger, rule or foreign key would act on rows that the repair writes into ${destTables.join(', ')}.`,
  );
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
  for await (const piece of readRepairs(plan as UnionPlan, pair, items, ports.seen)) {
    await writePiece(repair, piece);
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
