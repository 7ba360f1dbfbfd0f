import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * Opens a session on the subscriber that writes replicated tables: user triggers, foreign keys and our deny triggers
 * do not fire in it.
 *
 * Throws PC204 when the role may not set session_replication_role.
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

/**
 * Makes an open session one that writes replicated tables. May be repeated. Throws PC204 when the role may not set
 * session_replication_role.
 */
export async function setReplicaRole(connection: Connection): Promise<void> {
  try {
    await connection.execute('set session_replication_role = replica');
    return;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
  }
  try {
    await connection.query(`select londiste.set_session_replication_role('replica', false)`);
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
    throw new ReplicateError(
      'PC204',
      `The role at ${connection.target} may not set session_replication_role; ` +
        'a superuser can grant it ("grant set on parameter session_replication_role to ROLE", PostgreSQL 15 or newer).',
      {},
      { cause: error },
    );
  }
}
