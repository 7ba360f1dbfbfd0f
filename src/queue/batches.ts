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
