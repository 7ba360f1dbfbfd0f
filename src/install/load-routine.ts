import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { SqlFile } from './schema-files.js';

const INVALID_FUNCTION_DEFINITION = '42P13';

/**
 * Loads the routines of one file, inside the caller's transaction.
 *
 * `create or replace` refuses a routine whose result columns, parameter names or defaults differ from the installed
 * one. All overloads of the file's names are then dropped and the files of `loaded` that define some of them are
 * loaded again. The drop fails, and with it the install, when something of the user's depends on the routine. Rights
 * that were granted on a dropped routine come back when its signature does.
 */
export async function loadRoutine(
  connection: Connection,
  file: SqlFile,
  loaded: readonly SqlFile[],
): Promise<void> {
  try {
    await inSavepoint(connection, () => connection.execute(file.text));
    return;
  } catch (error) {
    if (sqlstateOf(error) !== INVALID_FUNCTION_DEFINITION) throw error;
  }
  const names = definedNames(file.text);
  const affected = loaded.filter((other) => definedNames(other.text).some((name) => names.includes(name)));
  const grants = await dropOverloads(connection, names);
  for (const other of [...affected, file]) await connection.execute(other.text);
  for (const grant of grants) await restoreGrant(connection, grant);
}

/** `schema.name` of every function that the text creates. */
export function definedNames(text: string): string[] {
  const matches = text.matchAll(/^create or replace function\s+([a-z_0-9]+\.[a-z_0-9]+)\s*\(/gim);
  return [...new Set([...matches].map((match) => match[1] as string))];
}

async function inSavepoint(connection: Connection, body: () => Promise<unknown>): Promise<void> {
  await connection.execute('savepoint load_routine');
  try {
    await body();
  } catch (error) {
    await connection.execute('rollback to savepoint load_routine');
    throw error;
  }
  await connection.execute('release savepoint load_routine');
}

interface Grant {
  readonly [column: string]: unknown;
  readonly signature: string;
  readonly grantee: string;
}

async function dropOverloads(connection: Connection, names: readonly string[]): Promise<Grant[]> {
  const routines = await connection.query<{ signature: string; grantees: string[] }>(
    `select p.oid::regprocedure::text as signature,
            array(select pg_catalog.quote_ident(r.rolname)
                    from pg_catalog.aclexplode(p.proacl) as a
                    join pg_catalog.pg_roles as r on r.oid = a.grantee
                   where a.grantee <> p.proowner) as grantees
       from pg_catalog.pg_proc as p
       join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
      where n.nspname || '.' || p.proname = any ($1)`,
    [names],
  );
  for (const { signature } of routines) await connection.execute(`drop function ${signature}`);
  return routines.flatMap(({ signature, grantees }) => grantees.map((grantee) => ({ signature, grantee })));
}

async function restoreGrant(connection: Connection, { signature, grantee }: Grant): Promise<void> {
  const { there } = await connection.one<{ there: boolean }>(
    'select pg_catalog.to_regprocedure($1) is not null as there',
    [signature],
  );
  if (there) await connection.execute(`grant execute on function ${signature} to ${grantee}`);
}
