import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { newerVersionError } from './check-installed.js';
import { INSTALL_LOCK_SQL } from './install-lock.js';
import { planInstall, type SchemaPlan } from './plan-install.js';
import { loadBootstrapSql, loadSchemaFiles, type SchemaFiles, type SchemaName } from './schema-files.js';
import { type FileStatement, schemaStatements } from './schema-statements.js';
import { findSqlRoot } from './sql-root.js';

const LOCK_TIMEOUT = '30s';

/** The part of the program's logger that an install uses. */
export interface InstallLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface InstallOptions {
  readonly log?: InstallLog | undefined;
  /** For tests: other files than those of this package. */
  readonly schemas?: readonly SchemaFiles[] | undefined;
}

export interface InstallResult {
  /** The schemas in which something is now different, in the order of the install. Empty: all was up to date. */
  readonly changed: readonly SchemaName[];
}

/**
 * Installs or upgrades our schemas: missing migrations, all routines, grants.
 *
 * Each schema is one transaction and its work is safe to repeat, so after a crash the call is repeated. Two calls at
 * the same time take turns. A schema that somebody else installed (stock PgQ) is left alone.
 *
 * Throws PC204 when the role lacks a right, PC207 when a newer version was installed, PC208 when a lock was not got
 * within 30 s.
 */
export async function installSchemas(
  connection: Connection,
  options: InstallOptions = {},
): Promise<InstallResult> {
  const schemas = options.schemas ?? loadSchemaFiles(findSqlRoot());
  const changed: SchemaName[] = [];
  await lockedTransaction(connection, () =>
    installFile(connection, { file: 'bootstrap.sql', sql: loadBootstrapSql(findSqlRoot()) }),
  );
  for (const { schema } of schemas) {
    await lockedTransaction(connection, async () => {
      // Under the lock: another install may have just ended.
      const plan = (await planInstall(connection, schemas)).schemas.find((p) => p.files.schema === schema);
      if (plan !== undefined && (await installSchema(connection, plan, options.log))) changed.push(schema);
    });
    await failpoint(`install-${schema}`);
  }
  return { changed };
}

async function lockedTransaction(connection: Connection, body: () => Promise<unknown>): Promise<void> {
  await connection.transaction(async () => {
    await connection.execute(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    // The texts are ours and written with these in mind; the role or the database may have others.
    await connection.execute('set local check_function_bodies = on');
    try {
      await connection.execute(INSTALL_LOCK_SQL);
    } catch (error) {
      throw sqlstateOf(error) === undefined
        ? error
        : explain(error, `Cannot begin to install in ${connection.target}`);
    }
    await body();
  });
}

async function installSchema(
  connection: Connection,
  plan: SchemaPlan,
  log: InstallLog | undefined,
): Promise<boolean> {
  const { schema } = plan.files;
  if (plan.owner === 'foreign') {
    log?.info({ schema }, 'schema was installed by somebody else and is used as it is');
    return false;
  }
  if (plan.unknownMigrations.length > 0) throw newerVersionError(plan, connection.target);

  const before = await describeRoutines(connection, schema);
  for (const statement of schemaStatements(plan.files)) await installFile(connection, statement);
  const after = await describeRoutines(connection, schema);

  const routines = [...after].filter(([signature, digest]) => before.get(signature) !== digest).length;
  if (routines === 0 && plan.missingMigrations.length === 0) return false;
  log?.info({ schema, migrations: plan.missingMigrations, routines }, 'schema installed');
  return true;
}

async function installFile(connection: Connection, { file, sql }: FileStatement): Promise<void> {
  try {
    await connection.execute(sql);
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    throw explain(error, `Cannot install sql/${file} in ${connection.target}`);
  }
}

async function describeRoutines(connection: Connection, schema: string): Promise<Map<string, string>> {
  const rows = await connection.query<{ signature: string; digest: string }>(
    `select p.oid::regprocedure::text as signature,
            pg_catalog.md5(pg_catalog.pg_get_functiondef(p.oid)) as digest
       from pg_catalog.pg_proc as p
       join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
      where n.nspname = $1
        and not exists (select from pg_catalog.pg_aggregate as a where a.aggfnoid = p.oid)`,
    [schema],
  );
  return new Map(rows.map((row) => [row.signature, row.digest]));
}

function explain(error: unknown, what: string): ReplicateError {
  const reason = error instanceof Error ? error.message : String(error);
  const cause = { cause: error };
  switch (sqlstateOf(error)) {
    case SQLSTATE.insufficientPrivilege:
      return new ReplicateError('PC204', `${what}: ${reason}.`, {}, cause);
    case SQLSTATE.lockNotAvailable:
    case SQLSTATE.deadlockDetected:
      return new ReplicateError('PC208', `${what}: a lock was not free within ${LOCK_TIMEOUT}.`, {}, cause);
    default:
      return new ReplicateError('PC900', `${what}: ${reason}.`, {}, cause);
  }
}
