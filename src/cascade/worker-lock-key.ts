import type { Connection } from '../db/connection.js';

/**
 * First part of the advisory lock that a running worker holds on its own database; the second is
 * `hashtext(workerLockText(…))`. Whoever sees the lock sees that the worker is at work.
 */
export const WORKER_LOCK_CLASS = 1885827447;

export function workerLockText(queueName: string, consumerName: string): string {
  return `${queueName}/${consumerName}`;
}

/** True when a worker of this consumer is connected to its own database now. */
export async function isWorkerConnected(
  subscriber: Connection,
  queueName: string,
  consumerName: string,
): Promise<boolean> {
  const rows = await subscriber.query(
    `select from pg_locks as l
      where l.locktype = 'advisory'
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid = $1::int8::oid
        and l.objid = (hashtext($2)::int8 & 4294967295)::oid
        and l.granted`,
    [WORKER_LOCK_CLASS, workerLockText(queueName, consumerName)],
  );
  return rows.length > 0;
}
