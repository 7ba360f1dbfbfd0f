import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { hasStockTrigger, readCapturePlans } from './capture-plans.js';
import { readTables } from './table-list.js';
import { createTriggers, type TriggerOptions, type WithTableLock } from './table-triggers.js';

export interface AddTableOptions {
  readonly queueName: string;
  readonly tableName: string;
  /** Its name in this database where it differs. */
  readonly destTable?: string | undefined;
  readonly purpose: TriggerOptions['purpose'];
  /** The rows are here already: no copy. */
  readonly expectSync: boolean;
  /** Urlencoded, as Londiste stores them. */
  readonly attributes: string | null;
  /** The table need not be here: no triggers, no copy. */
  readonly isVirtual: boolean;
  readonly withTableLock: WithTableLock;
}

/**
 * Registers one table on this node, with its triggers. What to check before is checked by the caller.
 *
 * Both in one transaction: a table that is registered on a root without being captured could be copied by a leaf and
 * lose the writes in between. May be repeated.
 *
 * Returns `added`, or `exists` when it was there already. Throws PC208 when the table stays locked by others.
 */
export async function addTable(
  connection: Connection,
  options: AddTableOptions,
): Promise<'added' | 'exists'> {
  const { queueName, tableName, purpose } = options;
  const existing = (await readTables(connection, queueName)).find(({ name }) => name === tableName);
  if (existing?.isLocal === true) {
    if (existing.attrs !== options.attributes && options.attributes?.includes('handler=') === true) {
      throw new ReplicateError(
        'PC400',
        `Table ${tableName} is replicated here already, with other attributes: use change-handler.`,
        { table: tableName },
      );
    }
    await completeTable(connection, existing.destTable, options);
    return 'exists';
  }
  const destTable = options.destTable ?? tableName;
  if (options.isVirtual) {
    await register(connection, options, ['virtual_table']);
    return 'added';
  }
  await options.withTableLock(destTable, async (tx) => {
    await createTriggers(tx, { queueName, tableName, destTable, purpose });
    const words = ['no_triggers', ...(options.expectSync ? ['expect_sync'] : [])];
    // Other queues may feed a table that others write to.
    await register(tx, options, purpose === 'none' ? [...words, 'no_merge'] : words);
  });
  return 'added';
}

async function register(
  tx: Connection,
  { queueName, tableName, attributes, destTable }: AddTableOptions,
  triggerArguments: readonly string[],
): Promise<void> {
  await callApi(tx, 'londiste.local_add_table', [
    queueName,
    tableName,
    triggerArguments,
    attributes,
    destTable ?? null,
  ]);
}

/** A table that something else has registered, by the SQL alone, gets the triggers that are missing. */
async function completeTable(
  connection: Connection,
  destTable: string,
  options: AddTableOptions,
): Promise<void> {
  const { queueName, tableName, purpose } = options;
  if (options.destTable !== undefined && options.destTable !== destTable) {
    throw new ReplicateError(
      'PC400',
      `Table ${tableName} is replicated as ${destTable} here already: run remove-table first.`,
      { table: tableName },
    );
  }
  if (
    options.isVirtual ||
    purpose === 'none' ||
    (await readCapturePlans(connection, queueName)).has(tableName)
  )
    return;
  // The triggers of a table that the original's Londiste has added do the same: two sets would double its events.
  if (await hasStockTrigger(connection, queueName, destTable)) return;
  await options.withTableLock(destTable, (tx) =>
    createTriggers(tx, { queueName, tableName, destTable, purpose }),
  );
}
