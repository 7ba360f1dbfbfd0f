import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * Sets session_replication_role, for the transaction or for the session, by the right of the session's role or of the one
 * that has installed londiste. Returns false when neither may; then the open transaction has not failed.
 */
export async function setReplicationRole(
  tx: Connection,
  role: 'replica' | 'local',
  scope: 'transaction' | 'session',
): Promise<boolean> {
  const isLocal = scope === 'transaction';
  for (const sql of [
    `select set_config('session_replication_role', '${role}', ${isLocal})`,
    `select londiste.set_session_replication_role('${role}', ${isLocal})`,
  ]) {
    await tx.execute('savepoint pgc_role');
    try {
      await tx.query(sql);
      await tx.execute('release savepoint pgc_role');
      return true;
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
      await tx.execute('rollback to savepoint pgc_role; release savepoint pgc_role');
    }
  }
  return false;
}

/**
 * Keeps the triggers of PgQ, which know nothing of scripts, from writing events in this transaction. Does nothing on a
 * queue whose tables have only generated triggers. Throws PC204 when the role may not.
 */
export async function localTriggersRole(tx: Connection, queueName: string): Promise<void> {
  const { found } = await tx.one<{ found: boolean }>(
    String.raw`select exists (
        select 1
          from pg_catalog.pg_trigger as t
          join pg_catalog.pg_proc as p on p.oid = t.tgfoid
          join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
         where n.nspname = 'pgq'
           and p.proname in ('logutriga', 'sqltriga', 'jsontriga', 'logtriga')
           and t.tgenabled <> 'D'
           and split_part(encode(t.tgargs, 'escape'), E'\\000', 1) = $1
    ) as found`,
    [queueName],
  );
  if (!found || (await setReplicationRole(tx, 'local', 'transaction'))) return;
  throw new ReplicateError(
    'PC204',
    `Tables of queue "${queueName}" have triggers of PgQ, which take a script's changes for the application's unless session_replication_role is set to local, and the role at ${tx.target} may not set it.`,
  );
}
