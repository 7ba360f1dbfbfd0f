import type { Connection } from '../db/connection.js';
import { loadSchemaFiles, SCHEMA_NAMES, type SchemaFiles, type SchemaName } from './schema-files.js';
import { findSqlRoot } from './sql-root.js';

/** What an install would do with one schema. */
export interface SchemaPlan {
  readonly files: SchemaFiles;
  /**
   * `ours`: created or kept up to date by us. `foreign`: the stock extension, or the same installed without being an
   * extension; used as it is and never touched.
   */
  readonly owner: 'ours' | 'foreign';
  readonly missingMigrations: readonly string[];
  /** Recorded in the database and not known to this package: a newer version was here. */
  readonly unknownMigrations: readonly string[];
}

export interface InstallPlan {
  readonly schemas: readonly SchemaPlan[];
}

/** What the database says about our schemas. */
export interface InstalledState {
  readonly extensions: ReadonlySet<string>;
  /** Schemas of these names that hold relations. */
  readonly filledSchemas: ReadonlySet<string>;
  readonly migrations: readonly { readonly schemaName: string; readonly name: string }[];
}

/** Looks at the database and says what an install would do. Changes nothing. */
export async function planInstall(
  connection: Connection,
  schemas: readonly SchemaFiles[] = loadSchemaFiles(findSqlRoot()),
): Promise<InstallPlan> {
  return decidePlan(schemas, await readState(connection));
}

/** The decision of planInstall. */
export function decidePlan(schemas: readonly SchemaFiles[], state: InstalledState): InstallPlan {
  return { schemas: schemas.map((files) => planSchema(files, state)) };
}

function planSchema(files: SchemaFiles, state: InstalledState): SchemaPlan {
  const recorded = state.migrations.filter((row) => row.schemaName === files.schema).map((row) => row.name);
  if (isForeign(files.schema, recorded, state)) {
    return { files, owner: 'foreign', missingMigrations: [], unknownMigrations: [] };
  }
  const known = files.migrations.map((migration) => migration.name);
  return {
    files,
    owner: 'ours',
    missingMigrations: known.filter((name) => !recorded.includes(name)),
    unknownMigrations: recorded.filter((name) => !known.includes(name)),
  };
}

function isForeign(schema: SchemaName, recorded: readonly string[], state: InstalledState): boolean {
  if (schema === 'pgcascade') return false;
  return state.extensions.has(schema) || (recorded.length === 0 && state.filledSchemas.has(schema));
}

async function readState(connection: Connection): Promise<InstalledState> {
  const { extensions, filled, recorded } = await connection.one<{
    extensions: string[];
    filled: string[];
    recorded: boolean;
  }>(
    `
    select array(select extname::text from pg_catalog.pg_extension) as extensions,
           array(select n.nspname::text
                   from pg_catalog.pg_namespace as n
                  where n.nspname = any ($1)
                    and exists (select from pg_catalog.pg_class as c where c.relnamespace = n.oid)) as filled,
           pg_catalog.to_regclass('pgcascade.migration') is not null as recorded`,
    [SCHEMA_NAMES],
  );
  const migrations = recorded
    ? await connection.query<{ schema_name: string; name: string }>(
        'select schema_name, name from pgcascade.migration order by schema_name, name',
      )
    : [];
  return {
    extensions: new Set(extensions),
    filledSchemas: new Set(filled),
    migrations: migrations.map((row) => ({ schemaName: row.schema_name, name: row.name })),
  };
}
