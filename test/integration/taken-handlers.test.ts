import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';

/* The handlers that take a table's events over, and bulk, over real workers from the oldest server to the newest. */

let tree: Tree;
let root: TestNode;
let leaf: TestNode;

beforeAll(async () => {
  tree = await openTree({ nodes: { root: { major: 10 }, leaf: { major: 18, provider: 'root' } } });
  root = tree.node('root');
  leaf = tree.node('leaf');
}, 60_000);

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
  expect((await leaf.run('add-table', 'door', '--handler=qsplitter')).stderr).toMatch(/needs.*queue/);
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
  for (const node of [leaf, root]) await node.must('remove-table', 'door');
  await root.query("insert into door values (802, 'row')");
  expect(await root.query('select * from door')).toHaveLength(2);
}, 60_000);

test('the inserts of a queue table are rows below where a node wants them so', async () => {
  await root.query('create table inbox (id integer primary key, v text)');
  await leaf.query('create table inbox (id integer primary key, v text)');
  await root.must('add-table', 'inbox', '--handler=qtable');
  await leaf.must('add-table', 'inbox', '--wait-sync');
  await root.query("insert into inbox values (1, 'a'), (2, null)");
  await tree.caughtUp(root, [leaf]);
  expect(await rows(leaf, 'select * from inbox')).toEqual(['(1,a)', '(2,)']);
  expect((await leaf.run('compare', 'inbox')).exitCode).toBe(3);
}, 30_000);

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
  expect((await leaf.run('compare', 'hollow')).exitCode).toBe(3);
  await leaf.must('remove-table', 'hollow');
  for (const node of [leaf, root]) await node.must('remove-table', 'nowhere');
}, 30_000);

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
}, 60_000);

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
  await leaf.must('resync', 'heavy');
  await leaf.must('wait-sync');
  await leaf.must('compare', 'heavy');
}, 60_000);

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
}, 60_000);
