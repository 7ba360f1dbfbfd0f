import { callRoutine } from '../cascade/call-api.js';
import { type NodeType, readNodeInfo } from '../cascade/node-info.js';
import { readSubscribers } from '../cascade/subscriber.js';
import { readWorkerSign, type WorkerSign } from '../cascade/worker-sign.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import {
  type DroppedConsumer,
  hasRetention,
  type QueueBudget,
  type Retention,
  readBudgets,
  readDropped,
  readRetention,
} from '../queue/retention.js';
import {
  knowsSchemaChanges,
  readSchemaChanges,
  readSilentTables,
  type SchemaChange,
} from '../replica/capture-plans.js';
import { type CompareResult, readCompareResults } from '../replica/compare-results.js';
import { type CopyProgress, readSyncProgress, secondsLeft } from '../replica/sync-progress.js';
import { readTables } from '../replica/table-list.js';
import type { TableState } from '../replica/table-state.js';

export interface TableCounts {
  readonly ok: number;
  /** Being copied, or waiting for it. */
  readonly copying: number;
  /** Set aside until they fit their events, which are kept; then they go on by themselves. */
  readonly waiting: number;
  /** Set aside after an error, until a resync. */
  readonly parked: number;
  /** Known in the cascade, not replicated on this node. */
  readonly notHere: number;
}

/** A table that is set aside: it waits, or is parked. */
export interface ParkedTable {
  readonly name: string;
  readonly errorCode: string;
  readonly message: string;
  /** It goes on by itself when it fits its events, which are kept. */
  readonly isWaiting: boolean;
}

/** The ticks that are made on a root. */
export interface TickerStatus {
  readonly secondsSinceTick: number;
  /** Events that no tick covers yet. */
  readonly newEvents: bigint;
  /** The ticker should have made a tick by now. */
  readonly isLate: boolean;
}

/** More are in `tables --capture`. */
const SHOWN_CHANGES = 5;

/** What a root says of the triggers of its tables. */
export interface CaptureStatus {
  readonly changes: readonly SchemaChange[];
  readonly silentTables: readonly string[];
}

/** What the consumers of a node's queue hold back. */
export interface RetentionStatus {
  /** Null: the queue has none. */
  readonly budget: QueueBudget | null;
  readonly consumers: readonly Retention[];
  /** Consumers that were over the budget and have lost events. */
  readonly dropped: readonly DroppedConsumer[];
}

/** What is kept off the tables of a subscriber whose role may not set session_replication_role. */
export interface KeptOff {
  readonly keys: number;
  /** Rules too. */
  readonly triggers: number;
}

/** Something that was kept off a table, is not to be any more, or not for a script, and could not be put back. */
export interface NotBack {
  /** Triggers of a table, with its rules, or one foreign key. */
  readonly what: string;
  /** True for a foreign key that holds for new rows and is not valid. */
  readonly isInForce: boolean;
  readonly reason: string;
}

/** A table that is being copied. */
export interface RunningCopy extends CopyProgress {
  readonly name: string;
  /** Null where it cannot be told. */
  readonly secondsLeft: number | null;
  /** Who keeps it from a lock here. */
  readonly blocker: string | null;
}

/** What one node says of itself. */
export interface NodeStatus {
  readonly name: string;
  readonly type: NodeType;
  /** Null on a root. */
  readonly provider: string | null;
  readonly tick: TickId;
  readonly isPaused: boolean;
  /** Null where that cannot be seen: a node of Londiste. */
  readonly worker: WorkerSign | null;
  readonly tables: TableCounts;
  /** Tables that are being copied, and how far they are. */
  readonly copies: readonly RunningCopy[];
  readonly parkedTables: readonly ParkedTable[];
  /** Tables of which changes were left out since they were copied, because their rows are not here. */
  readonly leftOut: readonly { readonly name: string; readonly changes: bigint }[];
  /** Tables of which blocks were written twice in the last hour; with the numbers since the worker's start. */
  readonly slowTables: readonly { readonly name: string; readonly blocks: bigint; readonly reason: string }[];
  /** Null where the worker needs nothing of the kind. */
  readonly keptOff: KeptOff | null;
  readonly notBack: readonly NotBack[];
  /** What its worker, or another consumer that writes here, failed with last; the first line. */
  readonly errors: readonly { readonly consumer: string; readonly message: string }[];
  /** Only on a root. */
  readonly ticker: TickerStatus | null;
  /** Names of the nodes that are registered to read from it. */
  readonly subscribers: readonly string[];
  /** Null on a leaf, which keeps no events, and where it cannot be read. */
  readonly retention: RetentionStatus | null;
  /** Changes to its tables without `execute` in the last day, and captured tables whose triggers are off. Of a root only. */
  readonly capture: CaptureStatus | null;
  /** What the last compare of each table and sequence found, by name. Of a root none. */
  readonly compared: readonly CompareResult[];
}

/** Reads the status of the node of a queue; undefined when the database has no such node. Changes nothing. */
export async function readNodeStatus(
  connection: Connection,
  queueName: string,
): Promise<NodeStatus | undefined> {
  const node = await readNodeInfo(connection, queueName).catch((error: unknown) => {
    // Nothing is installed there: then there is no node either.
    if (error instanceof ReplicateError && error.code === 'PC206') return undefined;
    throw error;
  });
  if (node === undefined) return undefined;
  const tables = await readTables(connection, queueName);
  const count = (...kinds: string[]) => tables.filter(({ state }) => kinds.includes(state.kind)).length;
  const parkedTables = tables.flatMap(({ name, state }) =>
    state.kind === 'parked' ? [parkedTable(name, state)] : [],
  );
  const isLeaf = node.nodeType === 'leaf';
  const { isOurs } = await connection.one<{ isOurs: boolean }>(
    `select to_regnamespace('pgcascade') is not null as "isOurs"`,
  );
  return {
    name: node.nodeName,
    type: node.nodeType,
    provider: node.nodeType === 'root' ? null : node.providerNode,
    tick: node.lastTick,
    isPaused: node.isPaused,
    worker: isOurs ? await readWorkerSign(connection, queueName, node.workerName) : null,
    tables: {
      ok: count('ok'),
      copying: count('waiting', 'copying'),
      waiting: parkedTables.filter(({ isWaiting }) => isWaiting).length,
      parked: parkedTables.filter(({ isWaiting }) => !isWaiting).length,
      notHere: count('not-here'),
    },
    copies: isOurs && count('copying') > 0 ? await readCopies(connection, queueName, node.workerName) : [],
    parkedTables,
    leftOut: tables.flatMap(({ name, leftOut }) => (leftOut > 0n ? [{ name, changes: leftOut }] : [])),
    slowTables: isOurs && node.nodeType !== 'root' ? await readSlowTables(connection, queueName) : [],
    keptOff: isOurs && node.nodeType !== 'root' ? await readKeptOff(connection, queueName) : null,
    notBack: isOurs ? await readNotBack(connection) : [],
    errors: await readErrors(connection, queueName),
    ticker: node.nodeType === 'root' ? await readTicker(connection, queueName) : null,
    subscribers: isLeaf ? [] : (await readSubscribers(connection, queueName)).map(({ nodeName }) => nodeName),
    retention: isLeaf ? null : await readRetentionStatus(connection, queueName),
    compared: isOurs && node.nodeType !== 'root' ? await readCompareResults(connection, queueName) : [],
    capture: isOurs && node.nodeType === 'root' ? await readCaptureStatus(connection, queueName) : null,
  };
}

async function readCopies(
  connection: Connection,
  queueName: string,
  workerName: string,
): Promise<readonly RunningCopy[]> {
  const { tables } = await readSyncProgress(connection, queueName, workerName);
  return tables.flatMap(({ name, state, copy, blocker }) => {
    if (state.kind !== 'copying' || copy === undefined) return [];
    return [{ name, ...copy, secondsLeft: secondsLeft(copy) ?? null, blocker: blocker ?? null }];
  });
}

async function readSlowTables(connection: Connection, queueName: string): Promise<NodeStatus['slowTables']> {
  if (!(await mayRead(connection, 'pgcascade.written_again'))) return [];
  const rows = await connection.query<{ name: string; blocks: bigint; reason: string }>(
    `select table_name as name, blocks, reason from pgcascade.written_again
      where queue_name = $1 and last_at > clock_timestamp() - interval '1 hour' order by blocks desc, table_name`,
    [queueName],
  );
  return rows;
}

/** False also where an older pgcascade is installed, which has no such table. */
async function mayRead(connection: Connection, tableName: string): Promise<boolean> {
  const { may } = await connection.one<{ may: boolean | null }>(
    "select has_table_privilege(to_regclass($1)::oid, 'select') as may",
    [tableName],
  );
  return may === true;
}

async function readKeptOff(connection: Connection, queueName: string): Promise<KeptOff | null> {
  if (!(await mayRead(connection, 'pgcascade.unprivileged_worker'))) return null;
  const [row] = await connection.query<{ keys: bigint; triggers: bigint }>(
    `select (select count(*) from londiste.pending_fkeys) as keys, (select count(*) from pgcascade.taken_off) as triggers
       from pgcascade.unprivileged_worker where queue_name = $1`,
    [queueName],
  );
  return row === undefined ? null : { keys: Number(row.keys), triggers: Number(row.triggers) };
}

async function readNotBack(connection: Connection): Promise<NotBack[]> {
  if (!(await mayRead(connection, 'pgcascade.put_back_error'))) return [];
  return connection.query<{ what: string; isInForce: boolean; reason: string }>(
    `select case e.kind when 'key' then format('foreign key "%s" of %s', e.object_name, e.table_name)
                        else 'triggers or rules of ' || e.table_name end as what,
            exists (select
                      from pg_constraint as k
                      join pg_class as c on c.oid = k.conrelid
                      join pg_namespace as n on n.oid = c.relnamespace
                     where k.contype = 'f'
                       and k.conname = e.object_name
                       and n.nspname || '.' || c.relname = e.table_name) as "isInForce",
            e.message as reason
       from pgcascade.put_back_error as e
      where exists (select from pgcascade.taken_off as t where e.kind = 'triggers' and t.table_name = e.table_name)
         or exists (select from londiste.pending_fkeys as f
                     where e.kind = 'key' and f.from_table = e.table_name and f.fkey_name = e.object_name)
      order by 1`,
  );
}

async function readCaptureStatus(connection: Connection, queueName: string): Promise<CaptureStatus | null> {
  if (!(await knowsSchemaChanges(connection))) return null;
  return {
    changes: (await readSchemaChanges(connection, queueName, 1, 'last')).slice(0, SHOWN_CHANGES),
    silentTables: await readSilentTables(connection, queueName),
  };
}

function parkedTable(
  name: string,
  { errorCode, message, isWaiting }: Extract<TableState, { kind: 'parked' }>,
): ParkedTable {
  return { name, errorCode, message, isWaiting };
}

async function readRetentionStatus(
  connection: Connection,
  queueName: string,
): Promise<RetentionStatus | null> {
  if (!(await hasRetention(connection))) return null;
  return {
    budget: (await readBudgets(connection)).get(queueName) ?? null,
    consumers: await readRetention(connection, queueName),
    dropped: await readDropped(connection, queueName),
  };
}

async function readErrors(connection: Connection, queueName: string): Promise<NodeStatus['errors']> {
  const rows = await callRoutine<{ consumer_name: string; cur_error: string | null }>(
    connection,
    'select consumer_name, cur_error from pgq_node.get_consumer_info($1) order by consumer_name',
    [queueName],
  );
  return rows.flatMap(({ consumer_name: consumer, cur_error: error }) =>
    error === null ? [] : [{ consumer, message: error.split('\n', 1)[0] ?? '' }],
  );
}

async function readTicker(connection: Connection, queueName: string): Promise<TickerStatus | null> {
  const [row] = await callRoutine<{ seconds: number; events: bigint; late: boolean }>(
    connection,
    // Ten seconds for a ticker that is busy elsewhere or just starts.
    `select greatest(0, extract(epoch from q.ticker_lag)::float8) as seconds,
            coalesce(q.ev_new, 0) as events,
            q.ticker_lag > interval '10 seconds'
                + case when q.ev_new > 0 then q.queue_ticker_max_lag else q.queue_ticker_idle_period end as late
       from pgq.get_queue_info($1) as q`,
    [queueName],
  );
  if (row === undefined) return null;
  return { secondsSinceTick: row.seconds, newEvents: row.events, isLate: row.late };
}
