import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { hasStockTrigger, hasTriggerArguments, readCapturePlans } from './capture-plans.js';
import { type ConflictPolicy, setConflictPolicy } from './conflict-policy.js';
import { type MergedPart, readOtherParts, readSiblings } from './merged-parts.js';
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
 * Registers tables on this node, with their triggers, each in one transaction: a table that is registered on a root without being
 * captured could be copied by a leaf and lose the writes in between. On a leaf, where nobody else writes, some tables share a
 * transaction. What to check before is checked by the caller, who is told of each table when it is there. May be repeated.
 *
 * Throws PC208 when a table stays locked by others, PC400 when it is replicated already in another way, PC411 when other queues
 * have the table too and `merge` is not given: the tables told of are there then, the others are not.
 */
export async function addTables(
  connection: Connection,
  tables: readonly AddTableOptions[],
  onAdded: (tableName: string, outcome: AddTableOutcome) => void,
): Promise<void> {
  const pending = [...tables];
  while (pending.length > 0) {
    const others = pending.findIndex((table) => !mayShare(table));
    const together = pending.splice(0, Math.max(1, Math.min(others < 0 ? pending.length : others, TOGETHER)));
    const outcomes = together.length > 1 ? await addTogether(connection, together) : undefined;
    for (const [at, table] of together.entries()) {
      // Where one of them is busy or not welcome, each is added by itself: that says which.
      onAdded(table.tableName, outcomes?.[at] ?? (await addTable(connection, table)));
    }
  }
}

function mayShare({ purpose, isVirtual }: AddTableOptions): boolean {
  return (purpose === 'deny' || purpose === 'none') && !isVirtual;
}

/** So many tables share a transaction with its locks, and so long a busy one may hold them up. */
const TOGETHER = 20;
const TOGETHER_LOCK_MS = 1_000;

/** Thrown to roll back. */
class NotNew extends Error {}

/** Undefined when not all of them can be added; nothing is done then. */
async function addTogether(
  connection: Connection,
  tables: readonly AddTableOptions[],
): Promise<readonly AddTableOutcome[] | undefined> {
  try {
    const added = await connection.transaction(async (tx) => {
      await tx.execute(`set local lock_timeout = ${TOGETHER_LOCK_MS}`);
      for (const options of tables) {
        if ((await readRegistered(tx, options)) !== undefined) throw new NotNew();
        await createTriggers(tx, { ...options, destTable: options.destTable ?? options.tableName });
      }
      // From the first registration on the worker waits for the commit.
      const outcomes: AddTableOutcome[] = [];
      for (const options of tables) outcomes.push(await registerNew(tx, options));
      return outcomes;
    });
    await failpoint('add-table-added');
    return added;
  } catch (error) {
    if (error instanceof NotNew) return undefined;
    if (
      sqlstateOf(error) === undefined &&
      !(error instanceof ReplicateError && error.entry.policy !== 'retry')
    )
      throw error;
    if (!connection.isOpen) throw error;
    return undefined;
  }
}

/** Registers one table: see `addTables`. */
export async function addTable(connection: Connection, options: AddTableOptions): Promise<AddTableOutcome> {
  const { queueName, tableName } = options;
  const existing = await readRegistered(connection, options);
  if (existing !== undefined) {
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
  if (options.isVirtual) {
    await registerPart(connection, options, { queueName, tableName }, ['virtual_table']);
    await setPolicy(connection, options);
    return { kind: 'added', otherQueues: [] };
  }
  const outcome = await options.withTableLock(options.destTable ?? tableName, (tx) => addNew(tx, options));
  await failpoint('add-table-added');
  return outcome;
}

/** Triggers and registration, in the caller's transaction. */
async function addNew(tx: Connection, options: AddTableOptions): Promise<AddTableOutcome> {
  await createTriggers(tx, { ...options, destTable: options.destTable ?? options.tableName });
  return registerNew(tx, options);
}

async function registerNew(tx: Connection, options: AddTableOptions): Promise<AddTableOutcome> {
  const { queueName, tableName, purpose } = options;
  const destTable = options.destTable ?? tableName;
  await register(tx, options, destTable);
  await setPolicy(tx, options);
  const others = await readOtherParts(tx, queueName, tableName);
  if (purpose !== 'none') for (const part of others) await closeToWriters(tx, part, destTable);
  await failpoint('add-table-registered');
  return { kind: 'added', otherQueues: others.map((part) => part.queueName) };
}

/** The table as it is replicated here already; undefined when it is not. */
async function readRegistered(
  connection: Connection,
  { queueName, tableName }: AddTableOptions,
): Promise<{ readonly destTable: string; readonly attrs: string | null } | undefined> {
  const [row] = await connection.query<{ destTable: string; attrs: string | null }>(
    `select coalesce(dest_table, table_name) as "destTable", table_attrs as attrs
       from londiste.table_info
      where queue_name = $1
        and table_name = $2
        and local`,
    [queueName, tableName],
  );
  return row;
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
