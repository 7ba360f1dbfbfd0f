import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import type { TableTriggers } from './add-table.js';
import { readCapturePlans } from './capture-plans.js';
import { readTables } from './table-list.js';

export interface RemoveTableOptions {
  readonly queueName: string;
  readonly tableName: string;
  readonly triggers: TableTriggers;
}

/**
 * Ends the replication of one table on this node; on a root on all nodes. Its rows stay.
 *
 * First the registration goes, then the triggers: after a crash in between the same call takes away what is left.
 * Returns `removed`, or `absent` when there was nothing of it.
 */
export async function removeTable(
  connection: Connection,
  { queueName, tableName, triggers }: RemoveTableOptions,
): Promise<'removed' | 'absent'> {
  const known = (await readTables(connection, queueName)).find(({ name }) => name === tableName);
  const hasPlan = (await readCapturePlans(connection, queueName)).has(tableName);
  if (known?.isLocal === true) {
    await connection.transaction(async (tx) => {
      await callApi(tx, 'londiste.local_remove_table', [queueName, tableName], { 400: 'PC400' });
      await tx.query('select pgcascade.clear_table_state($1, $2)', [queueName, tableName]);
    });
  }
  if (hasPlan) await triggers.drop(tableName, known?.destTable ?? tableName);
  return known?.isLocal === true || hasPlan ? 'removed' : 'absent';
}
