import { describe, expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { ReplicateError } from '../../src/errors/replicate-error.js';
import { checkInstalled } from '../../src/install/check-installed.js';
import { installSchemas } from '../../src/install/install-schemas.js';
import { decidePlan, planInstall } from '../../src/install/plan-install.js';
import { renderInstallSql } from '../../src/install/render-install-sql.js';
import { loadSchemaFiles, type SchemaFiles } from '../../src/install/schema-files.js';
import { findSqlRoot } from '../../src/install/sql-root.js';
import { freshDatabase, startCluster } from '../support/cluster.js';

const MAJORS = [10, 18];

const PGQ_ONLY = loadSchemaFiles(findSqlRoot()).filter(({ schema }) => schema === 'pgq');

/** A small schema in the place of pgq, for upgrades that have not happened yet. */
function smallSchema(parts: Partial<SchemaFiles> = {}): readonly SchemaFiles[] {
  return [
    {
      schema: 'pgq',
      migrations: [
        {
          name: '0001_tables',
          text: 'create schema pgq; create table pgq.t (a int); insert into pgq.t values (1);',
        },
      ],
      routines: [routine('a int4')],
      grants: 'grant usage on schema pgq to public;',
      ...parts,
    },
  ];
}

function routine(columns: string, result = 'a') {
  const text = `create or replace function pgq.f() returns table (${columns}) language sql as $$ select ${result} from pgq.t $$;`;
  return { name: 'f', text };
}

/** Everything that an install makes. */
async function describeInstalled(session: Connection): Promise<unknown> {
  return {
    routines: await session.query(`
      select p.oid::regprocedure::text as name, md5(pg_get_functiondef(p.oid)) as digest, p.proacl::text as rights
        from pg_proc as p
       where p.pronamespace in (select oid from pg_namespace where nspname ~ '^(pgq|pgq_coop|pgq_ext|pgq_node|londiste|pgcascade)$')
       order by 1`),
    relations: await session.query(`
      select c.oid::regclass::text as name, c.relkind, c.relacl::text as rights
        from pg_class as c
       where c.relnamespace in (select oid from pg_namespace where nspname ~ '^(pgq|pgq_coop|pgq_ext|pgq_node|londiste|pgcascade)$')
       order by 1`),
    migrations: await session.query('select schema_name, name from pgcascade.migration order by 1, 2'),
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ReplicateError) return error.code;
    throw error;
  }
  throw new Error('An error was expected.');
}

describe.each(MAJORS)('PostgreSQL %i', (major) => {
  test('a second install changes nothing', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    expect((await installSchemas(session)).changed).toEqual(
      loadSchemaFiles(findSqlRoot()).map((s) => s.schema),
    );
    const first = await describeInstalled(session);
    expect((await installSchemas(session)).changed).toEqual([]);
    expect(await describeInstalled(session)).toEqual(first);
    await checkInstalled(session);
  });

  test('the printed script makes the same as the program, and may be run again', async () => {
    await using byProgram = await freshDatabase(major, 'install');
    await using program = await byProgram.connect();
    await installSchemas(program);
    await using byScript = await freshDatabase(major, 'install');
    await using script = await byScript.application();
    const text = renderInstallSql();
    await script.execute(text);
    await script.execute(text);
    await script.execute('set search_path = pg_catalog');
    expect(await describeInstalled(script)).toEqual(await describeInstalled(program));
    await checkInstalled(script);
    expect((await installSchemas(script)).changed).toEqual([]);
  });

  test('two installs at the same time take turns', async () => {
    await using database = await freshDatabase(major, 'install');
    await using first = await database.connect();
    await using second = await database.connect();
    const results = await Promise.all([
      installSchemas(first, { schemas: PGQ_ONLY }),
      installSchemas(second, { schemas: PGQ_ONLY }),
    ]);
    expect(results.flatMap((result) => result.changed)).toEqual(['pgq']);
  });

  test('without a schema, a migration or a known migration the check fails', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    expect(await codeOf(checkInstalled(session))).toBe('PC206');
    await installSchemas(session);
    await session.query("delete from pgcascade.migration where schema_name = 'pgcascade'");
    expect(await codeOf(checkInstalled(session))).toBe('PC206');
    await session.query("insert into pgcascade.migration values ('pgq', '9999_from_the_future')");
    expect(await codeOf(checkInstalled(session))).toBe('PC207');
    expect(await codeOf(installSchemas(session))).toBe('PC207');
  });

  test('a new migration is run once and before the routines that need it', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    await installSchemas(session, { schemas: smallSchema() });
    const [old] = smallSchema();
    const upgraded = smallSchema({
      migrations: [
        ...(old?.migrations ?? []),
        { name: '0002_b', text: 'alter table pgq.t add column b int default 7;' },
      ],
      routines: [
        routine('a int4'),
        {
          name: 'g',
          text: 'create or replace function pgq.g() returns int language sql as $$ select b from pgq.t $$;',
        },
      ],
    });
    expect((await planInstall(session, upgraded)).schemas.map((s) => s.missingMigrations)).toEqual([
      ['0002_b'],
    ]);
    expect((await installSchemas(session, { schemas: upgraded })).changed).toEqual(['pgq']);
    expect((await installSchemas(session, { schemas: upgraded })).changed).toEqual([]);
    expect(await session.query('select pgq.g() as b, a from pgq.t')).toEqual([{ b: 7, a: 1 }]);
  });

  test('a routine whose result columns change is replaced and keeps the rights that were granted on it', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    await installSchemas(session, { schemas: smallSchema() });
    await session.query('revoke execute on function pgq.f() from public');
    await session.query('grant execute on function pgq.f() to pg_monitor');
    const changed = smallSchema({ routines: [routine('a int4, b int4', 'a, a')] });
    expect((await installSchemas(session, { schemas: changed })).changed).toEqual(['pgq']);
    expect(await session.query('select * from pgq.f()')).toEqual([{ a: 1, b: 1 }]);
    expect(
      await session.one("select has_function_privilege('pg_monitor', 'pgq.f()', 'execute') as may"),
    ).toEqual({ may: true });
  });

  test('a routine that the user depends on is not dropped', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    await installSchemas(session, { schemas: smallSchema() });
    await session.query('create view public.v as select * from pgq.f()');
    const changed = smallSchema({ routines: [routine('a int4, b int4', 'a, a')] });
    expect(await codeOf(installSchemas(session, { schemas: changed }))).toBe('PC900');
    expect(await session.query('select * from public.v')).toEqual([{ a: 1 }]);
  });

  test('a schema whose install fails is left as it was', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    const broken = smallSchema({
      routines: [{ name: 'f', text: 'create or replace function pgq.f() nonsense;' }],
    });
    expect(await codeOf(installSchemas(session, { schemas: broken }))).toBe('PC900');
    expect(await session.query("select to_regnamespace('pgq') as pgq")).toEqual([{ pgq: null }]);
    expect(await session.query('select * from pgcascade.migration')).toEqual([]);
    expect((await installSchemas(session, { schemas: smallSchema() })).changed).toEqual(['pgq']);
  });

  test('a schema of somebody else is left alone, by the program and by the script', async () => {
    await using database = await freshDatabase(major, 'install');
    await using session = await database.connect();
    await session.execute('create schema pgq; create table pgq.queue (stock int)');
    expect((await installSchemas(session, { schemas: PGQ_ONLY })).changed).toEqual([]);
    await session.execute(renderInstallSql(PGQ_ONLY));
    expect(
      await session.query("select count(*) from pg_proc where pronamespace = 'pgq'::regnamespace"),
    ).toEqual([{ count: 0n }]);
  });

  test('a role that may not create roles nor schemas can install, and the queue works', async () => {
    await using cluster = await startCluster(major, { isBare: true });
    await cluster.createDatabase('app');
    await using session = await cluster.connect('app');
    await session.execute('create role app_owner');
    await session.execute('set session authorization app_owner');
    expect(await codeOf(installSchemas(session, { schemas: PGQ_ONLY }))).toBe('PC204');

    await session.execute('reset session authorization');
    await session.execute(
      'create schema pgcascade authorization app_owner; create schema pgq authorization app_owner',
    );
    await session.execute('set session authorization app_owner');
    expect((await installSchemas(session, { schemas: PGQ_ONLY })).changed).toEqual(['pgq']);
    expect(await session.query("select rolname from pg_roles where rolname ~ '^pgq_'")).toEqual([]);
    await session.query("select pgq.create_queue('q')");
    await session.query("select pgq.register_consumer('q', 'c')");
    await session.query("select pgq.insert_event('q', 'type', 'data')");
    await session.query("select pgq.ticker('q')");
    expect(await session.query("select ev_data from pgq.get_batch_events(pgq.next_batch('q', 'c'))")).toEqual(
      [{ ev_data: 'data' }],
    );
    expect((await installSchemas(session, { schemas: PGQ_ONLY })).changed).toEqual([]);

    // When somebody makes the roles later, the next install gives them their rights.
    await session.execute('reset session authorization');
    await session.execute('create role pgq_reader');
    await session.execute('set session authorization app_owner');
    await installSchemas(session, { schemas: PGQ_ONLY });
    expect(
      await session.one(
        "select has_function_privilege('pgq_reader', 'pgq.next_batch(text, text)', 'execute') as may",
      ),
    ).toEqual({ may: true });
  });
});

test('a stock extension, and a filled schema without our record, belong to somebody else', () => {
  const schemas = loadSchemaFiles(findSqlRoot());
  const owners = (state: { extensions?: string[]; filled?: string[]; recorded?: string[] }) =>
    decidePlan(schemas, {
      extensions: new Set(state.extensions),
      filledSchemas: new Set(state.filled),
      migrations: (state.recorded ?? []).map((schemaName) => ({ schemaName, name: '0001_tables' })),
    })
      .schemas.filter(({ owner }) => owner === 'foreign')
      .map(({ files }) => files.schema);
  expect(owners({})).toEqual([]);
  expect(owners({ extensions: ['pgq', 'plpgsql'], filled: ['pgq'] })).toEqual(['pgq']);
  expect(owners({ filled: ['pgq'] })).toEqual(['pgq']);
  expect(owners({ filled: ['pgq'], recorded: ['pgq'] })).toEqual([]);
  expect(owners({ extensions: ['pgcascade'] })).toEqual([]);
});
