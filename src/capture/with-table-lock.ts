import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** How long one try waits in the lock queue: every writer that comes after it waits as long. */
const TRY_MS = 1_000;
const PAUSE_MS = 500;

export interface TableLockOptions {
  /** The table as it is named in this database, `schema.name`. */
  readonly tableName: string;
  /** How long to go on trying in all. */
  readonly lockTimeoutMs: number;
}

/**
 * Runs `body`, which takes a strong lock on one user table, in a transaction of its own.
 *
 * A busy table is tried again and again, each time for at most one second, so that writers never queue up behind us
 * for longer. Throws PC208 naming who blocks when the time is up; nothing is done then.
 */
export async function withTableLock<T>(
  connection: Connection,
  options: TableLockOptions,
  body: (tx: Connection) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + options.lockTimeoutMs;
  for (;;) {
    try {
      return await connection.transaction(async (tx) => {
        const timeoutMs = Math.max(1, Math.min(TRY_MS, options.lockTimeoutMs));
        await tx.execute(`set local lock_timeout = ${timeoutMs}`);
        return body(tx);
      });
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw error;
      if (performance.now() + PAUSE_MS >= deadline) throw await tableIsBusy(connection, options, error);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function tableIsBusy(
  connection: Connection,
  options: TableLockOptions,
  cause: unknown,
): Promise<Error> {
  const holders = await connection.query<{ pid: number; usename: string | null; query: string | null }>(
    `select a.pid, a.usename::text, left(regexp_replace(a.query, '\\s+', ' ', 'g'), 60) as query
       from pg_locks as l
       join pg_stat_activity as a on a.pid = l.pid
      where l.relation = to_regclass($1)
        and l.granted
        and l.pid <> pg_backend_pid()
      order by a.xact_start
      limit 3`,
    [quoteName(options.tableName)],
  );
  const named = holders.map((h) => `pid ${h.pid} of ${h.usename ?? '?'} (${h.query ?? '?'})`).join(', ');
  return new ReplicateError(
    'PC208',
    `Table ${options.tableName} could not be locked within ${options.lockTimeoutMs / 1000} s; ` +
      `${named === '' ? 'who held it is gone' : `it is held by ${named}`}.`,
    { table: options.tableName },
    { cause },
  );
}
