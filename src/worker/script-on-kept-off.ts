import type { Connection } from '../db/connection.js';
import { beginReplication } from '../replica/begin-replication.js';
import type { ScriptStatement } from '../replica/split-script.js';

/**
 * Scripts on a subscriber whose role may not set session_replication_role. A script is to find the tables as they are on
 * the root, with their foreign keys and triggers, which act on what it writes; all of it within the batch's transaction.
 */

/** Statements that change definitions, and act on the tables that they name only. */
const DEFINITION = /^\s*(alter|create|drop|comment|grant|revoke|reindex|analyze|set|reset)\b/i;

/** The foreign keys that were put back. */
export interface PutBackKeys {
  /** Those that are to be valid when they come back for good. */
  readonly valid: readonly number[];
  /** Those that cannot be made, so that the script runs without them: a sentence each, where that was not known. */
  readonly problems: readonly string[];
}

/**
 * Puts back what is kept off the tables of the queue that these statements may touch: all of them, unless they only change
 * definitions. `takeOffAfterScript` has to follow. Locks those tables until the transaction ends.
 */
export async function putBackForScript(
  tx: Connection,
  queueName: string,
  statements: readonly ScriptStatement[],
): Promise<PutBackKeys> {
  // A table with deferred checks pending cannot be altered.
  await tx.execute('set constraints all immediate');
  const tables = await tablesToTouch(tx, statements);
  const rows = await tx.query<{ key: number | null; is_valid: boolean; problem: string | null }>(
    'select key, is_valid, problem from pgcascade.put_back_for_script($1, $2)',
    [queueName, tables],
  );
  return {
    valid: rows.flatMap(({ key, is_valid }) => (key !== null && is_valid ? [key] : [])),
    problems: rows.flatMap(({ problem }) => problem ?? []),
  };
}

/** Takes off again what was put back, and what the script has made; for the rows that follow it in the batch. */
export async function takeOffAfterScript(
  tx: Connection,
  queueName: string,
  { valid }: PutBackKeys,
): Promise<void> {
  await beginReplication(tx);
  await tx.query('select pgcascade.take_all_off($1, $2::oid[])', [queueName, valid]);
}

/** As Londiste names them; null for all. A name is taken for a table's wherever it stands: one too many does no harm. */
async function tablesToTouch(
  tx: Connection,
  statements: readonly ScriptStatement[],
): Promise<string[] | null> {
  if (!statements.every(({ text }) => DEFINITION.test(text))) return null;
  const all = statements.map(({ text }) => text.toLowerCase()).join('\n');
  const rows = await tx.query<{ name: string }>(
    `select table_name as name from pgcascade.taken_off
      union select from_table from londiste.pending_fkeys
      union select to_table from londiste.pending_fkeys`,
  );
  return rows
    .map(({ name }) => name)
    .filter((name) => all.includes(name.slice(name.indexOf('.') + 1).toLowerCase()));
}
