import { callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { quoteLiteral, quoteName } from '../db/identifier.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { sleep } from '../runtime/sleep.js';

/** First part of the advisory lock of a queue's ticks; the second is the queue's id. pgq.ticker takes it too. */
export const TICK_LOCK_CLASS = 1885827445;

const DEFAULT_DEADLINE_MS = 10_000;
const STOCK_TICK_POLL_MS = 50;

export interface TickSnapshotOptions {
  readonly queueName: string;
  /**
   * Sessions on the provider, none of them in a transaction and not the provider connection itself. Each ends up in
   * a read-only repeatable read transaction that the caller has to end. One of them may later export the snapshot
   * again (`exportSnapshot`) for readers that are opened then.
   */
  readonly readers: readonly Connection[];
  /**
   * Tables that the readers will read, locked (access share) by each before the tick is made: a table that is rewritten by a
   * transaction which the snapshot does not see (ALTER TABLE, TRUNCATE) would look empty to it.
   */
  readonly tables?: readonly string[];
  /**
   * Runs when all readers have the snapshot and nobody else can see the tick yet. On a branch the tick has been
   * there before, so a subscriber may have passed it already.
   */
  readonly beforeCommit?: (tick: TickId) => Promise<void>;
  /** The longest wait for the tick lock, and then for the readers and `beforeCommit`: the ticker waits as long. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A snapshot's name as pg_export_snapshot() gives it: valid as long as the exporting transaction is open. */
export type SnapshotName = string & { readonly snapshot: unique symbol };

/**
 * Gives all readers one snapshot that is exactly "all events up to tick T", and returns T.
 *
 * On a root it makes the tick: in the transaction on `provider` whose snapshot the readers import. On a queue with
 * an external ticker (branch) every committed state is a tick boundary, and the completed tick names it.
 *
 * When it throws, no reader is left in a transaction; whether the tick is there is then unknown when the connection
 * was lost, else it is not. An additional tick does no harm, so the call may be repeated. Throws PC302 when the queue is not
 * there, PC315 when a takeover has closed the root, PC204 when the queue is of a stock PgQ and the role is not in pgq_admin, PC208 when the tick lock is not free in time, PC500 when readers or `beforeCommit` are not done in time.
 */
export async function openTickSnapshot(provider: Connection, options: TickSnapshotOptions): Promise<TickId> {
  options.signal?.throwIfAborted();
  const queue = await findQueue(provider, options.queueName);
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const handOut = (tick: TickId) => withDeadline(giveToReaders(provider, options, tick), deadlineMs);
  try {
    const tables = options.tables ?? [];
    await Promise.all(options.readers.map((reader) => beginReading(reader, tables, deadlineMs)));
    if (queue.external) {
      const read = queue.stock ? waitForStockTick : readCompletedTick;
      return await read(provider, options.queueName, deadlineMs, handOut);
    }
    await takeTickLock(provider, queue.id, deadlineMs, options.queueName);
    try {
      return await provider.transaction(async (tx) => {
        // Nothing up to the insert may take a snapshot, hence SET and LOCK and no SELECT.
        // A client that vanishes must not stop the ticker for longer than this.
        await tx.execute(
          `set local idle_in_transaction_session_timeout = ${2 * deadlineMs}; set local lock_timeout = ${deadlineMs}`,
        );
        // The ticker of a stock PgQ does not take the tick lock; its insert has to wait for ours.
        if (queue.stock) await lockTicks(tx, options.queueName);
        const tick = await insertTick(tx, queue, options.queueName);
        await handOut(tick);
        return tick;
      }, BEGIN);
    } finally {
      // With a lost connection the server has released the lock.
      if (provider.isOpen)
        await provider.query('select pg_advisory_unlock($1, $2)', [TICK_LOCK_CLASS, queue.id]);
    }
  } catch (error) {
    await Promise.all(options.readers.map(rollBack));
    throw explainLock(error, options.queueName);
  }
}

/** Exports the snapshot that an open repeatable read transaction has, its own or an imported one. */
export async function exportSnapshot(reader: Connection): Promise<SnapshotName> {
  const { name } = await reader.one<{ name: SnapshotName }>('select pg_export_snapshot() as name');
  return name;
}

/** Begins a read-only transaction on `reader` with an exported snapshot of the same database. */
export async function importSnapshot(reader: Connection, snapshot: SnapshotName): Promise<void> {
  await reader.execute(
    `begin isolation level repeatable read read only; set transaction snapshot ${quoteLiteral(snapshot)}`,
  );
}

const BEGIN = 'begin isolation level repeatable read';

interface Queue {
  readonly id: number;
  readonly external: boolean;
  /** PgQ is not ours. */
  readonly stock: boolean;
  /** Ours is here beside it. */
  readonly hasOurs: boolean;
}

async function findQueue(provider: Connection, queueName: string): Promise<Queue> {
  const [queue] = await provider.query<{ id: number; external: boolean; stock: boolean; hasOurs: boolean }>(
    `select q.queue_id as id, q.queue_external_ticker as external,
            -- A stock node has nothing of ours, so this asks for a routine that only our pgq has.
            to_regproc('pgq._make_insert_event') is null as stock,
            to_regproc('pgcascade.insert_snapshot_tick') is not null as "hasOurs"
       from pgq.queue as q
      where q.queue_name = $1`,
    [queueName],
  );
  if (queue === undefined) {
    throw new ReplicateError('PC302', `There is no queue "${queueName}" at ${provider.target}.`, {
      queueName,
    });
  }
  return queue;
}

/** Whoever may write ticks may take this lock; a routine of ours cannot take it, because its call would take the snapshot first. */
async function lockTicks(tx: Connection, queueName: string): Promise<void> {
  try {
    await tx.execute('lock table pgq.tick in share row exclusive mode');
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
    const message = `The role at ${tx.target} may not lock pgq.tick of a PgQ that is not ours: it must be a member of pgq_admin.`;
    throw new ReplicateError('PC204', message, { queueName }, { cause: error });
  }
}

async function insertTick(tx: Connection, queue: Queue, queueName: string): Promise<TickId> {
  // Without anything of ours PgQ's own ticker does it, whose snapshot is this transaction's; it has to believe that there are events.
  if (!queue.hasOurs) await tx.query('select pgq.force_tick($1)', [queueName]);
  const routine = queue.hasOurs ? 'pgcascade.insert_snapshot_tick' : 'pgq.ticker';
  const tick = await readTick(tx, `select ${routine}($1) as id`, queueName);
  if (tick === undefined) throw noNode(tx, queueName);
  return tick;
}

type HandOut = (tick: TickId) => Promise<void>;

async function readCompletedTick(
  provider: Connection,
  queueName: string,
  _deadlineMs: number,
  handOut: HandOut,
): Promise<TickId> {
  return await provider.transaction(async (tx) => {
    await refuseClosedRoot(tx, queueName);
    const tick = await readTick(tx, 'select pgcascade.completed_tick($1) as id', queueName);
    if (tick === undefined) throw noNode(tx, queueName);
    await handOut(tick);
    return tick;
  }, BEGIN);
}

/** A stock branch makes a tick of its own only after the commit of the events: its snapshot is one of a tick when that is there. */
async function waitForStockTick(
  provider: Connection,
  queueName: string,
  deadlineMs: number,
  handOut: HandOut,
): Promise<TickId> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await provider.transaction(async (tx) => {
      await refuseClosedRoot(tx, queueName);
      const tick = await readTick(
        tx,
        `select t.tick_id as id
           from pgq_node.get_node_info($1) as n
           join pgq.queue as q on q.queue_name = $1
           join pgq.tick as t on t.tick_queue = q.queue_id and t.tick_id = n.worker_last_tick`,
        queueName,
      );
      if (tick !== undefined) await handOut(tick);
      return tick;
    }, BEGIN);
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new ReplicateError(
        'PC500',
        `The branch at ${provider.target} has made no tick within ${deadlineMs} ms.`,
      );
    }
    await sleep(STOCK_TICK_POLL_MS);
  }
}

/**
 * Throws PC315 on a root that a takeover has closed: it gets no ticks of its own any more, and its completed tick, which is that of
 * the time when it became the root, names no state until it is a branch.
 */
async function refuseClosedRoot(tx: Connection, queueName: string): Promise<void> {
  const [node] = await tx.query<{ node_type: string | null }>(
    'select node_type from pgq_node.get_node_info($1)',
    [queueName],
  );
  if (node?.node_type !== 'root') return;
  throw new ReplicateError('PC315', `The root at ${tx.target} is closed for a takeover.`, { queueName });
}

async function readTick(tx: Connection, sql: string, queueName: string): Promise<TickId | undefined> {
  const [row] = await callRoutine<{ id: bigint | null }>(tx, sql, [queueName]);
  return row === undefined || row.id === null ? undefined : tickId(row.id);
}

function noNode({ target }: Connection, queueName: string): ReplicateError {
  return new ReplicateError('PC302', `Queue "${queueName}" has no node at ${target}.`, { queueName });
}

/**
 * The lock outlives the transaction it is taken in, whose only use is the lock_timeout: the transaction of the tick
 * must not have a snapshot before the lock is held.
 */
async function takeTickLock(
  provider: Connection,
  queueId: number,
  deadlineMs: number,
  queueName: string,
): Promise<void> {
  try {
    await provider.transaction(async (tx) => {
      await tx.execute(`set local lock_timeout = ${deadlineMs}`);
      await tx.query('select pg_advisory_lock($1, $2)', [TICK_LOCK_CLASS, queueId]);
    });
  } catch (error) {
    throw explainLock(error, queueName);
  }
}

async function giveToReaders(
  provider: Connection,
  { readers, beforeCommit, signal }: TickSnapshotOptions,
  tick: TickId,
): Promise<void> {
  const snapshot = await exportSnapshot(provider);
  await Promise.all(
    readers.map((reader) => reader.execute(`set transaction snapshot ${quoteLiteral(snapshot)}`)),
  );
  signal?.throwIfAborted();
  await beforeCommit?.(tick);
  signal?.throwIfAborted();
}

/** SET and LOCK take no snapshot, so the transaction can still be given one. */
async function beginReading(
  reader: Connection,
  tables: readonly string[],
  deadlineMs: number,
): Promise<void> {
  await reader.execute('begin isolation level repeatable read read only');
  if (tables.length === 0) return;
  const names = tables.map(quoteName).join(', ');
  try {
    await reader.execute(
      `set local lock_timeout = ${deadlineMs}; lock table ${names} in access share mode; set local lock_timeout = 0`,
    );
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw error;
    const message = `Another session keeps ${tables.join(', ')} at ${reader.target} locked.`;
    throw new ReplicateError('PC208', message, {}, { cause: error });
  }
}

async function rollBack(reader: Connection): Promise<void> {
  // Outside of a transaction this is a warning; a reader that is gone has nothing to roll back.
  if (reader.isOpen) await reader.execute('rollback').catch(() => undefined);
}

function explainLock(error: unknown, queueName: string): unknown {
  if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) return error;
  return new ReplicateError(
    'PC208',
    `The tick lock of queue "${queueName}" is held by another session.`,
    { queueName },
    { cause: error },
  );
}

async function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ReplicateError('PC500', `The readers of a tick were not ready within ${deadlineMs} ms.`));
    }, deadlineMs);
  });
  try {
    await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
