import type { Connection, Row } from '../db/connection.js';
import { type QualifiedName, splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { CREATE_SETTINGS } from './create-objects.js';
import type { ConstraintObject, DatabaseObject, DatabaseSchema } from './database-object.js';
import { objectStatements } from './object-statements.js';
import { nameOf, ObjectsByName } from './objects-by-name.js';
import { isOnlyAbove } from './only-above.js';
import { orderObjects } from './order-objects.js';
import { readSchema } from './read-schema.js';
import { renameTable } from './rename-table.js';
import { type PresentObjects, type SelectedTable, selectTable, type TableRequest } from './select-table.js';
import { allStatements } from './statements.js';
import { readTarget, type Target } from './target.js';

/** One table that is to be made on a node. All names are Londiste's. */
export interface TableToCreate {
  readonly tableName: string;
  /** Its name on the provider. */
  readonly sourceTable: string;
  readonly destTable: string;
  readonly columns: readonly string[] | undefined;
}

/** What is to be run to make some tables. */
export interface TablePlan {
  /** In the order in which they are to be run. */
  readonly steps: readonly { readonly key: string; readonly statements: readonly string[] }[];
  /** To be saved for the worker, which makes them when the rows of both tables are there. */
  readonly foreignKeys: readonly PendingForeignKey[];
  /** What is left out and why: one line each. */
  readonly notes: readonly string[];
}

export interface PendingForeignKey {
  readonly fromTable: string;
  readonly toTable: string;
  readonly name: string;
  readonly definition: string;
  readonly comment: string | null;
}

export interface TableMaking {
  /** With all that belongs to them. */
  readonly full: boolean;
  /** Whoever owns it on the provider, what is made belongs to our role. */
  readonly keepsAll: boolean;
}

/**
 * Plans how tables of the provider are made here. Changes nothing.
 *
 * Throws PC413 when one of them is here already, PC406 when the provider does not have it, PC414 when it needs what must not be made.
 */
export async function planTables(
  local: Connection,
  provider: Connection,
  tables: readonly TableToCreate[],
  { full, keepsAll }: TableMaking,
): Promise<TablePlan> {
  const relations = await readRelationNames(local);
  for (const { destTable } of tables) {
    if (!relations.has(nameOf(splitName(destTable)))) continue;
    throw new ReplicateError('PC413', `${destTable} is here already, so it cannot be made.`, {
      table: destTable,
    });
  }
  const source = await readSchema(
    provider,
    tables.map(({ sourceTable }) => nameOf(splitName(sourceTable))),
  );
  const here = await readSchema(local, []);
  const target = await readTarget(local, { keepsAll });
  const present = { keys: new Set(here.objects.map(({ key }) => key)), relations };
  return joinPlans(source, target, present, tables, full, provider.target);
}

/** Puts the plans of several tables together: what two of them need is made once. */
function joinPlans(
  source: DatabaseSchema,
  target: Target,
  present: PresentObjects,
  tables: readonly TableToCreate[],
  full: boolean,
  provider: string,
): TablePlan {
  // The tables that are made together are there for each other.
  const relations = new Set([
    ...present.relations,
    ...tables.map(({ sourceTable }) => nameOf(splitName(sourceTable))),
  ]);
  const objects = new Map<string, DatabaseObject>();
  const foreignKeys = new Map<string, PendingForeignKey>();
  const notes = new Set<string>();
  const index = new ObjectsByName(source);
  for (const table of tables) {
    const selected = select(index, { keys: present.keys, relations }, table, full);
    if (selected === undefined) {
      throw new ReplicateError('PC406', `Table ${table.sourceTable} does not exist at ${provider}.`, {
        table: table.tableName,
      });
    }
    for (const note of selected.notes) notes.add(`${table.destTable}: ${note}`);
    for (const object of selected.objects) objects.set(object.key, object);
    for (const key of selected.foreignKeys) {
      const pending = pendingOf(key, target);
      if (typeof pending === 'string') notes.add(`${table.destTable}: ${pending}`);
      else foreignKeys.set(key.key, pending);
    }
  }
  const made = planSteps(orderObjects([...objects.values()], source.needs), source.needs, target, present);
  for (const note of made.notes) notes.add(note);
  return { steps: made.steps, foreignKeys: [...foreignKeys.values()], notes: [...notes] };
}

/** What to run for each object, without those that must not be made and those that need them. Throws PC414 when that is a table. */
function planSteps(
  objects: readonly DatabaseObject[],
  needs: DatabaseSchema['needs'],
  target: Target,
  present: PresentObjects,
): Pick<TablePlan, 'steps' | 'notes'> {
  const steps: TablePlan['steps'][number][] = [];
  const notes: string[] = [];
  const leftOut = new Map<string, string>();
  for (const object of objects) {
    if (object.kind === 'schema' && present.keys.has(object.key)) continue;
    const made = objectStatements(object, target);
    const missing = [...(needs.get(object.key) ?? [])].find((key) => leftOut.has(key));
    // Both sides of a partition are without the same checks then.
    const isLost = missing !== undefined && object.kind !== 'partition';
    const why = made.refused ?? (isLost ? `it needs ${missing}: ${leftOut.get(missing)}` : undefined);
    if (why !== undefined) {
      if (object.kind === 'table') {
        throw new ReplicateError('PC414', `Cannot make ${object.key}: ${why}.`, { object: object.key });
      }
      notes.push(`${object.key} is left out: ${why}`);
      if (!isOnlyAbove(object, made)) leftOut.set(object.key, why);
      continue;
    }
    notes.push(...made.notes.map((note) => `${object.key}: ${note}`));
    const statements = allStatements(made);
    if (statements.length > 0) steps.push({ key: object.key, statements });
  }
  return { steps, notes };
}

function select(
  source: ObjectsByName,
  present: PresentObjects,
  table: TableToCreate,
  full: boolean,
): SelectedTable | undefined {
  const to = splitName(table.destTable);
  const request: TableRequest = { name: splitName(table.sourceTable), to, full, columns: table.columns };
  const selected = selectTable(source, present, request);
  return selected === undefined ? undefined : renameTable(selected, to);
}

function pendingOf(key: ConstraintObject, target: Target): PendingForeignKey | string {
  const made = objectStatements(key, target);
  const [definition] = made.create;
  if (definition === undefined) return `foreign key ${key.name} is left out: ${made.refused ?? ''}`;
  const { schema, name } = key.otherTable as QualifiedName;
  return {
    fromTable: nameOf(key.table),
    toTable: nameOf({ schema, name }),
    name: key.name,
    definition,
    comment: key.comment,
  };
}

/** The names of all that a table could be in the way of. */
async function readRelationNames(connection: Connection): Promise<Set<string>> {
  const rows = await connection.query<Row & { name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where c.relkind not in ('t', 'c')`,
  );
  return new Set(rows.map(({ name }) => name));
}

/** Every lock is held until the end, and a server holds only so many: more than this are made in several transactions. */
const STEPS_PER_TRANSACTION = 1_000;

/**
 * Makes the tables of a plan: up to a thousand objects all or none, more in several transactions. A foreign key is saved in the
 * transaction of the last of them. What was made before a crash stays, as tables that are not replicated.
 *
 * Throws PC414 naming the object that cannot be made.
 */
export async function createTables(local: Connection, plan: TablePlan): Promise<void> {
  for (let at = 0; at < plan.steps.length; at += STEPS_PER_TRANSACTION) {
    const steps = plan.steps.slice(at, at + STEPS_PER_TRANSACTION);
    await local.transaction(async (tx) => {
      await tx.execute(CREATE_SETTINGS);
      for (const step of steps) await runStep(tx, step);
      if (at + STEPS_PER_TRANSACTION >= plan.steps.length) await saveForeignKeys(tx, plan.foreignKeys);
    });
  }
}

async function runStep(tx: Connection, step: TablePlan['steps'][number]): Promise<void> {
  try {
    await tx.execute(step.statements.join(';\n'));
  } catch (error) {
    if (!tx.isOpen) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ReplicateError(
      'PC414',
      `Cannot make ${step.key}: ${reason}.`,
      { object: step.key },
      { cause: error },
    );
  }
}

/** The worker puts them on when both tables are in sync, as those that it took off for a copy. */
async function saveForeignKeys(tx: Connection, keys: readonly PendingForeignKey[]): Promise<void> {
  for (const { fromTable, toTable, name, definition, comment } of keys) {
    await tx.query(
      `insert into londiste.pending_fkeys (from_table, to_table, fkey_name, fkey_def)
       select $1::text, $2::text, $3::text, $4::text
        where not exists (
          select from pg_constraint as k join pg_class as c on c.oid = k.conrelid join pg_namespace as n on n.oid = c.relnamespace
           where k.contype = 'f' and k.conname = $3::text and n.nspname || '.' || c.relname = $1)
       on conflict on constraint pending_fkeys_pkey do update
         set to_table = excluded.to_table, fkey_def = excluded.fkey_def`,
      [fromTable, toTable, name, definition],
    );
    if (comment === null) continue;
    await tx.query(
      `insert into pgcascade.foreign_key_comment as s (from_table, fkey_name, comment) values ($1, $2, $3)
       on conflict (from_table, fkey_name) do update set comment = excluded.comment`,
      [fromTable, name, comment],
    );
  }
}
