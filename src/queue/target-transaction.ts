import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import type { Batch } from './batches.js';
import type { TargetClient } from './consumer-batch.js';

/** First part of the advisory lock of a consumer's transactions on a target. */
const TARGET_LOCK_CLASS = 1885827453;

export type TargetOutcome<T> =
  | { readonly kind: 'applied'; readonly result: T }
  /** The target has the batch from an earlier time. */
  | { readonly kind: 'already-applied' };

/**
 * Runs `work` for a batch in a transaction of another database and records the end tick there, in
 * pgq_ext.completed_tick under the consumer's name and, as its part, the queue's.
 *
 * Positions are ticks: they mean the same on every node of a cascade and survive that the provider is replaced.
 * After a crash the caller may repeat the call with the same batch. Of two processes with one batch the second
 * waits for the first and finds the batch done.
 *
 * Throws PC602 when events between target and batch are missing or some of the batch are there, PC206 when the
 * target has no schema pgq_ext, PC604 when the target is a pool.
 */
export async function runOnTarget<C extends TargetClient, T>(
  target: C,
  consumerName: string,
  batch: Batch,
  work: (tx: C) => Promise<T>,
): Promise<TargetOutcome<T>> {
  if ('totalCount' in target) {
    throw new ReplicateError(
      'PC604',
      'exactlyOnce needs one connection: give it a client of the pool, not the pool.',
    );
  }
  await target.query('begin');
  try {
    await target.query('select pg_catalog.pg_advisory_xact_lock($1, pg_catalog.hashtext($2))', [
      TARGET_LOCK_CLASS,
      `${batch.queueName}/${consumerName}`,
    ]);
    const position = await readPosition(target, consumerName, batch.queueName);
    if (position !== undefined && position >= batch.endTick) {
      await target.query('rollback');
      return { kind: 'already-applied' };
    }
    if (position !== undefined && position !== batch.startTick) {
      throw new ReplicateError(
        'PC602',
        `The target stands at tick ${position} of queue "${batch.queueName}", the batch goes from ${batch.startTick} to ${batch.endTick}.`,
        { consumer: consumerName, position, startTick: batch.startTick, endTick: batch.endTick },
      );
    }
    const result = await work(target);
    await target.query('select pgq_ext.set_last_tick($1::text, $2::text, $3::int8)', [
      consumerName,
      batch.queueName,
      String(batch.endTick),
    ]);
    await failpoint('consumer-target-before-commit');
    await target.query('commit');
    await failpoint('consumer-target-after-commit');
    return { kind: 'applied', result };
  } catch (error) {
    // The first error is the one that matters; a rollback fails only with the connection itself.
    await target.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function readPosition(
  target: TargetClient,
  consumerName: string,
  queueName: string,
): Promise<bigint | undefined> {
  try {
    const { rows } = await target.query('select pgq_ext.get_last_tick($1::text, $2::text)::text as tick', [
      consumerName,
      queueName,
    ]);
    const { tick } = rows[0] as { tick: string | null };
    return tick === null ? undefined : BigInt(tick);
  } catch (error) {
    if (sqlstateOf(error) === SQLSTATE.undefinedFunction || sqlstateOf(error) === SQLSTATE.undefinedSchema) {
      throw new ReplicateError(
        'PC206',
        'The target has no schema pgq_ext, which keeps its position.',
        {},
        { cause: error },
      );
    }
    throw error;
  }
}
