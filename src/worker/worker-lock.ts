import { WORKER_LOCK_CLASS, workerLockText } from '../cascade/worker-lock-key.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { sleep } from '../runtime/sleep.js';

/** A worker that was killed leaves its backend behind until that has noticed. */
const PATIENCE_MS = 5_000;
const POLL_MS = 100;

/**
 * Takes the lock that makes this the only worker of its node, for as long as the connection lives.
 *
 * Throws PC304 naming the holder when another worker has it.
 */
export async function lockWorker(
  subscriber: Connection,
  queueName: string,
  consumerName: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const key = workerLockText(queueName, consumerName);
  for (;;) {
    const { locked } = await subscriber.one<{ locked: boolean }>(
      'select pg_try_advisory_lock($1, hashtext($2)) as locked',
      [WORKER_LOCK_CLASS, key],
    );
    if (locked) return;
    if (performance.now() > deadline || !(await sleep(POLL_MS, signal))) break;
  }
  signal.throwIfAborted();
  const [holder] = await subscriber.query<{ pid: number; since: string; client: string | null }>(
    `select a.pid, a.backend_start::text as since, a.client_addr::text as client
       from pg_locks as l
       join pg_stat_activity as a on a.pid = l.pid
      where l.locktype = 'advisory'
        and l.classid = $1::int8::oid
        and l.objid = (hashtext($2)::int8 & 4294967295)::oid
        and l.granted`,
    [WORKER_LOCK_CLASS, key],
  );
  const who = holder
    ? ` (server process ${holder.pid}, connected since ${holder.since} from ${holder.client ?? 'a local socket'})`
    : '';
  throw new ReplicateError(
    'PC304',
    `Another worker of consumer "${consumerName}" is connected to ${subscriber.target}${who}.`,
  );
}
