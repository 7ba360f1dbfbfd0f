import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { installedDatabase } from '../../support/installed-database.js';

const MAJORS = [10, 18] as const;

/** Leaves of the queues a, b and c, and the table t, which a and b feed. */
async function setUp(session: Connection): Promise<void> {
  await session.execute(`
    create table public.t (id int primary key);
    select pgq_node.register_location(q, n, 'dbname=' || n, false) from unnest('{a,b,c}'::text[]) as q, unnest('{root,leaf}'::text[]) as n;
    select pgq_node.create_node(q, 'leaf', 'leaf', 'worker', 'root', 1, null) from unnest('{a,b,c}'::text[]) as q;
    select londiste.global_add_table(q, 'public.t') from unnest('{a,b,c}'::text[]) as q;
    select londiste.local_add_table('a', 'public.t', '{no_triggers,no_merge}');
    select londiste.local_add_table('b', 'public.t', '{no_triggers,no_merge}');`);
}

async function prepare(session: Connection, queue: string): Promise<string> {
  return (await session.one<{ way: string }>("select pgcascade.prepare_part($1, 'public.t') as way", [queue]))
    .way;
}

async function take(session: Connection, queue: string): Promise<boolean> {
  return (
    await session.one<{ taken: boolean }>("select pgcascade.take_part($1, 'public.t') as taken", [queue])
  ).taken;
}

/** Queue → its state, and whether none of its rows is there. */
async function parts(session: Connection): Promise<string[]> {
  const rows = await session.query<{ part: string }>(
    `select t.queue_name || ' ' || coalesce(t.merge_state, 'waits') || case when e.queue_name is null then '' else ' empty' end as part
       from londiste.table_info as t
       left join pgcascade.empty_part as e using (queue_name, table_name)
      where t.local
      order by 1`,
  );
  return rows.map((row) => row.part);
}

const setState = (session: Connection, queue: string, state: string) =>
  session.query("select londiste.local_set_table_state($1, 'public.t', null, $2)", [queue, state]);

test.each(MAJORS)('a merged table is emptied once for all its parts, on %i', async (major) => {
  await using database = await installedDatabase(major, 'merged');
  await using session = await database.connect();
  await setUp(session);

  await setState(session, 'a', 'in-copy');
  await setState(session, 'b', 'ok');
  expect(await prepare(session, 'a')).toBe('empty');
  expect(await parts(session)).toEqual(['a in-copy empty', 'b waits empty']);
  expect(await prepare(session, 'b')).toBe('add');
  expect(await take(session, 'a')).toBe(true);
  await setState(session, 'a', 'ok');
  expect(await take(session, 'a')).toBe(false);
  expect(await parts(session)).toEqual(['a ok', 'b waits empty']);

  // A part that comes later has no rows; without a key all parts are copied anew.
  await session.query("select londiste.local_add_table('c', 'public.t', '{no_triggers,no_merge}')");
  await session.query("select pgcascade.add_part('c', 'public.t', true)");
  expect(await parts(session)).toEqual(['a ok', 'b waits empty', 'c waits empty']);
  await session.query("select pgcascade.add_part('c', 'public.t', false)");
  expect(await parts(session)).toEqual(['a waits', 'b waits', 'c waits']);

  // A resync takes up parked parts too.
  expect(await prepare(session, 'c')).toBe('empty');
  await session.query("select pgcascade.park_table('b', 'public.t', 5, null, 'PC402', 'x')");
  const { queues } = await session.one<{ queues: string[] }>(
    "select pgcascade.reset_parts('b', 'public.t') as queues",
  );
  expect(queues).toEqual(['b', 'a', 'c']);
  expect(await parts(session)).toEqual(['a waits', 'b waits', 'c waits']);
  expect(await session.query('select * from pgcascade.table_error')).toEqual([]);

  // One that only follows has its rows here by the combined queue.
  await session.execute(`
    select pgq_node.register_location('all', n, 'dbname=' || n, false) from unnest('{root,here}'::text[]) as n;
    select pgq_node.create_node('all', 'branch', 'here', 'all_worker', 'root', 1, null);
    update pgq_node.node_info set combined_queue = 'all' where queue_name = 'c';
    update londiste.table_info set merge_state = 'ok' where local`);
  for (const hasKey of [true, false]) {
    await session.query("select pgcascade.add_part('c', 'public.t', $1)", [hasKey]);
    expect(await parts(session)).toEqual(['a ok', 'b ok', 'c ok']);
  }
  await session.query("update pgq_node.node_info set combined_queue = null where queue_name = 'c'");

  // The last one is alone.
  await session.query(
    "select londiste.local_remove_table('a', 'public.t'), londiste.local_remove_table('b', 'public.t')",
  );
  expect(await prepare(session, 'c')).toBe('alone');
});

test.each(MAJORS)(
  'a table of a queue that is merged is unmerged until its first copy ends, on %i',
  async (major) => {
    await using database = await installedDatabase(major, 'merged');
    await using session = await database.connect();
    await setUp(session);
    const unmerged = async () =>
      (
        await session.query<{ queue: string }>(
          "select queue_name as queue from pgcascade.unmerged_part where table_name = 'public.t' order by 1",
        )
      ).map(({ queue }) => queue);
    const add = (queue: string, words = '') =>
      session.query(`select londiste.local_add_table($1, 'public.t', '{no_triggers,no_merge${words}}')`, [
        queue,
      ]);
    const remove = (queue: string) =>
      session.query("select londiste.local_remove_table($1, 'public.t')", [queue]);
    // None of these queues is merged.
    expect(await unmerged()).toEqual([]);
    await session.execute(`
    select pgq_node.register_location('all', 'here', 'dbname=here', false);
    select pgq_node.create_node('all', 'root', 'here', 'all_worker', null, null, null);
    update pgq_node.node_info set combined_queue = 'all' where node_type = 'leaf'`);
    await remove('a');
    await session.query("set session_replication_role = 'replica'");
    await add('a');
    await add('c', ',expect_sync');
    expect(await unmerged()).toEqual(['a']);
    await setState(session, 'a', 'in-copy');
    expect(await unmerged()).toEqual(['a']);
    await setState(session, 'a', 'catching-up');
    expect(await unmerged()).toEqual([]);
    // A later copy is of rows that the nodes below have.
    await session.query("select londiste.local_set_table_state('a', 'public.t', null, null)");
    expect(await unmerged()).toEqual([]);
    await remove('c');
    await add('c');
    expect(await unmerged()).toEqual(['c']);
    await remove('c');
    expect(await unmerged()).toEqual([]);
    // A leaf that only follows has its rows by the combined queue.
    await session.query("update pgq_node.node_info set node_type = 'branch' where queue_name = 'all'");
    await add('c');
    expect(await unmerged()).toEqual([]);
  },
);

test.each(MAJORS)(
  'workers of a group stand still until the last one opens the snapshot for all, on %i',
  async (major) => {
    await using database = await installedDatabase(major, 'merged');
    await using session = await database.connect();
    await using compare = await database.connect();
    const begin = async () =>
      (await compare.one<{ id: bigint }>('select pgcascade.begin_snapshot_request() as id')).id;
    const ask = (id: bigint, queue: string, first: bigint) =>
      compare.query('select pgcascade.request_group_snapshot($1, $2, 7, $3, 2)', [id, queue, first]);
    const reach = async (id: bigint, longest = '1 hour') =>
      (await session.one<{ way: string }>('select pgcascade.reach_snapshot($1, $2) as way', [id, longest]))
        .way;
    const state = async (id: bigint) =>
      compare.one('select state, snapshot from pgcascade.get_snapshot_request($1)', [id]);

    const [one, two] = [await begin(), await begin()];
    await ask(one, 'a', one);
    expect(await reach(one)).toBe('hold');
    await ask(two, 'b', one);
    expect(await reach(one)).toBe('hold');
    expect(await reach(two)).toBe('open');
    await session.query("select pgcascade.provide_snapshot($1, 'name')", [two]);
    expect(await state(one)).toEqual({ state: 'ready', snapshot: 'name' });
    expect(await state(two)).toEqual({ state: 'ready', snapshot: 'name' });

    // Nobody waits too long, nor for a compare that is gone.
    const [three, four] = [await begin(), await begin()];
    await ask(three, 'a', three);
    await ask(four, 'b', three);
    expect(await reach(three)).toBe('hold');
    expect(await reach(three, '0')).toBe('gone');
    expect(await state(four)).toMatchObject({ state: 'failed' });
    const [five] = [await begin(), await begin()];
    await ask(five, 'a', five);
    expect(await reach(five)).toBe('hold');
    await compare.query('select pgcascade.end_snapshot_request($1)', [five]);
    expect(await reach(five)).toBe('gone');
  },
);

test.each(MAJORS)('a table of the handler multimaster is not made of parts, on %i', async (major) => {
  await using database = await installedDatabase(major, 'multimaster');
  await using session = await database.connect();
  await setUp(session);
  expect(await session.query("select from pgcascade.other_parts('a', 'public.t')")).toHaveLength(1);
  await session.query(
    "update londiste.table_info set table_attrs = 'handler=multimaster%28timefield%3Dat%29' where queue_name = 'b'",
  );
  expect(await session.query("select from pgcascade.other_parts('a', 'public.t')")).toEqual([]);
  expect(await session.query("select from pgcascade.other_parts('b', null)")).toEqual([]);
  expect(await prepare(session, 'b')).toBe('alone');
});
