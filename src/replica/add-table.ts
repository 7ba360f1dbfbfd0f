import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { hasStockTrigger, hasTriggerArguments, readCapturePlans } from './capture-plans.js';
import { type ConflictPolicy, setConflictPolicy } from './conflict-policy.js';
import { type MergedPart, readOtherParts, readSiblings } from './merged-parts.js';
import { readTables } from './table-list.js';
import { createTriggers, type TriggerOptions, type WithTableLock } from './table-triggers.js';

export interface AddTableOptions {
  readonly queueName: string;
  readonly tableName: string;
  /** Its name in this database where it differs. */
  readonly destTable?: string | undefined;
  readonly purpose: TriggerOptions['purpose'];
  readonly triggerArguments?: TriggerOptions['triggerArguments'];
  /** The rows are here already: no copy. */
  readonly expectSync: boolean;
  /** Urlencoded, as Londiste stores them. */
  readonly attributes: string | null;
  /** The table need not be here: no triggers, no copy. */
  readonly isVirtual: boolean;
  /**
   * Where other queues of this database have the table too: `all` of them feed it, or also `this` queue. Undefined when
   * the operator has not said.
   */
  readonly merge?: 'all' | 'this' | undefined;
  readonly withTableLock: WithTableLock;
  /** Undefined: what the worker's ini file says, or what was said before. */
  readonly conflictPolicy?: ConflictPolicy | undefined;
}

/**
 * Registers one table on this node, with its triggers. What to check before is checked by the caller.
 *
 * Both in one transaction: a table that is registered on a root without being captured could be copied by a leaf and
 * lose the writes in between. May be repeated.
 *
 * Throws PC208 when the table stays locked by others, PC400 when it is replicated already in another way, PC411 when other queues have the table too and `merge` is not given.
 */
export async function addTable(connection: Connection, options: AddTableOptions): Promise<AddTableOutcome> {
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
    await setPolicy(connection, options);
    return { kind: 'exists' };
  }
  const destTable = options.destTable ?? tableName;
  if (options.isVirtual) {
    await registerPart(connection, options, { queueName, tableName }, ['virtual_table']);
    await setPolicy(connection, options);
    return { kind: 'added', otherQueues: [] };
  }
  const otherQueues = await options.withTableLock(destTable, async (tx) => {
    await createTriggers(tx, { ...options, destTable });
    await register(tx, options, destTable);
    await setPolicy(tx, options);
    const others = await readOtherParts(tx, queueName, tableName);
    if (purpose !== 'none') for (const part of others) await closeToWriters(tx, part, destTable);
    await failpoint('add-table-registered');
    return others.map((part) => part.queueName);
  });
  await failpoint('add-table-added');
  return { kind: 'added', otherQueues };
}

export type AddTableOutcome =
  | { readonly kind: 'exists' }
  /** `otherQueues` feed the table too. */
  | { readonly kind: 'added'; readonly otherQueues: readonly string[] };

async function setPolicy(
  connection: Connection,
  { queueName, tableName, conflictPolicy }: AddTableOptions,
): Promise<void> {
  if (conflictPolicy !== undefined) await setConflictPolicy(connection, queueName, tableName, conflictPolicy);
}

/** Registers the table, and with `merge: 'all'` those of the other queues that are not yet. */
async function register(tx: Connection, options: AddTableOptions, destTable: string): Promise<void> {
  const { queueName, tableName } = options;
  const merge = options.merge ?? (options.purpose === 'none' ? 'this' : undefined);
  const siblings = await readSiblings(tx, queueName, destTable);
  // A table that others write to is not made of parts: each queue has all of its rows.
  if (options.purpose === 'none' || !siblings.some(({ isLocal }) => isLocal)) {
    await registerPart(
      tx,
      options,
      { queueName, tableName },
      merge === 'all' ? ['merge_all'] : noMerge(merge),
    );
    return;
  }
  // The others go on as they are: what is new is added to their rows.
  const added: MergedPart[] = [{ queueName, tableName }];
  if (merge === 'all') added.push(...siblings.filter(({ isLocal }) => !isLocal));
  for (const part of added) {
    await registerPart(tx, options, part, merge === undefined ? [] : ['no_merge']);
    if (options.expectSync || options.attributes?.includes('skip_truncate=1') === true) continue;
    await tx.query(
      `select pgcascade.add_part($1, $2, exists (
          select from pg_index where indrelid = to_regclass($3) and indisprimary))`,
      [part.queueName, part.tableName, quoteName(destTable)],
    );
  }
}

function noMerge(merge: AddTableOptions['merge']): string[] {
  return merge === undefined ? [] : ['no_merge'];
}

async function registerPart(
  tx: Connection,
  options: AddTableOptions,
  part: MergedPart,
  more: readonly string[],
): Promise<void> {
  const triggerArguments = options.isVirtual
    ? more
    : ['no_triggers', ...(options.expectSync ? ['expect_sync'] : []), ...more];
  await callApi(
    tx,
    'londiste.local_add_table',
    [part.queueName, part.tableName, triggerArguments, options.attributes, options.destTable ?? null],
    { 405: 'PC411' },
  );
}

/** Each queue's part has triggers of its own, so that the table stays closed when one of them is removed. */
async function closeToWriters(tx: Connection, part: MergedPart, destTable: string): Promise<void> {
  if ((await readCapturePlans(tx, part.queueName)).has(part.tableName)) return;
  if (await hasStockTrigger(tx, part.queueName, destTable)) return;
  await createTriggers(tx, { ...part, destTable, purpose: 'deny' });
}

/** A table that something else has registered, by the SQL alone, gets the triggers that are missing. */
async function completeTable(
  connection: Connection,
  destTable: string,
  options: AddTableOptions,
): Promise<void> {
  const { queueName, tableName, purpose, triggerArguments } = options;
  if (options.destTable !== undefined && options.destTable !== destTable) {
    throw new ReplicateError(
      'PC400',
      `Table ${tableName} is replicated as ${destTable} here already: run remove-table first.`,
      { table: tableName },
    );
  }
  if (options.isVirtual || purpose === 'none') return;
  const plan = (await readCapturePlans(connection, queueName)).get(tableName);
  if (plan !== undefined) {
    if (hasTriggerArguments(plan, triggerArguments)) return;
    throw new ReplicateError(
      'PC400',
      `Table ${tableName} is replicated here already, with other trigger arguments: use change-handler.`,
      { table: tableName },
    );
  }
  // The triggers of a table that the original's Londiste has added do the same: two sets would double its events.
  if (await hasStockTrigger(connection, queueName, destTable)) return;
  await options.withTableLock(destTable, (tx) => createTriggers(tx, { ...options, destTable }));
}
