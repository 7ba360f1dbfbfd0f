import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';

/**
 * Asks the worker to copy a table anew; a parked table is taken up again by that. Where other queues feed the table too,
 * their workers are asked as well: nobody knows which rows are whose, so the table is emptied for all of them. In one
 * transaction, so no worker ever sees a table that is neither parked nor waiting. May be repeated.
 *
 * Returns the names of those other queues.
 */
export async function resyncTable(
  connection: Connection,
  queueName: string,
  tableName: string,
): Promise<readonly string[]> {
  return connection.transaction(async (tx) => {
    await callApi(tx, 'londiste.local_set_table_state', [queueName, tableName, null, null], { 404: 'PC400' });
    const { queues } = await tx.one<{ queues: string[] }>('select pgcascade.reset_parts($1, $2) as queues', [
      queueName,
      tableName,
    ]);
    return queues.slice(1);
  });
}
