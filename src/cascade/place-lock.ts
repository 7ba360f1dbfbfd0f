import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { sleep } from '../runtime/sleep.js';
import type { MemberSessions } from './member-sessions.js';

/** Advisory locks of this class: the command that gives a node another place in the cascade. */
const PLACE_LOCK_CLASS = 1885827456;
/** What a killed command had asked its server for goes on for a moment. */
const PATIENCE_MS = 5_000;
const POLL_MS = 100;

/**
 * Keeps every other command that gives one of these nodes another place away from them until it is disposed: a second last tick of an
 * old root would have the id of the first tick of the new one, and two moves would undo each other's registrations. The same command
 * may lock a node twice. After a crash the locks are gone with the sessions. What is known of the nodes has to be read after it.
 *
 * Throws PC208 naming the session that is at work; nothing is locked then.
 */
export async function lockPlaces(
  sessions: MemberSessions,
  names: readonly string[],
): Promise<AsyncDisposable> {
  const { queueName, signal } = sessions;
  const locked: Connection[] = [];
  const release = async () => {
    for (const connection of locked.filter(({ isOpen }) => isOpen)) {
      // With a session that is lost its locks are, too.
      await connection
        .query('select pg_advisory_unlock($1, hashtext($2))', [PLACE_LOCK_CLASS, queueName])
        .catch(() => undefined);
    }
  };
  try {
    for (const name of names) {
      const { connection } = await sessions.look(name);
      await lock(connection, queueName, name, signal);
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
      [PLACE_LOCK_CLASS, queueName],
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
    [PLACE_LOCK_CLASS, queueName],
  );
  const who = holder === undefined ? '' : ` (server process ${holder.pid}, ${holder.name})`;
  throw new ReplicateError(
    'PC208',
    `Another takeover, change-provider or resurrect is at work on node "${nodeName}"${who}.`,
  );
}
