import { INSTALL_LOCK_SQL } from './install-lock.js';
import { loadBootstrapSql, loadSchemaFiles, type SchemaFiles } from './schema-files.js';
import { schemaStatements } from './schema-statements.js';
import { findSqlRoot } from './sql-root.js';

/**
 * The script of `install --print`: what installSchemas does, for a DBA to read and to run, with psql or any other
 * client. It may be run again and again: migrations that were run are skipped, and so are schemas that somebody else
 * installed.
 */
export function renderInstallSql(
  schemas: readonly SchemaFiles[] = loadSchemaFiles(findSqlRoot()),
  bootstrap: string = loadBootstrapSql(findSqlRoot()),
): string {
  return [
    '-- Installs or upgrades the SQL of pgcascade.',
    '-- Run it with: psql -X -v ON_ERROR_STOP=1 -f FILE DATABASE',
    "set client_encoding = 'UTF8';",
    transaction('what is installed, and the routines that install the rest', [bootstrap.trimEnd()]),
    ...schemas.map((files) =>
      transaction(
        `schema ${files.schema}`,
        schemaStatements(files).map(({ file, sql }) => `-- ${file}\n${sql};`),
      ),
    ),
    '',
  ].join('\n');
}

function transaction(title: string, statements: readonly string[]): string {
  return ['', `-- ${title}`, 'begin;', `${INSTALL_LOCK_SQL};`, ...statements, 'commit;'].join('\n');
}
