import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { hasStockTrigger, readCapturePlans } from './capture-plans.js';
import { readTables } from './table-list.js';

/** Makes or takes away the triggers that a replicated table has on this kind of node. Both may be repeated. */
export interface TableTriggers {
  readonly create: (tableName: string, destTable: string) => Promise<void>;
  readonly drop: (tableName: string, destTable: string) => Promise<void>;
}

export interface AddTableOptions {
  readonly queueName: string;
  readonly tableName: string;
  /** Its name in this database where it differs. */
  readonly destTable?: string | undefined;
  /** The rows are here already: no copy. */
  readonly expectSync: boolean;
  /** The copy adds to the rows that are here. */
  readonly skipTruncate: boolean;
  readonly triggers: TableTriggers;
}

/**
 * Registers one table on this node, with its triggers. What to check before is checked by the caller.
 *
 * The triggers come first: a table that is registered on a root without being captured could be copied by a leaf
 * and lose the writes in between, while events of a table that nobody knows yet are passed over. When the registration
 * fails the triggers are taken away again; after a crash between the two the same call finishes it.
 *
 * Returns `added`, or `exists` when it was there already. Throws PC208 when the table stays locked by others.
 */
export async function addTable(
  connection: Connection,
  options: AddTableOptions,
): Promise<'added' | 'exists'> {
  const { queueName, tableName, triggers } = options;
  const existing = (await readTables(connection, queueName)).find(({ name }) => name === tableName);
  const hasPlan = (await readCapturePlans(connection, queueName)).has(tableName);
  if (existing?.isLocal === true) {
    if (options.destTable !== undefined && options.destTable !== existing.destTable) {
      throw new ReplicateError(
        'PC400',
        `Table ${tableName} is replicated to ${existing.destTable} already: run remove-table first.`,
        { table: tableName },
      );
    }
    // The triggers of a table that the original's Londiste has added do the same: two sets would double its events.
    if (!hasPlan && !(await hasStockTrigger(connection, queueName, existing.destTable))) {
      await triggers.create(tableName, existing.destTable);
    }
    return 'exists';
  }

  const destTable = options.destTable ?? tableName;
  await triggers.create(tableName, destTable);
  try {
    await callApi(connection, 'londiste.local_add_table', [
      queueName,
      tableName,
      ['no_triggers', ...(options.expectSync ? ['expect_sync'] : [])],
      options.skipTruncate ? 'skip_truncate=1' : null,
      options.destTable ?? null,
    ]);
  } catch (error) {
    // With a lost connection nothing can be taken away; the table is closed or captured until the next call.
    if (!hasPlan && connection.isOpen) await triggers.drop(tableName, destTable).catch(() => undefined);
    throw error;
  }
  return 'added';
}
