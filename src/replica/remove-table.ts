import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { readTables } from './table-list.js';
import { dropTriggers, type WithTableLock } from './table-triggers.js';

export interface RemoveTableOptions {
  readonly queueName: string;
  readonly tableName: string;
  readonly withTableLock: WithTableLock;
}

/**
 * Ends the replication of one table on this node; on a root on all nodes. Its rows stay. Registration, triggers and
 * state go in one transaction. May be repeated. Throws PC208 when the table stays locked by others.
 */
export async function removeTable(connection: Connection, options: RemoveTableOptions): Promise<void> {
  const { queueName, tableName } = options;
  const known = (await readTables(connection, queueName)).find(({ name }) => name === tableName);
  await options.withTableLock(known?.destTable ?? tableName, async (tx) => {
    // First, for without a plan nobody takes what becomes of the triggers for a change to the table.
    await dropTriggers(tx, queueName, tableName);
    if (known?.isLocal === true) {
      await callApi(tx, 'londiste.local_remove_table', [queueName, tableName], { 400: 'PC400' });
    }
    await tx.query('select pgcascade.clear_table_state($1, $2)', [queueName, tableName]);
  });
}
