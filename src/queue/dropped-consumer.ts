import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { hasRetention, readDropped } from './retention.js';

/**
 * Makes sure that reading on under this name loses nothing: throws PC606 when the consumer was dropped because it was over the
 * queue's budget (also when somebody has registered the name anew since), PC601 when it is not registered.
 */
export async function assertRegistered(
  connection: Connection,
  queueName: string,
  consumerName: string,
): Promise<void> {
  await assertNotDropped(connection, queueName, consumerName);
  const registered = await connection.query(
    'select consumer_name from pgq.get_consumer_info($1, $2) limit 1',
    [queueName, consumerName],
  );
  if (registered.length > 0) return;
  throw new ReplicateError(
    'PC601',
    `Consumer "${consumerName}" is not registered on queue "${queueName}" in ${connection.target}.`,
    { queue: queueName, consumer: consumerName },
  );
}

/** Throws PC606 when the consumer was dropped and the events that it lost are not made up for. */
export async function assertNotDropped(
  connection: Connection,
  queueName: string,
  consumerName: string,
): Promise<void> {
  if (!(await hasRetention(connection))) return;
  const dropped = (await readDropped(connection, queueName)).find(
    ({ consumer }) => consumer === consumerName,
  );
  if (dropped === undefined) return;
  throw new ReplicateError(
    'PC606',
    `Consumer "${consumerName}" of queue "${queueName}" in ${connection.target} was dropped at ${dropped.droppedAt}: ` +
      `${dropped.reason} It has lost the events after tick ${dropped.lastTick}.`,
    { queue: queueName, consumer: consumerName, tick: dropped.lastTick },
  );
}

/** Says that the events which dropped consumers have lost are made up for. Safe to repeat. */
export async function forgetDropped(
  connection: Connection,
  queueName: string,
  ...consumerNames: readonly string[]
): Promise<void> {
  if (!(await hasRetention(connection))) return;
  await connection.query(
    'select pgcascade.forget_dropped_consumer($1, c.name) from unnest($2::text[]) as c(name)',
    [queueName, consumerNames],
  );
}
