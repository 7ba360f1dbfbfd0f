import { quoteLiteral } from '../db/identifier.js';
import { BOOTSTRAP_SQL, INSTALL_LOCK_SQL } from './bootstrap-sql.js';
import { loadSchemaFiles, type SchemaFiles } from './schema-files.js';
import { findSqlRoot } from './sql-root.js';

/**
 * The script of `install --print`: what installSchemas does, for a DBA to read and to run with psql 10 or newer. It
 * may be run again and again: migrations that were run are skipped, and so are schemas that somebody else installed.
 */
export function renderInstallSql(schemas: readonly SchemaFiles[] = loadSchemaFiles(findSqlRoot())): string {
  return [
    '-- Installs or upgrades the SQL of pgcascade. Run it with: psql -X -f FILE DATABASE',
    '\\set ON_ERROR_STOP on',
    "set client_encoding = 'UTF8';",
    'set search_path = pg_catalog;',
    transaction('pgcascade.migration: what is installed', [`${BOOTSTRAP_SQL};`]),
    ...schemas.map(renderSchema),
  ]
    .join('\n')
    .concat('\n');
}

function renderSchema(files: SchemaFiles): string {
  const flag = `install_${files.schema}`;
  return transaction(`schema ${files.schema}`, [
    `select ${isOurs(files)} as ${flag} \\gset`,
    `\\if :${flag}`,
    ...files.migrations.map((migration) => {
      const migrationFlag = `${flag}_migration`;
      const recorded = `schema_name = ${quoteLiteral(files.schema)} and name = ${quoteLiteral(migration.name)}`;
      return [
        `select not exists (select from pgcascade.migration where ${recorded}) as ${migrationFlag} \\gset`,
        `\\if :${migrationFlag}`,
        migration.text.trimEnd(),
        `insert into pgcascade.migration (schema_name, name) values (${quoteLiteral(files.schema)}, ${quoteLiteral(migration.name)});`,
        '\\endif',
      ].join('\n');
    }),
    ...files.routines.map((routine) => routine.text.trimEnd()),
    ...(files.grants === undefined ? [] : [files.grants.trimEnd()]),
    '\\else',
    `\\echo schema ${files.schema} was installed by somebody else and is used as it is`,
    '\\endif',
  ]);
}

function isOurs({ schema }: SchemaFiles): string {
  if (schema === 'pgcascade') return 'true';
  const name = quoteLiteral(schema);
  return (
    `not exists (select from pg_catalog.pg_extension where extname = ${name})` +
    ` and (exists (select from pgcascade.migration where schema_name = ${name})` +
    ` or not exists (select from pg_catalog.pg_class where relnamespace = pg_catalog.to_regnamespace(${name})))`
  );
}

function transaction(title: string, statements: readonly string[]): string {
  return ['', `-- ${title}`, 'begin;', `${INSTALL_LOCK_SQL};`, ...statements, 'commit;'].join('\n');
}
