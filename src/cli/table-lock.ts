import { withTableLock } from '../capture/with-table-lock.js';
import type { Connection } from '../db/connection.js';
import type { WithTableLock } from '../replica/table-triggers.js';

/** How the commands of this node take the lock of a table: `lock_timeout` of the ini file in all. */
export function tableLock(connection: Connection, lockTimeoutMs: number): WithTableLock {
  return (destTable, body) => withTableLock(connection, { tableName: destTable, lockTimeoutMs }, body);
}
