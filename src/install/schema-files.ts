import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReplicateError } from '../errors/replicate-error.js';

/** Our schemas in the order of their dependence. */
export const SCHEMA_NAMES = ['pgq', 'pgq_coop', 'pgq_ext', 'pgq_node', 'londiste', 'pgcascade'] as const;

export type SchemaName = (typeof SCHEMA_NAMES)[number];

export interface SqlFile {
  /** Without `.sql`. */
  readonly name: string;
  readonly text: string;
}

/** What the folder of one schema holds. */
export interface SchemaFiles {
  readonly schema: SchemaName;
  /** In the order of their numbers. */
  readonly migrations: readonly SqlFile[];
  /** In the order of load-order.txt. */
  readonly routines: readonly SqlFile[];
  readonly grants: string | undefined;
}

/**
 * Reads the schemas from the `sql` folder; a schema without load-order.txt is left out.
 *
 * Throws PC900 when load-order.txt and the routines folder do not name the same files.
 */
export function loadSchemaFiles(sqlRoot: string): readonly SchemaFiles[] {
  return SCHEMA_NAMES.filter((schema) => existsSync(join(sqlRoot, schema, 'load-order.txt'))).map((schema) =>
    loadSchema(join(sqlRoot, schema), schema),
  );
}

/** The SQL that an install runs first: sql/bootstrap.sql. */
export function loadBootstrapSql(sqlRoot: string): string {
  return readFileSync(join(sqlRoot, 'bootstrap.sql'), 'utf8');
}

function loadSchema(folder: string, schema: SchemaName): SchemaFiles {
  const order = readFileSync(join(folder, 'load-order.txt'), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const routines = join(folder, 'routines');
  const present = sqlNames(routines);
  const unlisted = present.filter((name) => !order.includes(name));
  const missing = order.filter((name) => !present.includes(name));
  if (unlisted.length > 0 || missing.length > 0 || new Set(order).size < order.length) {
    throw new ReplicateError('PC900', `sql/${schema}/load-order.txt does not match the routines folder.`, {
      unlisted: unlisted.join(' '),
      missing: missing.join(' '),
    });
  }
  const migrations = join(folder, 'migrations');
  const grants = join(folder, 'grants.sql');
  return {
    schema,
    migrations: sqlNames(migrations).map((name) => readSql(migrations, name)),
    routines: order.map((name) => readSql(routines, name)),
    grants: existsSync(grants) ? readFileSync(grants, 'utf8') : undefined,
  };
}

function sqlNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -'.sql'.length))
    .sort();
}

function readSql(folder: string, name: string): SqlFile {
  return { name, text: readFileSync(join(folder, `${name}.sql`), 'utf8') };
}
