import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';

/**
 * Opens a session on the subscriber that writes replicated tables. Where the role may set session_replication_role, user
 * triggers, foreign keys and our deny triggers do not fire in it; else see keep-off.ts.
 */
export async function openSubscriber(
  connect: Connect,
  conninfo: string,
  application: string,
  signal: AbortSignal,
): Promise<Connection> {
  const connection = await connect(conninfo, { application, signal });
  try {
    await setReplicaRole(connection);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Makes an open session that of a replica. False when the role may not set session_replication_role. May be repeated. */
export async function setReplicaRole(connection: Connection): Promise<boolean> {
  for (const sql of [
    'set session_replication_role = replica',
    `select londiste.set_session_replication_role('replica', false)`,
  ]) {
    try {
      await connection.execute(sql);
      return true;
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
    }
  }
  return false;
}
