import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import type { TableVerdict } from '../../src/compare/compare-table.js';
import { exitCodeOf, summaryLine } from '../../src/compare/report.js';
import { awkwardTables } from '../support/awkward-tables.js';
import { sharedCluster } from '../support/cluster.js';
import { waitUntil } from '../support/wait-until.js';
import { type CompareFixture, openCompareFixture, QUEUE } from './compare-fixture.js';

const fixtures = new Map<string, Promise<CompareFixture>>();

/** The fixture that the tests of one pair of versions share; each has tables of its own. */
function shared(from: number, to: number): Promise<CompareFixture> {
  const pair = `${from} ${to}`;
  const opened = fixtures.get(pair) ?? openCompareFixture(from, to);
  fixtures.set(pair, opened);
  return opened;
}

afterAll(async () => {
  for (const fixture of fixtures.values()) await (await fixture)[Symbol.asyncDispose]();
});

const PAIRS = [
  [10, 18],
  [18, 10],
] as const;

test.each(PAIRS)('tables of every type that are equal are found equal, %i to %i', async (from, to) => {
  const fixture = await shared(from, to);
  const tables = awkwardTables(10);
  await fixture.both(tables.schema);
  await fixture.both(tables.rows);
  const names = await fixture.provider.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name
       from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname in ('public', 'Odd Schema')`,
  );
  const tableNames = names.map((row) => row.name);
  await fixture.addTables(...tableNames);
  const found = await fixture.compare(tableNames);
  expect(found.tables.filter((table) => table.verdict.kind !== 'equal')).toEqual([]);
  expect(found.tables.length).toBeGreaterThan(10);
  expect(summaryLine(found)).toBe(`${tableNames.length} tables compared at tick ${found.tick}: all equal`);
  expect(exitCodeOf(found)).toBe(0);
});

/** What is done to row 7 on the subscriber, column by column. */
const MUTATIONS = [
  ['one letter', 't', "'seveN'"],
  ['empty for null', 'nothing', "''"],
  ['null for empty', 'empty', 'null'],
  ['a space at the end', 't', "'seven '"],
  ['a letter moved to the next column', 't2', "'nseven'"],
  ['-0 for 0', 'zero', "'-0'"],
  ['the last bit of a double', 'f', '0.30000000000000004'],
  ['the last bit of a real', 'f4', '0.10000001'],
  ['NaN for infinity', 'f', "'NaN'"],
  ['the scale of a numeric', 'n', '1.500'],
  ['one bit of a bytea', 'b', "'\\x00fe'"],
  ['one microsecond', 'ts', "'2001-02-03 04:05:06.789001+00'"],
  ['days for months', 'iv', "'30 days'"],
  ['a boolean', 'ok', 'false'],
  ['a null in an array', 'texts', `'{"a,b","NULL",""}'`],
  ['an array bound', 'ints', "'[0:2]={1,2,3}'"],
  ['the last bit in an array of doubles', 'doubles', "'{{0.1,0.2},{0.3,0.4000000000000001}}'"],
  ['the shape of an array of doubles', 'doubles', "'{0.1,0.2,0.3,0.4}'"],
  ['a null row for a row of nulls', 'pair', 'null'],
  ['the last bit in a composite', 'pair2', "'(0.1000000000000001,1)'"],
  ['a bound of a range of doubles', 'span', "'(0.1,0.2)'"],
  ['a value in a json text', 'j', `'{"a": 1,  "b":2}'`],
  ['a number in a jsonb', 'jb', `'{"a": 1.0}'`],
  ['a coordinate', 'p', "'(1,2.0000000000000004)'"],
  ['a label of an enum', 'm', "'sad'"],
  ['a money amount', 'cash', "'$1.51'"],
] as const;

const TYPES = `
create type temper as enum ('sad', 'ok');
create type pair as (a double precision, b integer);
create type float8range as range (subtype = double precision);
create domain share as double precision;`;

const MUTATED = `
create table mutated (id integer primary key, t text, t2 text, nothing text, empty varchar(9), zero double precision, f share,
    f4 real, n numeric, b bytea, ts timestamptz, iv interval, ok boolean, texts text[], ints integer[], doubles double precision[],
    pair pair, pair2 pair, span float8range, j json, jb jsonb, p point, m temper, cash money);
insert into mutated
select i, 'seven', 'seven', null, '', 0, 0.3, 0.1, 1.50, '\\x00ff', '2001-02-03 04:05:06.789+00', '1 month', true, '{"a,b",NULL,""}',
       '{1,2,3}', '{{0.1,0.2},{0.3,0.4}}', '(,)', '(0.1,1)', '[0.1,0.2)', '{"a": 1, "b":2}', '{"a": 1}', '(1,2)', 'ok',
       '$1.50' from generate_series(1, 300) i;`;

test('the checksum of a row is of its text in UTF-8, whatever the encoding of the database', async () => {
  const hash = 'select md5(record_send(row($1::text, array[$1::text]::text))) as hash';
  const hashes: unknown[] = [];
  const cluster = await sharedCluster(18);
  for (const encoding of ['utf8', 'latin1']) {
    await cluster.query('postgres', `create database in_${encoding} template template0 encoding ${encoding}`);
    await using session = await cluster.connect(`in_${encoding}`);
    hashes.push(await session.one(hash, ['naïve é']));
  }
  expect(hashes[0]).toEqual(hashes[1]);
});

test('a change of one value is found and its key is named, whatever the type', async () => {
  const fixture = await shared(10, 18);
  await fixture.both(TYPES);
  await fixture.both(MUTATED);
  await fixture.addTables('public.mutated');
  expect(await fixture.verdict('public.mutated')).toEqual({ kind: 'equal' });
  const found: Record<string, unknown> = {};
  for (const [what, column, value] of MUTATIONS) {
    await fixture.subscriber.query('create temporary table before as select * from mutated where id = 7');
    await fixture.subscriber.query(`update mutated set ${column} = ${value} where id = 7`);
    found[what] = changedKeys(await fixture.verdict('public.mutated'));
    await fixture.subscriber.query(
      `update mutated m set ${column} = b.${column} from before b where m.id = b.id`,
    );
    await fixture.subscriber.query('drop table before');
  }
  expect(found).toEqual(Object.fromEntries(MUTATIONS.map(([what]) => [what, [['7']]])));
  expect(await fixture.verdict('public.mutated')).toEqual({ kind: 'equal' });
});

test('NaN with another bit pattern, an array that once had a null and a domain are no differences', async () => {
  const fixture = await shared(10, 18);
  await fixture.both(
    `create table same (id integer primary key, f share, a double precision[], c char(5), v varchar, n numeric(9,2), d date)`,
  );
  await fixture.provider.query(
    "insert into same values (1, 'NaN', '{1,2}', 'ab', 'x', 5, '2001-01-01'), (2, 'inf', null, null, null, null, null)",
  );
  await fixture.subscriber.query(
    `alter table same alter v type text, alter n type numeric, alter id type bigint, alter f type double precision,
                      alter c type text, alter d type timestamptz using d::timestamptz at time zone 'UTC'`,
  );
  await fixture.subscriber.query(
    `insert into same values (1, 'inf'::float8 - 'inf'::float8, '{1,null}', 'ab   ', 'x', 5.00, '2001-01-01 00:00+00'),
                             (2, 'inf', null, null, null, null, null)`,
  );
  await fixture.subscriber.query('update same set a[2] = 2 where id = 1');
  await fixture.addTables('public.same');
  expect(await fixture.verdict('public.same')).toEqual({ kind: 'equal' });
});

/** The key's columns, their values for row i, and the key of row 7. */
const KEYS = [
  ['an integer key', 'id integer primary key', 'i', ['7']],
  ['negative and large keys', 'id bigint primary key', '(i - 500) * 1000000007::bigint', ['-493000003451']],
  ['a text key', 'id text primary key', "'key ' || i", ['key 7']],
  ['a key of two columns', 'a integer, b text, primary key (b, a)', "i, 'x' || i % 3", ['x1', '7']],
  ['a uuid key', 'id uuid primary key', 'md5(i::text)::uuid', ['8f14e45f-ceea-167a-5a36-dedd4bea2543']],
  ['a unique index', 'id date not null, unique (id)', "date '2000-01-01' + i", ['2000-01-08']],
] as const;

test.each(KEYS)(
  'changed, missing and extra rows are told apart with %s',
  async (_what, columns, value, key) => {
    const fixture = await shared(18, 18);
    const table = `keyed_${columns.replace(/\W+/g, '_')}`;
    await fixture.both(`create table ${table} (v text, ${columns})`);
    await fixture.provider.query(`insert into ${table} select 'v', ${value} from generate_series(1, 1000) i`);
    await fixture.subscriber.query(
      `insert into ${table} select case when i = 7 then 'w' else 'v' end, ${value}
       from generate_series(1, 1003) i where i not in (70, 71)`,
    );
    await fixture.addTables(`public.${table}`);
    const found = await fixture.compare([`public.${table}`]);
    const verdict = found.tables[0]?.verdict as TableVerdict;
    expect(counts(verdict)).toEqual({ changed: 1n, missing: 2n, extra: 3n, isComplete: true });
    expect(changedKeys(verdict)).toEqual([key]);
    expect(found.tables[0]?.totals?.provider.rows).toBe(1000n);
    expect(found.tables[0]?.totals?.subscriber.rows).toBe(1001n);
    expect(exitCodeOf(found)).toBe(2);
  },
);

test('a duplicate in a table without a key is found, in any order of the rows', async () => {
  const fixture = await shared(10, 18);
  await fixture.both('create table log (n integer, t text)');
  await fixture.provider.query("insert into log select i % 50, 'x' from generate_series(1, 500) i");
  await fixture.subscriber.query(
    "insert into log select i % 50, 'x' from generate_series(1, 500) i order by i desc",
  );
  await fixture.addTables('public.log');
  expect(await fixture.verdict('public.log')).toEqual({ kind: 'equal' });
  await fixture.subscriber.query("insert into log values (3, 'x')");
  await fixture.subscriber.query('delete from log where ctid = (select min(ctid) from log where n = 4)');
  expect(counts(await fixture.verdict('public.log'))).toEqual({
    changed: 0n,
    missing: 1n,
    extra: 1n,
    isComplete: true,
  });
});

test('two rows that have swapped their values are different', async () => {
  const fixture = await shared(18, 18);
  await fixture.both('create table swapped (id integer primary key, v text)');
  await fixture.provider.query("insert into swapped values (1, 'a'), (2, 'b')");
  await fixture.subscriber.query("insert into swapped values (1, 'b'), (2, 'a')");
  await fixture.addTables('public.swapped');
  expect(changedKeys(await fixture.verdict('public.swapped'))).toEqual([['1'], ['2']]);
});

test('when everything differs the first keys are named and the rest is not fetched', async () => {
  const fixture = await shared(18, 18);
  await fixture.both('create table all_different (id integer primary key, v text)');
  await fixture.provider.query("insert into all_different select i, 'a' from generate_series(1, 60000) i");
  await fixture.subscriber.query(
    "insert into all_different select i, 'b' from generate_series(20001, 80000) i",
  );
  await fixture.addTables('public.all_different');
  const verdict = await fixture.verdict('public.all_different', { chunkRows: 1000 });
  expect(changedKeys(verdict)).toHaveLength(10);
  expect(counts(verdict)).toMatchObject({ isComplete: false });
});

test('a partitioned table on one side is compared with a plain one on the other, with all partitions', async () => {
  const fixture = await shared(10, 18);
  await fixture.provider.query(`create table measurements (id integer not null, v text) partition by range (id);
    create table measurements_1 partition of measurements for values from (1) to (100); create table measurements_2 partition of measurements for values from (100) to (1000)`);
  await fixture.subscriber.query('create table measurements (id integer primary key, v text)');
  await fixture.both("insert into measurements select i, 'a' from generate_series(1, 500) i");
  await fixture.addTables('public.measurements');
  expect(await fixture.verdict('public.measurements')).toEqual({ kind: 'equal' });
  await fixture.provider.query('delete from measurements_2 where id = 400');
  expect(counts(await fixture.verdict('public.measurements'))).toMatchObject({ extra: 1n });
});

test('rows of an inheritance child belong to the child', async () => {
  const fixture = await shared(18, 18);
  await fixture.both(
    'create table parent_rows (id integer primary key); create table child () inherits (parent_rows); insert into parent_rows values (1)',
  );
  await fixture.provider.query('insert into child values (2)');
  await fixture.addTables('public.parent_rows');
  expect(await fixture.verdict('public.parent_rows')).toEqual({ kind: 'equal' });
});

test('a table that is read in many pieces has the same checksum as one read at once', async () => {
  const fixture = await shared(10, 18);
  await fixture.both(`
    create table in_order (id integer primary key, v text);
    create table shuffled (id integer primary key, v text);
    create table worded (id text primary key, v text);
    insert into in_order select i, repeat('x', 50) from generate_series(1, 3000) i;
    insert into shuffled select i, repeat('x', 50) from generate_series(1, 3000) i order by md5(i::text);
    insert into worded select 'w' || i, repeat('x', 50) from generate_series(1, 3000) i;
    analyze in_order; analyze shuffled; analyze worded`);
  const names = ['public.in_order', 'public.shuffled', 'public.worded'];
  await fixture.addTables(...names);
  const whole = await fixture.compare(names);
  const cut = await fixture.compare(names, { piecePages: 2, jobs: 3 });
  expect(cut.tables.map(({ verdict }) => verdict.kind)).toEqual(['equal', 'equal', 'equal']);
  expect(cut.tables.map(({ totals }) => totals)).toEqual(whole.tables.map(({ totals }) => totals));
  expect(cut.tables[0]?.totals?.provider.rows).toBe(3000n);
});

test('a column that the subscriber does not have is a difference, one that it has more is none', async () => {
  const fixture = await shared(18, 18);
  await fixture.provider.query(
    "create table other_columns (id integer primary key, v text, lost integer); insert into other_columns values (1, 'a', null)",
  );
  await fixture.subscriber.query(
    "create table other_columns (more text default 'x', v text, id integer primary key); insert into other_columns (id, v) values (1, 'a')",
  );
  await fixture.addTables('public.other_columns');
  expect(await fixture.verdict('public.other_columns')).toEqual({
    kind: 'different',
    missingColumns: ['lost'],
    differences: undefined,
  });
});

test('only the number of rows counts with countOnly', async () => {
  const fixture = await shared(18, 18);
  await fixture.both(
    "create table counted (id integer primary key, v text); insert into counted select i, 'a' from generate_series(1, 10) i",
  );
  await fixture.subscriber.query("update counted set v = 'b'");
  await fixture.addTables('public.counted');
  expect(await fixture.verdict('public.counted', { countOnly: true })).toEqual({ kind: 'equal' });
  await fixture.subscriber.query('delete from counted where id = 1');
  expect(await fixture.verdict('public.counted', { countOnly: true })).toMatchObject({ kind: 'different' });
});

test('a table that is not in sync, not there or not readable is not checked, and the others are', async () => {
  const fixture = await shared(10, 18);
  for (const name of ['fine', 'copying', 'gone', 'secret', 'handled', 'locked']) {
    await fixture.both(`create table ${name} (id integer primary key)`);
    await fixture.addTables(`public.${name}`);
  }
  await fixture.subscriber.query(
    "update londiste.table_info set merge_state = 'in-copy' where table_name = 'public.copying'",
  );
  await fixture.subscriber.query(
    "update londiste.table_info set table_attrs = 'handler=odd' where table_name = 'public.handled'",
  );
  await fixture.provider.query('drop table gone');
  await fixture.provider.query('alter table secret rename column id to "i%d"');
  await using blocker = await fixture.provider.application();
  await blocker.execute('begin; lock table locked in access exclusive mode');
  const names = ['fine', 'copying', 'gone', 'secret', 'handled', 'locked', 'unknown'].map(
    (name) => `public.${name}`,
  );
  const found = await fixture.compare(names, { lockTimeoutMs: 300 });
  await blocker.execute('rollback');
  expect(found.tables.map((table) => [table.tableName, table.verdict.kind])).toEqual([
    ['public.fine', 'equal'],
    ['public.copying', 'not checked'],
    ['public.gone', 'not checked'],
    ['public.secret', 'different'],
    ['public.handled', 'not checked'],
    ['public.locked', 'not checked'],
    ['public.unknown', 'not checked'],
  ]);
  expect(summaryLine(found)).toContain('1 different, 5 not checked');
});

test('a table that is truncated while it is compared is not checked', async () => {
  const fixture = await shared(18, 18);
  await fixture.both(
    'create table truncated (id integer primary key); insert into truncated select generate_series(1, 100)',
  );
  await fixture.addTables('public.truncated');
  const { ports } = fixture;
  const truncating = {
    ...ports,
    // After the provider's snapshot and before the first read of the table.
    importSnapshot: async (reader: Parameters<typeof ports.importSnapshot>[0], snapshot: string) => {
      await fixture.provider.query('truncate truncated');
      await ports.importSnapshot(reader, snapshot);
    },
  };
  const { tables } = await fixture.compare(['public.truncated'], {}, truncating);
  expect(tables[0]?.verdict).toMatchObject({ kind: 'not checked', code: 'PC503' });
});

test('under a load of writes and ticks all is equal; then one change behind the back is found', async () => {
  const fixture = await shared(10, 18);
  await fixture.both(
    'create table loaded (id serial primary key, v integer); create table loaded_log (v integer)',
  );
  await fixture.addTables('public.loaded', 'public.loaded_log');
  await fixture.provider.query("select pgq.set_queue_config('app', 'ticker_max_lag', '1 millisecond')");
  await using load = await startLoad(fixture);
  for (let round = 0; round < 8; round++) {
    const found = await fixture.compare(['public.loaded', 'public.loaded_log'], { timeoutMs: 60_000 });
    expect(found.tables.map((table) => table.verdict)).toEqual([{ kind: 'equal' }, { kind: 'equal' }]);
  }
  expect(load.writes).toBeGreaterThan(20);
  await fixture.subscriber.query('update loaded set v = -1 where id = 1');
  expect(changedKeys(await fixture.verdict('public.loaded', { timeoutMs: 60_000 }))).toEqual([['1']]);
});

test('the snapshots of a killed compare are released at once on both sides', async () => {
  const fixture = await shared(18, 18);
  await fixture.both('create table killed (id integer primary key)');
  await fixture.addTables('public.killed');
  const sessions: { destroy(): void }[] = [];
  const { ports } = fixture;
  const keep = async (opening: ReturnType<typeof ports.connectSubscriber>) => {
    const session = await opening;
    sessions.push(session);
    return session;
  };
  const killing = {
    ...ports,
    connectProvider: () => keep(ports.connectProvider()),
    connectSubscriber: () => keep(ports.connectSubscriber()),
    importSnapshot: async (reader: Parameters<typeof ports.importSnapshot>[0], snapshot: string) => {
      await ports.importSnapshot(reader, snapshot);
      expect(fixture.worker.snapshots.heldCount).toBe(1);
      for (const session of sessions) session.destroy();
    },
  };
  await expect(fixture.compare(['public.killed'], {}, killing)).rejects.toThrow();
  await waitUntil('the worker holds no snapshot', () => fixture.worker.snapshots.heldCount === 0);
  const rows = await waitUntil('the request is forgotten', async () => {
    const left = await fixture.subscriber.query('select request_id from pgcascade.snapshot_request');
    return left.length === 0 ? { left } : undefined;
  });
  expect(rows).toEqual({ left: [] });
});

test('a request for a tick that the worker has passed fails, and compare asks again once', async () => {
  const fixture = await shared(18, 18);
  await fixture.both('create table late (id integer primary key)');
  await fixture.addTables('public.late');
  const { ports } = fixture;
  let ticks = 0;
  const late = {
    ...ports,
    // The first time the request is made when the worker is past the tick, as after a promise not kept.
    openTickSnapshot: (async (provider, options) => {
      if (ticks++ > 0) return ports.openTickSnapshot(provider, options);
      const tick = await ports.openTickSnapshot(provider, {
        ...options,
        beforeCommit: async () => undefined,
      });
      await waitUntil('the worker is past the tick', async () => {
        await fixture.provider.query("select pgq.force_tick('app'), pgq.ticker('app')");
        return fixture.worker.completedTick > tick;
      });
      await options.beforeCommit(tick);
      return tick;
    }) satisfies typeof ports.openTickSnapshot,
  };
  const { tables } = await fixture.compare(['public.late'], {}, late);
  expect(tables[0]?.verdict).toEqual({ kind: 'equal' });
  expect(ticks).toBe(2);
});

test('without a worker compare says so and leaves nothing behind', async () => {
  await using fixture = await openCompareFixture(18, 18);
  await fixture.both('create table unserved (id integer primary key)');
  await fixture.addTables('public.unserved');
  await fixture.worker.stop();
  await expect(fixture.compare(['public.unserved'], { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'PC306',
  });
  await waitUntil('no session of compare is left', async () => {
    const [left] = await fixture.provider.query<{ count: bigint }>(
      'select count(*) from pg_stat_activity where datname = current_database() and backend_xmin is not null and pid <> pg_backend_pid()',
    );
    return left?.count === 0n;
  });
});

test('a compare is stopped by its signal', async () => {
  await using fixture = await openCompareFixture(18, 18);
  await fixture.both('create table stopped (id integer primary key)');
  await fixture.addTables('public.stopped');
  await fixture.worker.stop();
  const stop = new AbortController();
  const running = fixture.compare(['public.stopped'], { signal: stop.signal });
  stop.abort(new Error('told to stop'));
  await expect(running).rejects.toThrow('told to stop');
});

interface Load extends AsyncDisposable {
  readonly writes: number;
}

/** Writers on the provider, each of whose transactions also tells the worker what to do; and a ticker. */
async function startLoad(fixture: CompareFixture): Promise<Load> {
  const load = { writes: 0, isStopped: false };
  const write = async () => {
    await using session = await fixture.provider.connect();
    for (let i = 0; !load.isStopped; i++) {
      await session.execute(`begin;
        select pgcascade_test.write('insert into public.loaded (id, v) values (%s, %s)', nextval('public.loaded_id_seq'), ${i});
        select pgcascade_test.write('update public.loaded set v = v + 1 where id = %s', currval('public.loaded_id_seq') - 1, 0);
        select pgcascade_test.write('insert into public.loaded_log select %s', ${i % 7}, 0);
        ${i % 10 === 9 ? 'rollback' : 'commit'}`);
      load.writes++;
      await sleep(5);
    }
  };
  const tick = async () => {
    await using session = await fixture.provider.connect();
    for (; !load.isStopped; await sleep(20)) await session.query('select pgq.ticker()');
  };
  await fixture.provider.query(`create schema pgcascade_test;
    create function pgcascade_test.write(statement text, a bigint, b bigint) returns void language plpgsql as $$
    declare
        n_rows bigint;
    begin
        execute format(statement, a, b);
        get diagnostics n_rows = row_count;
        -- The row may be one that the other writer has not committed: then there is nothing to tell.
        if n_rows > 0 then
            perform pgq.insert_event('${QUEUE}', 'SQL', format(statement, a, b));
        end if;
    end $$`);
  const running = [write(), write(), tick()];
  return {
    get writes() {
      return load.writes;
    },
    async [Symbol.asyncDispose]() {
      load.isStopped = true;
      await Promise.all(running);
    },
  };
}

function changedKeys(verdict: TableVerdict): unknown {
  return verdict.kind === 'different' ? verdict.differences?.changed.keys : verdict.kind;
}

function counts(verdict: TableVerdict): unknown {
  if (verdict.kind !== 'different' || verdict.differences === undefined) return verdict;
  const { changed, missing, extra, isComplete } = verdict.differences;
  return { changed: changed.count, missing: missing.count, extra: extra.count, isComplete };
}
