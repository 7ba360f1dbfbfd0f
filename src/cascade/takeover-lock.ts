import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { sleep } from '../runtime/sleep.js';
import type { Member, MemberSessions } from './member-sessions.js';

/** Advisory locks of this class: the takeover of a root that a node takes part in. */
const TAKEOVER_LOCK_CLASS = 1885827456;
/** What a killed command had asked its server for goes on for a moment. */
const PATIENCE_MS = 5_000;
const POLL_MS = 100;

/**
 * Keeps every other takeover of a root away from these nodes until it is disposed: a second last tick of the old root would
 * have the id of the first tick of the new one. After a crash the locks are gone with the sessions.
 *
 * Throws PC208 naming the session that is at work; nothing is locked then.
 */
export async function lockTakeover(
  { queueName, signal }: MemberSessions,
  members: readonly Member[],
): Promise<AsyncDisposable> {
  const locked: Connection[] = [];
  const release = async () => {
    for (const connection of locked.filter(({ isOpen }) => isOpen))
      await connection.query('select pg_advisory_unlock($1, hashtext($2))', [TAKEOVER_LOCK_CLASS, queueName]);
  };
  try {
    for (const { connection, node } of members) {
      await lock(connection, queueName, node.nodeName, signal);
      locked.push(connection);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { [Symbol.asyncDispose]: release };
}

async function lock(
  connection: Connection,
  queueName: string,
  nodeName: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { locked } = await connection.one<{ locked: boolean }>(
      'select pg_try_advisory_lock($1, hashtext($2)) as locked',
      [TAKEOVER_LOCK_CLASS, queueName],
    );
    if (locked) return;
    if (performance.now() > deadline) break;
    await sleep(POLL_MS, signal);
    signal?.throwIfAborted();
  }
  const [holder] = await connection.query<{ pid: number; name: string }>(
    `select a.pid, a.application_name as name from pg_locks as l join pg_stat_activity as a on a.pid = l.pid
      where l.locktype = 'advisory' and l.classid = $1::int8::oid and l.granted and l.database = (select oid from pg_database where datname = current_database())
        and l.objid = (hashtext($2)::int8 & 4294967295)::oid`,
    [TAKEOVER_LOCK_CLASS, queueName],
  );
  const who = holder === undefined ? '' : ` (server process ${holder.pid}, ${holder.name})`;
  throw new ReplicateError('PC208', `Another takeover is at work on node "${nodeName}"${who}.`);
}
