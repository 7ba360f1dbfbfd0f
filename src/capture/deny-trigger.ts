import type { Connection } from '../db/connection.js';
import { type CaptureOptions, dropCapture } from './create-capture.js';
import { withTableLock } from './with-table-lock.js';

/**
 * Closes one table of a leaf to every writer but replication, in one transaction. May be repeated. Throws PC400, or
 * PC208 when the table stays locked by others; nothing is changed then.
 */
export async function createDenyTrigger(connection: Connection, options: CaptureOptions): Promise<void> {
  const destTable = options.destTable ?? options.tableName;
  await withTableLock(
    connection,
    { tableName: destTable, lockTimeoutMs: options.lockTimeoutMs },
    async (tx) =>
      tx.execute('select pgcascade.create_deny($1, $2, $3)', [
        options.queueName,
        options.tableName,
        destTable,
      ]),
  );
}

/** Opens the table to all writers again. May be repeated. */
export async function dropDenyTrigger(connection: Connection, options: CaptureOptions): Promise<boolean> {
  return dropCapture(connection, options);
}
