import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FreshDatabase } from '../support/cluster.js';
import { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

/* The handlers that take a table's events over, and bulk, over real workers from the oldest server to the newest. */

let tree: Tree;
let root: TestNode;
let leaf: TestNode;

beforeAll(async () => {
  tree = await openTree({ nodes: { root: { major: 10 }, leaf: { major: 18, provider: 'root' } } });
  root = tree.node('root');
  leaf = tree.node('leaf');
}, 120_000);

afterAll(async () => {
  await tree?.[Symbol.asyncDispose]();
});

/** The rows of a query as one text a row, sorted. */
async function rows(node: TestNode, query: string): Promise<string[]> {
  const found = await node.query<{ r: string }>(`select q::text as r from (${query}) as q order by 1`);
  return found.map(({ r }) => r);
}

async function expectSame(selected: string, here = selected): Promise<void> {
  await tree.caughtUp(root, [leaf]);
  expect(await rows(leaf, here)).toEqual(await rows(root, selected));
}

/** Writes on the leaf as nobody should. */
async function tamper(sql: string): Promise<void> {
  await leaf.query(`set session_replication_role = replica; ${sql}; reset session_replication_role`);
}

async function addTable(name: string, ...handlerWords: string[]): Promise<void> {
  await root.must('add-table', name);
  await leaf.must('add-table', name, ...handlerWords, '--wait-sync');
}

async function parkedAs(tableName: string): Promise<{ error_code: string; message: string } | undefined> {
  await tree.caughtUp(root, [leaf]);
  const [parked] = await leaf.query<{ error_code: string; message: string }>(
    'select error_code, message from pgcascade.table_error where table_name = $1',
    [tableName],
  );
  return parked;
}

const QUEUE_EVENTS = `select ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4 from pgq.event_template`;

test('what is inserted into a queue table is an event and no row, and comes into another queue exactly once', async () => {
  await root.query(
    'create table door (id integer, "What" text); create table doors (id integer primary key)',
  );
  await leaf.query("select pgq.create_queue('other')");
  await root.must('add-table', 'door', '--handler=qtable');
  expect(
    (await leaf.run('add-table', 'door', '--handler=qsplitter', '--handler-arg=queue=none')).stderr,
  ).toMatch(/no queue "none"/);
  await leaf.must('add-table', 'door', '--handler=qsplitter', '--handler-arg=queue=other', '--wait-sync');

  await root.query(`insert into door select i, 'ä & ' || i from generate_series(1, 500) as i`);
  await root.query("insert into door values (501, null); insert into door values (502, '')");
  await root.query("select pgq.insert_event('app', 'mine', 'data', 'public.door', 'two', null, 'four')");
  expect(await root.query('select * from door')).toEqual([]);
  await tree.caughtUp(root, [leaf]);
  const sent = await rows(root, `${QUEUE_EVENTS} where ev_extra1 = 'public.door'`);
  expect(sent).toHaveLength(503);
  expect(await rows(leaf, QUEUE_EVENTS)).toEqual(sent);
  const [order] = await leaf.query<{ ordered: boolean }>(
    `select array_agg(ev_data order by ev_id) = (select array_agg('id=' || i || '&What=%c3%a4+%26+' || i order by i) from generate_series(1, 500) as i) as ordered
       from pgq.event_template where ev_data like 'id=%&What=%c3%'`,
  );
  expect(order?.ordered).toBe(true);

  // A worker that dies between its work and its commit writes nothing, and then everything once.
  await leaf.stopWorker();
  const dying = leaf.startWorker({ PGCASCADE_FAILPOINTS: 'worker-before-commit=exit' });
  await root.query("insert into door values (600, 'crash')");
  await dying.ended;
  expect(await leaf.query("select from pgq.event_template where ev_data like 'id=600%'")).toEqual([]);
  leaf.startWorker();
  await tree.caughtUp(root, [leaf]);
  expect(await leaf.query("select from pgq.event_template where ev_data like 'id=600%'")).toHaveLength(1);

  const compared = await leaf.run('compare', 'door');
  expect(compared.exitCode).toBe(3);
  expect(compared.stdout).toMatch(/events of the queue|go into the queue other/);

  // A queue that goes away parks the table only.
  await leaf.query("select pgq.drop_queue('other', true)");
  await root.query('insert into door values (700)');
  expect((await parkedAs('public.door'))?.error_code).toBe('PC402');
  await leaf.must('change-handler', 'door', '--handler=qtable');
  await root.query('insert into door values (701)');
  expect(await parkedAs('public.door')).toBeUndefined();

  // Back to a table as others: inserts are rows again.
  await root.must('change-handler', 'door');
  await root.query("insert into door values (800, 'row')");
  expect(await rows(root, 'select * from door')).toEqual(['(800,row)']);
  await root.must('change-handler', 'door', '--handler=qtable');
  await root.query("insert into door values (801, 'event')");
  expect(await rows(root, 'select * from door')).toEqual(['(800,row)']);
}, 120_000);

test('the inserts of a queue table are rows below where a node wants them so', async () => {
  await root.query('create table inbox (id integer primary key, v text)');
  await leaf.query('create table inbox (id integer primary key, v text)');
  await root.must('add-table', 'inbox', '--handler=qtable');
  await leaf.must('add-table', 'inbox', '--wait-sync');
  await root.query("insert into inbox values (1, 'a'), (2, null)");
  await tree.caughtUp(root, [leaf]);
  expect(await rows(leaf, 'select * from inbox')).toEqual(['(1,a)', '(2,)']);
  expect((await leaf.run('compare', 'inbox')).exitCode).toBe(3);
}, 120_000);

test('a table that is only a name needs no table, and its events do nothing', async () => {
  await root.query('create table hollow (id integer primary key)');
  await root.must('add-table', 'hollow');
  await root.must('add-table', 'nowhere', '--handler=vtable');
  await leaf.must('add-table', 'hollow', '--handler=fake_local');
  await leaf.must('add-table', 'nowhere', '--handler=vtable', '--wait-sync');
  await root.query(
    "insert into hollow values (1); select pgq.insert_event('app', 'x', 'y', 'public.nowhere', null, null, null)",
  );
  expect(await parkedAs('public.hollow')).toBeUndefined();
  expect(await parkedAs('public.nowhere')).toBeUndefined();
  await root.must('remove-table', 'nowhere');
}, 120_000);

test('a function gets every event in order, with all that is known of it', async () => {
  const table = 'create table acts (id integer primary key, v text)';
  await root.query(`${table}; insert into acts select i, 'copied' from generate_series(1, 10) as i`);
  await leaf.query(`${table};
    create table seen (n serial, conf text, tick bigint, id bigint, at timestamptz, txid bigint, retry integer, type text, data text, e1 text, e2 text, e3 text, e4 text);
    create function on_act(conf text, tick bigint, id bigint, at timestamptz, txid bigint, retry integer, type text, data text, e1 text, e2 text, e3 text, e4 text)
      returns void language plpgsql as $$
      begin
        if data like '%bad%' then raise exception 'not this one'; end if;
        insert into seen (conf, tick, id, at, txid, retry, type, data, e1, e2, e3, e4)
          values (conf, tick, id, at, txid, retry, type, data, e1, e2, e3, e4);
      end $$`);
  await root.must('add-table', 'acts');
  const words = ['add-table', 'acts', '--handler=applyfn'];
  expect((await leaf.run(...words, '--handler-arg=func_name=nothing')).stderr).toMatch(
    /no function public\.nothing/,
  );
  await leaf.must(...words, '--handler-arg=func_name=on_act', '--handler-arg=func_conf=a=b&c', '--wait-sync');
  expect(await leaf.query('select from acts')).toHaveLength(10);
  await root.query(`
    insert into acts select i, 'ä"\\' || i from generate_series(11, 300) as i;
    update acts set v = null where id < 20;
    delete from acts where id > 290;
    truncate acts`);
  await tree.caughtUp(root, [leaf]);
  const events = `select ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4
                    from pgq.event_template where ev_extra1 = 'public.acts'`;
  await expectSame(events, 'select id, at, txid, retry, type, data, e1, e2, e3, e4 from seen');
  expect(await leaf.query('select distinct conf from seen')).toEqual([{ conf: 'a=b&c' }]);
  expect(
    await leaf.query(
      'select from (select id - lag(id) over (order by n) as step from seen) as s where step <= 0',
    ),
  ).toEqual([]);
  const [seen] = await leaf.query<{ ticks: boolean; events: bigint }>(
    "select bool_and(s.tick <= c.last_tick_id) as ticks, count(*) as events from seen as s, pgq_node.local_state as c where c.consumer_name = 'leaf_worker'",
  );
  expect(seen).toEqual({ ticks: true, events: 290n + 19n + 10n + 1n });
  expect((await leaf.run('compare', 'acts')).stdout).toMatch(/made by the function public\.on_act/);

  await root.query("insert into acts values (1, 'good'); insert into acts values (2, 'bad')");
  expect((await parkedAs('public.acts'))?.error_code).toBe('PC402');
  expect(await leaf.query("select from seen where data like '%bad%'")).toEqual([]);
  await leaf.must('remove-table', 'acts');
}, 120_000);

test('bulk is what plain is, whatever its method', async () => {
  const table = 'create table heavy (id bigint primary key, n integer)';
  await root.query(`${table}; insert into heavy select i, 0 from generate_series(1, 2000) as i`);
  await leaf.query(table);
  await addTable('heavy', '--handler=bulk', '--handler-arg=method=2');
  await root.query(`
    update heavy set n = 1 where id % 3 = 0;
    delete from heavy where id % 7 = 0;
    insert into heavy select i, 2 from generate_series(3000, 5000) as i;
    update heavy set id = id + 10000 where id % 11 = 0`);
  await expectSame('select * from heavy');
  await leaf.must('compare', 'heavy');
  await tamper('delete from heavy where id = 1');
  expect((await leaf.run('compare', 'heavy')).exitCode).toBe(2);
  // Where Londiste would only warn.
  await root.query('update heavy set n = 5 where id = 1');
  expect((await parkedAs('public.heavy'))?.error_code).toBe('PC402');
  await leaf.must('remove-table', 'heavy');
}, 120_000);

test('of two versions of a row the newer one stays, whichever comes last', async () => {
  const table =
    'create table people (id integer primary key, email text unique, v text, at timestamptz default now())';
  await root.query(
    `${table}; insert into people select i, 'p' || i, 'copied', '2020-01-01' from generate_series(1, 20) as i`,
  );
  await leaf.query(table);
  await root.must('add-table', 'people');
  const words = ['add-table', 'people', '--handler=multimaster'];
  expect((await leaf.run(...words, '--handler-arg=timefield=changed')).stderr).toMatch(/no column changed/);
  await leaf.must(...words, '--handler-arg=timefield=at', '--wait-sync');
  await leaf.must('compare', 'people');

  // An application writes here too.
  await leaf.query(`
    update people set v = 'here', at = '2021-06-01' where id between 1 and 4;
    insert into people values (30, 'p30', 'here', '2021-06-01'), (31, 'p31', 'here', '2021-06-01');
    update people set v = 'later', at = '2100-01-01' where id in (5, 6);
    delete from people where id = 7`);
  await root.query(`
    begin;
    update people set v = 'older', at = '2021-01-01' where id = 1;
    update people set v = 'newer', at = '2022-01-01' where id = 2;
    update people set v = 'newest first', at = '2023-01-01' where id = 3;
    update people set v = 'then older', at = '2022-01-01' where id = 3;
    update people set v = 'one', at = '2022-01-01' where id = 4;
    update people set v = 'two' where id = 4;
    insert into people values (30, 'p30', 'older', '2021-01-01'), (31, 'p31', 'newer', '2022-01-01');
    delete from people where id in (5, 8);
    update people set v = 'back', at = '2022-01-01' where id = 7;
    update people set id = 90 where id = 9;
    delete from people where id = 10;
    insert into people values (10, 'p10', 'anew', '2022-01-01');
    insert into people values (40, 'p40', null, null);
    commit`);
  await tree.caughtUp(root, [leaf]);
  expect(await rows(leaf, 'select id, v from people where id <= 10 or id > 20')).toEqual([
    '(1,here)',
    '(10,anew)',
    '(2,newer)',
    '(3,"newest first")',
    '(30,here)',
    '(31,newer)',
    '(4,two)',
    '(40,)',
    '(5,later)',
    '(6,later)',
    '(7,back)',
    '(90,copied)',
  ]);
  const { stdout, exitCode } = await leaf.run('compare', 'people');
  expect(exitCode).toBe(2);
  expect(stdout).toMatch(/changed: 4 rows.*extra on the subscriber: 1 row, key 5/s);
  await root.query("truncate people; insert into people values (1, 'p1', 'last', now())");
  await expectSame('select * from people');
  await leaf.must('compare', 'people');
}, 120_000);

test('two databases that write the same table come to the same rows, and nothing goes round', async () => {
  const table =
    'create table meetings (id integer primary key, v text, at timestamptz default clock_timestamp())';
  await root.query(`${table}; insert into meetings select i, 'first' from generate_series(1, 50) as i`);
  await leaf.query(table);
  const words = ['meetings', '--handler=multimaster', '--handler-arg=timefield=at'];
  await root.must('add-table', 'meetings');
  await leaf.must('add-table', ...words, '--wait-sync');
  // The way back: a queue in the leaf's database, of which the root's is a leaf.
  const back = new TestNode('back', tree.folder, leaf.database as FreshDatabase);
  const end = new TestNode('end', tree.folder, root.database as FreshDatabase);
  try {
    for (const node of [back, end]) await node.writeIniFiles('back', []);
    await back.must('create-root', 'back', back.database.conninfo);
    await back.query("select pgq.set_queue_config('back', 'ticker_max_lag', '50 milliseconds')");
    await end.must('create-leaf', 'end', end.database.conninfo, `--provider=${back.database.conninfo}`);
    back.startTicker();
    back.startWorker();
    end.startWorker();
    await back.must('add-table', 'meetings');
    await end.must('add-table', ...words, '--expect-sync', '--wait-sync');

    // Never the same time on both sides: each would take the other's row.
    const time = (offset: number) =>
      `date_trunc('milliseconds', clock_timestamp()) + interval '${offset} microseconds'`;
    const write = (node: TestNode, who: string, low: number) =>
      node.query(`
        update meetings set v = '${who}' || id, at = ${time(low)} where id % 3 = 0;
        insert into meetings select i, '${who}' from generate_series(${low}, ${low + 20}) as i;
        insert into meetings values (60, '${who}', ${time(low)}) on conflict (id) do nothing;
        delete from meetings where id = ${low % 50}`);
    await Promise.all([write(root, 'root', 101), write(leaf, 'leaf', 202)]);
    const query = 'select * from meetings';
    const expectEqual = async () => {
      await tree.caughtUp(root, [leaf]);
      await waitUntilSeen(
        'both databases have the same rows',
        async () => ({ root: await rows(root, query), leaf: await rows(leaf, query) }),
        (seen) => JSON.stringify(seen.root) === JSON.stringify(seen.leaf),
      );
    };
    await expectEqual();
    expect(await rows(root, query)).toHaveLength(50 - 2 + 42 + 1);
    await leaf.must('compare', 'meetings');
    await end.must('compare', 'meetings');
    const events = "select from pgq.event_template where ev_extra1 = 'public.meetings'";
    const sent = { root: (await root.query(events)).length, leaf: (await leaf.query(events)).length };
    // Each has captured its own writes only.
    expect(Math.max(sent.root, sent.leaf)).toBeLessThanOrEqual(16 + 21 + 1 + 1);
  } finally {
    await Promise.all([back.stopPrograms(), end.stopPrograms()]);
  }
}, 120_000);

/** The rows with the table they are in. */
async function inParts(table: string, columns: string, where = 'true'): Promise<string[]> {
  await tree.caughtUp(root, [leaf]);
  return rows(leaf, `select tableoid::regclass as part, ${columns} from ${table} where ${where}`);
}

test('rows go into the partitions of their date, move with it, and together are the table of the provider', async () => {
  const columns = 'id integer primary key, at timestamptz, v text, n numeric';
  await root.query(`
    create table sales (${columns});
    create table sold (id integer, at date not null, v text);
    insert into sales select i, '2020-01-15'::timestamptz + i % 60 * interval '1 day', 'copied', i from generate_series(1, 500) as i;
    insert into sold select i % 20, '2020-01-15'::date + i % 60, 'copied' from generate_series(1, 500) as i`);
  await leaf.query(`
    create table sales (${columns}, own text default 'own');
    create index on sales (v);
    create table sold (id integer, at date not null, v text) partition by range (at)`);
  await root.must('add-table', 'sales', 'sold');
  const words = ['--handler=dispatch', '--handler-arg=part_mode=date_field', '--handler-arg=period=month'];
  expect((await leaf.run('add-table', 'sales', ...words)).stderr).toMatch(/needs the argument part_field/);
  expect((await leaf.run('add-table', 'sales', ...words, '--handler-arg=part_field=v')).stderr).toMatch(
    /no date or timestamp v/,
  );
  await leaf.must('add-table', 'sales', 'sold', ...words, '--handler-arg=part_field=at', '--wait-sync');
  await leaf.must('compare', 'sales', 'sold');
  expect(await rows(leaf, 'select count(*) from only sales')).toEqual(['(0)']);
  expect(
    await leaf.query(
      "select inhrelid::regclass::text as part from pg_inherits where inhparent in ('sales'::regclass, 'sold'::regclass) order by 1",
    ),
  ).toEqual(
    ['sales_2020_01', 'sales_2020_02', 'sales_2020_03', 'sold_2020_01', 'sold_2020_02', 'sold_2020_03'].map(
      (part) => ({ part }),
    ),
  );

  await root.query(`
    update sales set v = 'stays' where id % 3 = 0;
    update sales set at = at + '40 days', v = 'moved' where id % 5 = 0;
    update sales set id = id + 1000 where id % 7 = 0;
    delete from sales where id % 11 = 0;
    insert into sales select i, '2020-12-31 23:59:59.9+00', 'new' from generate_series(2000, 2100) as i;
    update sold set at = at + 40, v = 'moved' where id = 3;
    update sold set v = 'stays' where id = 4;
    delete from sold where id in (5, 6);
    begin;
    insert into sales values (3000, '2021-01-01', 'here and there'), (3001, '2021-01-01', 'gone');
    update sales set at = '2021-02-01' where id = 3000;
    update sales set at = '2021-03-01' where id = 3000;
    delete from sales where id = 3001;
    delete from sales where id = 2000;
    insert into sales values (2000, '2021-05-05', 'anew');
    commit`);
  await expectSame('select * from sales', 'select id, at, v, n from sales');
  await expectSame('select * from sold');
  await leaf.must('compare', 'sales', 'sold');
  expect(await inParts('sales', 'v, own', 'id in (2000, 2001, 3000)')).toEqual([
    '(sales_2020_12,new,own)',
    '(sales_2021_03,"here and there",own)',
    '(sales_2021_05,anew,own)',
  ]);
  // Each partition has the index, and refuses rows of another month.
  await expect(tamper("insert into sales_2020_12 values (1, '2020-11-30')")).rejects.toThrow(/check/);
  await expect(leaf.query("insert into sales_2020_12 values (1, '2020-12-30')")).rejects.toThrow(
    /not allowed/,
  );
  await tamper("delete from sales where id = 2050; update sales set v = 'wrong' where id = 2051");
  expect((await leaf.run('compare', 'sales')).stdout).toMatch(
    /changed: 1 row, key 2051\s+missing on the subscriber: 1 row, key 2050/,
  );
  await root.query("update sales set v = 'missing' where id = 2050");
  const parked = await parkedAs('public.sales');
  expect(parked).toMatchObject({
    error_code: 'PC402',
    message: expect.stringMatching(/not on the subscriber.*sales_2020_12/),
  });
  await leaf.must('resync', 'sales');
  await leaf.must('wait-sync');
  await root.query("truncate sales; insert into sales values (1, '2022-02-02', 'after')");
  await expectSame('select * from sales', 'select id, at, v, n from sales');
  await leaf.must('compare', 'sales');
  // Without a date there is no partition.
  await root.query('insert into sales values (2, null)');
  expect((await parkedAs('public.sales'))?.message).toMatch(/no time in at/);
  await leaf.must('remove-table', 'sales');
}, 120_000);

/** An event of a chosen time, as capture would have written it then. */
function eventOf(table: string, type: string, time: string, row: object): string {
  const { id } = row as { id: unknown };
  const data = JSON.stringify(type === 'DELETE' ? { id } : row);
  return `select pgq.insert_event_raw('app', null, '${time}', null, null, '{"op":"${type}","table":["public","${table}"],"pkey":["id"]}', '${data}', 'public.${table}', null, null, null);`;
}

test('rows stay in the partition of the event that brought them, and are found there', async () => {
  const table = 'create table facts (id numeric primary key, v text)';
  await root.query(`${table}; insert into facts select i, 'copied' from generate_series(1, 10) as i`);
  await leaf.query(table);
  await addTable(
    'facts',
    '--handler=dispatch',
    '--handler-arg=part_mode=event_time',
    '--handler-arg=period=year',
    '--handler-arg=part_name=parts.facts_%(year)s',
    '--handler-arg=part_template=create table %(dest)s (primary key (%(pkey)s)) inherits (%(parent)s)',
    '--handler-arg=pre_part=create schema if not exists parts',
    "--handler-arg=post_part=comment on table %(dest)s is 'from %(part_time)s, 100%%'",
  );
  const [now] = await leaf.query<{ year: string }>('select extract(year from now())::text as year');
  await root.query(`
    ${eventOf('facts', 'INSERT', '2001-05-05', { id: '100', v: 'old' })}
    ${eventOf('facts', 'INSERT', '2002-12-31 23:30-01', { id: '101', v: 'later' })}
    ${eventOf('facts', 'UPDATE', '2005-01-01', { id: '100.0', v: 'changed' })}
    ${eventOf('facts', 'DELETE', '2005-01-01', { id: '101.0' })}
    ${eventOf('facts', 'INSERT', '2002-12-31 23:30', { id: '101.00', v: 'again' })}
    ${eventOf('facts', 'UPDATE', '2005-01-01', { id: '5', v: 'touched' })}
    set session_replication_role = replica;
    insert into facts values (100.0, 'changed'), (101.00, 'again');
    update facts set v = 'touched' where id = 5`);
  expect(await inParts('facts', 'id, v', 'id > 4 and id < 6 or id > 10')).toEqual([
    '(parts.facts_2001,100.0,changed)',
    '(parts.facts_2002,101.00,again)',
    `(parts.facts_${now?.year},5,touched)`,
  ]);
  await leaf.must('compare', 'facts');
  expect(await leaf.query("select obj_description('parts.facts_2001'::regclass) as comment")).toEqual([
    { comment: 'from 2001-01-01 00:00:00, 100%' },
  ]);
}, 120_000);

test('a partition can have the last or all versions of its period, other columns, and an end', async () => {
  const table = (name: string) => `create table ${name} (id integer primary key, v text, n integer);`;
  const names = ['latest', 'versions', 'kept', 'flat'];
  await root.query(names.map(table).join(' '));
  await leaf.query(`
    ${['latest', 'kept'].map(table).join(' ')}
    create table versions (key integer, v text);
    create table flat (id integer primary key, value text)`);
  await root.must('add-table', ...names);
  await leaf.must('add-table', 'latest', '--handler=yearly_event');
  await leaf.must(
    'add-table',
    'versions',
    '--handler=bulk_yearly_event',
    '--handler-arg=row_mode=keep_all',
    '--handler-arg=fields=id:key,v',
  );
  await leaf.must(
    'add-table',
    'kept',
    '--handler=dispatch',
    '--handler-arg=part_mode=event_time',
    '--handler-arg=period=year',
    '--handler-arg=retention_period=5 years',
    '--handler-arg=ignore_old_events=1',
  );
  await leaf.must(
    'add-table',
    'flat',
    '--handler=direct',
    '--handler-arg=fields=*,v:value',
    '--handler-arg=skip_fields=n',
    '--handler-arg=event_types=I,U',
    '--wait-sync',
  );
  const [now] = await leaf.query<{ year: number }>('select extract(year from now())::int4 as year');
  const year = now?.year ?? 0;
  const history = (name: string) => `
    ${eventOf(name, 'INSERT', '2001-05-05', { id: 1, v: 'a', n: 1 })}
    ${eventOf(name, 'INSERT', '2001-05-05', { id: 2, v: 'b', n: 1 })}
    ${eventOf(name, 'UPDATE', '2001-06-05', { id: 1, v: 'c', n: 1 })}
    ${eventOf(name, 'UPDATE', `${year}-01-01`, { id: 1, v: 'd', n: 1 })}
    ${eventOf(name, 'INSERT', `${year}-01-01`, { id: 3, v: 'e', n: 1 })}
    ${eventOf(name, 'DELETE', `${year}-01-02`, { id: 2 })}
    ${eventOf(name, 'DELETE', `${year}-01-02`, { id: 3 })}`;
  await root.query(names.map(history).join(''));
  expect(await inParts('latest', 'id, v')).toEqual([
    '(latest_2001,1,c)',
    '(latest_2001,2,b)',
    `(latest_${year},1,d)`,
  ]);
  expect(await inParts('versions', 'key, v')).toEqual([
    '(versions_2001,1,a)',
    '(versions_2001,1,c)',
    '(versions_2001,2,b)',
    `(versions_${year},1,d)`,
    `(versions_${year},3,e)`,
  ]);
  // What is older than it is kept never came; its later change does nothing.
  expect(await inParts('kept', 'id, v')).toEqual([]);
  expect(await inParts('flat', 'id, value')).toEqual(['(flat,1,d)', '(flat,2,b)', '(flat,3,e)']);
  const { stdout, exitCode } = await leaf.run('compare', ...names);
  expect(exitCode).toBe(3);
  for (const word of ['row_mode=keep_latest', 'row_mode=keep_all', 'event_types', 'retention_period']) {
    expect(stdout).toContain(word);
  }
  // An old partition goes when a new one is made.
  await leaf.query('create table kept_2001 () inherits (kept)');
  await root.query(eventOf('kept', 'INSERT', `${year - 2}-01-01`, { id: 9, v: 'x', n: 1 }));
  expect(await inParts('kept', 'id, v')).toEqual([`(kept_${year - 2},9,x)`]);
  expect(await leaf.query("select to_regclass('kept_2001') as old")).toEqual([{ old: null }]);
}, 120_000);
