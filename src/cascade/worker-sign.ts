import type { Connection } from '../db/connection.js';
import { WORKER_LOCK_CLASS, workerLockText } from './worker-lock-key.js';

/**
 * What a node's database sees of its worker: `none` is connected; `silent`: one is connected and has done nothing for so
 * long that it is stopped, or its machine is gone; `alive`.
 */
export type WorkerSign = 'none' | 'silent' | 'alive';

/** A worker looks at its state at least every loop_delay or, after an error, every exception_sleep. */
export const SILENCE_MS = 60_000;
/** In a transaction it may wait for its provider to sort a large batch. */
const SILENCE_IN_TRANSACTION = 10;

/**
 * Looks for the worker of a consumer in its own database. A session that this role may not see counts as alive, and
 * a worker of Londiste, which takes no lock, as none.
 */
export async function readWorkerSign(
  subscriber: Connection,
  queueName: string,
  consumerName: string,
  silenceMs = SILENCE_MS,
): Promise<WorkerSign> {
  const rows = await subscriber.query<{ silent: boolean }>(
    `select coalesce(case a.state
                when 'idle' then a.state_change < clock_timestamp() - $3::float8 * interval '1 ms'
                when 'idle in transaction'
                then a.state_change < clock_timestamp() - $4::float8 * interval '1 ms'
            end, false) as silent
       from pg_locks as l
       left join pg_stat_activity as a on a.pid = l.pid
      where l.locktype = 'advisory'
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid = $1::int8::oid
        and l.objid = (hashtext($2)::int8 & 4294967295)::oid
        and l.granted`,
    [
      WORKER_LOCK_CLASS,
      workerLockText(queueName, consumerName),
      silenceMs,
      silenceMs * SILENCE_IN_TRANSACTION,
    ],
  );
  if (rows.length === 0) return 'none';
  return rows.every(({ silent }) => silent) ? 'silent' : 'alive';
}
