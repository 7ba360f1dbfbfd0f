import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';

/**
 * Asks the worker to copy a table anew; a parked table is taken up again by that. In one transaction, so the worker
 * never sees a table that is neither parked nor waiting. May be repeated.
 */
export async function resyncTable(
  connection: Connection,
  queueName: string,
  tableName: string,
): Promise<void> {
  await connection.transaction(async (tx) => {
    await callApi(tx, 'londiste.local_set_table_state', [queueName, tableName, null, null], { 404: 'PC400' });
    await tx.query('select pgcascade.clear_table_state($1, $2)', [queueName, tableName]);
  });
}
