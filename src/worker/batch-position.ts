import { POSITION_LOCK_CLASS } from '../cascade/position-lock-key.js';
import { WORKER_LOCK_CLASS, workerLockText } from '../cascade/worker-lock-key.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Batch } from '../queue/batches.js';
import { type TickId, tickId } from '../queue/ids.js';

/** After its provider has died a node that is ahead by empty ticks only can go back to where the others are. */
export async function noteEvents(tx: Connection, batch: Batch): Promise<void> {
  await tx.query(
    `insert into pgcascade.last_event_tick as t (queue_name, tick_id) values ($1, $2)
         on conflict on constraint last_event_tick_pkey do update set tick_id = excluded.tick_id`,
    [batch.queueName, batch.endTick],
  );
}

/**
 * Waits for the end of a transaction that a killed worker has left in the server: it may still be committing the very
 * batch that is offered again. The worker's own session holds its lock already; the consumers of copies have one each.
 * Then for the end of a repair, which has the queue's position to itself: the tick is to be read in a statement after this one.
 * Also begins the writing, as `beginReplication`, and returns what that does: one wait less.
 */
export async function lockPosition(tx: Connection, consumerName: string, batch: Batch): Promise<boolean> {
  const { acts } = await tx.one<{ acts: boolean }>(
    'select pg_advisory_xact_lock($1, hashtext($2)), pg_advisory_xact_lock_shared($3, hashtext($4)), pgcascade.begin_replication() as acts',
    [WORKER_LOCK_CLASS, workerLockText(batch.queueName, consumerName), POSITION_LOCK_CLASS, batch.queueName],
  );
  return acts;
}

/** True when the batch starts where the subscriber stands, false when the subscriber has it already. */
export async function isNext(tx: Connection, consumerName: string, batch: Batch): Promise<boolean> {
  const completed = await readCompletedTick(tx, batch.queueName, consumerName);
  if (completed === batch.startTick) return true;
  if (completed === batch.endTick) return false;
  throw new ReplicateError(
    'PC305',
    `Consumer "${consumerName}" is offered the events between ticks ${batch.startTick} and ${batch.endTick}, ` +
      `but this database is at tick ${completed}.`,
    { queue: batch.queueName },
  );
}

async function readCompletedTick(tx: Connection, queueName: string, consumerName: string): Promise<TickId> {
  const { completed_tick } = await tx.one<{ completed_tick: bigint }>(
    'select completed_tick from pgq_node.get_consumer_state($1, $2)',
    [queueName, consumerName],
  );
  return tickId(completed_tick);
}
