import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import type { BatchLimits } from './batch-limits.js';
import { assertRegistered } from './dropped-consumer.js';
import { type BatchId, batchId, type TickId, tickId } from './ids.js';

/** The events between two ticks that one consumer has open. */
export interface Batch {
  readonly id: BatchId;
  readonly queueName: string;
  /** The batch holds what is visible at `endTick` and was not at `startTick`. */
  readonly startTick: TickId;
  readonly endTick: TickId;
  /** When the end tick was made, as PostgreSQL's text. */
  readonly endTime: string;
  /** The last event id that was given out when the end tick was made. */
  readonly endEventSequence: bigint;
}

interface NextBatchRow {
  readonly batch_id: bigint | null;
  readonly prev_tick_id: bigint;
  readonly cur_tick_id: bigint;
  readonly cur_tick_time: string;
  readonly cur_tick_event_seq: bigint;
  readonly [column: string]: unknown;
}

/**
 * Opens the consumer's next batch, or returns the one it has open. Undefined when no tick has been made since.
 * May be repeated; a crash leaves the batch open for the next call.
 *
 * Throws PC606 when the consumer was dropped from the queue, PC601 when it is not registered.
 */
export async function nextBatch(
  provider: Connection,
  queueName: string,
  consumerName: string,
  limits: BatchLimits = {},
): Promise<Batch | undefined> {
  const row = await callNextBatch(provider, [
    queueName,
    consumerName,
    interval(limits.minLagMs),
    limits.minCount ?? null,
    interval(limits.minIntervalMs),
  ]);
  if (row.batch_id === null) return undefined;
  return {
    id: batchId(row.batch_id),
    queueName,
    startTick: tickId(row.prev_tick_id),
    endTick: tickId(row.cur_tick_id),
    endTime: row.cur_tick_time,
    endEventSequence: row.cur_tick_event_seq,
  };
}

async function callNextBatch(
  provider: Connection,
  args: readonly [queueName: string, consumerName: string, ...limits: unknown[]],
): Promise<NextBatchRow> {
  try {
    return await provider.one<NextBatchRow>(
      `select batch_id, prev_tick_id, cur_tick_id, cur_tick_time, cur_tick_event_seq
         from pgq.next_batch_custom($1, $2, $3::interval, $4::int4, $5::interval)`,
      args,
    );
  } catch (error) {
    // PgQ raises the same SQLSTATE for all its errors: the most likely cause is looked up.
    if (sqlstateOf(error) === SQLSTATE.raisedException) await assertRegistered(provider, args[0], args[1]);
    throw error;
  }
}

/** Events of all tables that a catch-up takes at once at most, about: what it would have to repeat after a crash. */
const MOST_EVENTS = 50_000;

/**
 * Limits for the next batch of a consumer that stands at `position`, for which it takes many ticks at once and never goes past
 * the tick `until`, which has to be there already. Half of the way each time, because a batch may be twice as large as
 * wished when the queue ends there.
 */
export async function limitsUpTo(
  provider: Connection,
  queueName: string,
  position: TickId,
  until: TickId,
): Promise<BatchLimits> {
  const [row] = await provider.query<{ half: bigint }>(
    `select (least(u.tick_event_seq, newest.tick_event_seq) - p.tick_event_seq - 1) / 2 as half
       from pgq.queue as q
       join pgq.tick as p on p.tick_queue = q.queue_id and p.tick_id = $2
       join pgq.tick as u on u.tick_queue = q.queue_id and u.tick_id = $3
      cross join lateral (select n.tick_event_seq from pgq.tick as n where n.tick_queue = q.queue_id order by n.tick_id desc limit 1) as newest
      where q.queue_name = $1`,
    [queueName, position, until],
  );
  const half = Number(row?.half ?? 0n);
  return half > 0 ? { minCount: Math.min(half, MOST_EVENTS) } : {};
}

/** Whether there are ticks inside the batch: it was opened with limits, by this session or one before it. */
export async function spansTicks(
  provider: Connection,
  { queueName, startTick, endTick }: Batch,
): Promise<boolean> {
  const inside = await provider.query(
    `select from pgq.tick as t join pgq.queue as q on q.queue_id = t.tick_queue
      where q.queue_name = $1 and t.tick_id > $2 and t.tick_id < $3 limit 1`,
    [queueName, startTick, endTick],
  );
  return inside.length > 0;
}

/** Gives an open batch back of which nothing is applied: the consumer stands at its start tick again. May be repeated. */
export async function giveBack(provider: Connection, batch: Batch, consumerName: string): Promise<void> {
  await provider.query('select pgq.register_consumer_at($1, $2, $3)', [
    batch.queueName,
    consumerName,
    batch.startTick,
  ]);
}

/** Closes a batch: the consumer stands at its end tick. May be repeated; false when it was closed before. */
export async function finishBatch(provider: Connection, batch: Batch): Promise<boolean> {
  const { finished } = await provider.one<{ finished: number }>('select pgq.finish_batch($1) as finished', [
    batch.id,
  ]);
  return finished === 1;
}

function interval(ms: number | undefined): string | null {
  return ms === undefined ? null : `${ms} milliseconds`;
}
