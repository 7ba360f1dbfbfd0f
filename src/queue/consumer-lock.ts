import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { sleep } from '../runtime/sleep.js';

/** First part of the advisory lock that a running consumer holds on the queue's database. */
const CONSUMER_LOCK_CLASS = 1885827452;
const POLL_MS = 100;
/** A stand-by may wait for days. */
const STAND_BY_POLL_MS = 1000;
const STAND_BY_AFTER_MS = 10_000;

/**
 * Takes the lock that makes this the only process that reads the queue under the name, for as long as the connection
 * lives. False when the signal was aborted meanwhile.
 *
 * Throws PC600, naming the holder, when another session has it for longer than `patienceMs`.
 */
export async function lockConsumer(
  connection: Connection,
  queueName: string,
  consumerName: string,
  patienceMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const begin = performance.now();
  const key = `${queueName}/${consumerName}`;
  for (;;) {
    const { locked } = await connection.one<{ locked: boolean }>(
      'select pg_catalog.pg_try_advisory_lock($1, pg_catalog.hashtext($2)) as locked',
      [CONSUMER_LOCK_CLASS, key],
    );
    if (locked) return true;
    const waitedMs = performance.now() - begin;
    if (waitedMs >= patienceMs) break;
    if (!(await sleep(waitedMs < STAND_BY_AFTER_MS ? POLL_MS : STAND_BY_POLL_MS, signal))) return false;
  }
  const [holder] = await connection.query<{ pid: number; client: string | null }>(
    `select a.pid, a.client_addr::text as client
       from pg_catalog.pg_locks as l
       join pg_catalog.pg_stat_activity as a on a.pid = l.pid
      where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
        and l.classid = $1::int8::oid
        and l.objid = (pg_catalog.hashtext($2)::int8 & 4294967295)::oid
        and l.granted`,
    [CONSUMER_LOCK_CLASS, key],
  );
  const who = holder
    ? ` (server process ${holder.pid}, connected from ${holder.client ?? 'a local socket'})`
    : '';
  throw new ReplicateError(
    'PC600',
    `Another process reads queue "${queueName}" as consumer "${consumerName}" in ${connection.target}${who}.`,
    { queue: queueName, consumer: consumerName, pid: holder?.pid },
  );
}
