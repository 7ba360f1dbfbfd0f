import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mustInProcess as must, runInProcess as run } from '../support/in-process.js';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { type CommandNode, openCommandNode } from './command-node.js';

const TABLES = `
  create table ignored (id int primary key, v text, seen timestamptz, hits int default 7);
  create table chosen (id int primary key, v text, region text not null);
  create table kept (id int primary key, v text, n numeric, at timestamptz, j jsonb);
  create table keyed (id int primary key, a int not null, b int not null, v text, unique (a, b));
  create table by_index (id int not null unique, v text);
  create table inserts (id int primary key, v text);
  create table as_sql (id int primary key, v text);
  create table as_urlenc (id int primary key, v text);
  create table closed (id int primary key, v text);
  create table untouched (id int primary key, v text);
  create table doors (id int primary key, v text);
  create table keyless (v text);
  create table "Odd 'Name" (id int primary key, "V %s" text);
`;

/** Table → the options with which it is added to the root. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  ignored: ['--trigger-arg=ignore=seen,hits'],
  chosen: [`--trigger-arg=when=region = 'eu' and pg_catalog.lower(v) <> 'secret'`],
  kept: ['--trigger-arg=backup'],
  keyed: ['--trigger-arg=pkey=a,b'],
  by_index: ['--trigger-arg', 'backup'],
  inserts: ['--trigger-flags=I'],
  as_sql: ['--trigger-flags=Q'],
  as_urlenc: ['--trigger-flags=BL', '--trigger-arg=backup'],
  closed: ['--trigger-arg=deny'],
  untouched: ['--no-triggers'],
  doors: ['--trigger-flags=SJ'],
  keyless: ['--trigger-flags=I'],
  "Odd 'Name": ['--trigger-arg=ev_extra4=id * 2', '--trigger-arg=backup'],
};

const WRITES = `
  insert into ignored values (1, 'a', now(), 1), (2, 'b', now(), 2), (3, 'c', null, null);
  update ignored set hits = 99;
  update ignored set v = 'B', hits = 5 where id = 2;
  delete from ignored where id = 3;
  insert into chosen values (1, 'a', 'eu'), (2, 'b', 'us'), (3, 'Secret', 'eu'), (4, 'd', 'eu');
  update chosen set v = 'A' where id = 1;
  update chosen set v = 'B' where id = 2;
  delete from chosen where id in (2, 4);
  insert into kept values (1, 'a', 1.50, '2020-01-02 03:04:05+06', '{"a": 1}'), (2, null, null, null, null);
  update kept set v = 'it''s \\ "x"', n = 'NaN' where id = 1;
  update kept set at = 'infinity' where id = 2;
  insert into kept values (3, 'c'); delete from kept where id = 3;
  insert into keyed values (1, 1, 1, 'a'), (2, 1, 2, 'b'), (3, 1, 3, 'c');
  update keyed set v = 'B' where b = 2;
  delete from keyed where b = 3;
  insert into by_index values (1, 'a'), (2, 'b');
  update by_index set v = 'A' where id = 1;
  delete from by_index where id = 2;
  insert into inserts values (1, 'a'), (2, 'b');
  update inserts set v = 'A' where id = 1;
  delete from inserts where id = 2;
  insert into as_sql values (1, 'it''s'), (2, null), (3, 'c');
  update as_sql set v = E'\\\\ %' where id = 2;
  delete from as_sql where id = 3;
  insert into as_urlenc values (1, 'a & b'), (2, null), (3, '');
  update as_urlenc set v = '' where id = 2;
  delete from as_urlenc where id = 3;
  insert into untouched values (1, 'a');
  insert into doors values (1, 'a'), (2, 'b');
  insert into "Odd 'Name" values (1, 'a'), (2, 'b');
  update "Odd 'Name" set "V %s" = 'A' where id = 1;
  delete from "Odd 'Name" where id = 2;
`;

/* The options over real workers: copy, apply, compare; last a takeover. One tree for all of them. */

let tree: Tree;
let root: TestNode;
let branch: TestNode;
let leaf: TestNode;

beforeAll(async () => {
  tree = await openTree({
    nodes: {
      root: { major: 10 },
      branch: { major: 18, provider: 'root', isBranch: true },
      leaf: { major: 10, provider: 'branch' },
    },
  });
  root = tree.node('root');
  branch = tree.node('branch');
  leaf = tree.node('leaf');
  for (const node of tree.nodes) await node.query(TABLES);
  for (const node of [root, branch]) {
    for (const [table, options] of Object.entries(OPTIONS)) await must(node, 'add-table', table, ...options);
  }
  await must(branch, 'wait-sync');
  await must(leaf, 'add-table', '--all', '--wait-sync');
  await caughtUp();
});

afterAll(async () => {
  await tree?.[Symbol.asyncDispose]();
});

const caughtUp = () => tree.caughtUp(root, [branch, leaf]);
const onLeaf = (sql: string) => leaf.query(sql);

test('the plan of each table says why, and nothing is looked at as changed or silent', async () => {
  const stdout = await must(root, 'tables');
  expect(stdout).toMatch(/public\.ignored +ok +trigger +trigger arguments: ignore=seen,hits/);
  expect(stdout).toMatch(/public\.inserts +ok +trigger +trigger arguments: tgflags=I/);
  expect(stdout).toMatch(/public\.untouched +ok +no triggers +no triggers wanted/);
  const capture = await must(root, 'tables', '--capture');
  expect(capture).toMatch(/hits +integer +not sent: ignored/);
  expect(capture).toContain(
    'public.keyless\n  key      none: inserts only, no update or delete is captured\n',
  );
  expect(await root.query('select * from pgcascade.changed_tables()')).toEqual([]);
  expect(await root.query('select * from pgcascade.silent_tables()')).toEqual([]);
  await root.query('alter table ignored disable trigger user');
  expect(await root.query('select table_name, disabled from pgcascade.silent_tables()')).toEqual([
    { table_name: 'public.ignored', disabled: 2n },
  ]);
  await root.query('alter table ignored enable trigger user');
});

test('what the options let through comes to the leaf, and compare is equal where it should be', async () => {
  await root.query(WRITES);
  await caughtUp();
  expect(await onLeaf('select * from ignored order by id')).toEqual([
    { id: 1, v: 'a', seen: null, hits: 7 },
    { id: 2, v: 'B', seen: null, hits: 7 },
  ]);
  expect(await onLeaf('select * from chosen order by id')).toEqual([{ id: 1, v: 'A', region: 'eu' }]);
  expect(await onLeaf('select * from inserts order by id')).toEqual([
    { id: 1, v: 'a' },
    { id: 2, v: 'b' },
  ]);
  expect(await onLeaf('select * from untouched')).toEqual([]);
  expect(await root.query('select * from doors')).toEqual([]);
  expect(await onLeaf('select * from doors order by id')).toEqual([
    { id: 1, v: 'a' },
    { id: 2, v: 'b' },
  ]);
  for (const node of [branch, leaf]) {
    const equal = await must(
      node,
      ...['compare', 'ignored', 'kept', 'keyed', 'by_index', 'as_sql', 'as_urlenc', "Odd 'Name"],
    );
    expect(equal).toContain('7 tables compared');
    expect(equal).toContain("not compared, for the provider's trigger ignores them: seen, hits");
  }
  for (const table of ['inserts', 'untouched', 'chosen', 'doors']) {
    expect((await run(branch, 'compare', table)).exitCode).toBe(2);
  }
  expect(await must(root, 'status')).not.toMatch(/PC4/);
});

test('the events carry what the arguments say', async () => {
  const seen = await root.query<{ op: string; old: string | null; more: string | null; table: string }>(
    `select coalesce(substring(ev_type from '"op":"(\\w+)"'), ev_type) as op, ev_extra1 as table,
              ev_extra2 as old, ev_extra4 as more
         from pgq.event_template where ev_extra1 in ('public.by_index', 'public.as_urlenc', 'public.Odd ''Name')
        order by ev_extra1, ev_id`,
  );
  expect(seen.map(({ op, old, more }) => [op, old, more])).toEqual([
    ['INSERT', null, '2'],
    ['INSERT', null, '4'],
    ['UPDATE', '{"id":1,"V %s":"a"}', '2'],
    ['DELETE', null, '4'],
    ['I:id', null, null],
    ['I:id', null, null],
    ['I:id', null, null],
    ['U:id', 'id=2&v', null],
    ['D:id', null, null],
    ['INSERT', null, null],
    ['INSERT', null, null],
    ['UPDATE', '{"id":1,"v":"a"}', null],
    ['DELETE', null, null],
  ]);
});

test('deny refuses every write of the application', async () => {
  for (const sql of ['insert into closed values (1)', 'truncate closed']) {
    await expect(root.query(sql)).rejects.toThrow(/Table 'public.closed' to queue 'app': change not allowed/);
  }
});

test('TRUNCATE and schema changes go on, with the arguments kept', async () => {
  for (const node of tree.nodes) await node.query('alter table kept add more int');
  await root.query(`truncate kept; insert into kept values (7, 'new', 1, null, null, 8)`);
  await root.query('alter table keyed rename to keyed_here');
  await root.query(`select pgcascade.follow_table('app', 'public.keyed', false, true)`);
  await root.query(
    `insert into keyed_here values (9, 9, 9, 'nine'); update keyed_here set v = 'x' where b = 9`,
  );
  const script = join(tree.folder, 'more.sql');
  await writeFile(
    script,
    `alter table ignored add extra text; insert into ignored values (8, 'script');
      update ignored set extra = 'e' where id = 8; truncate as_sql; insert into as_sql values (1, 'once');`,
  );
  await must(root, 'execute', script);
  await root.query(`update ignored set extra = 'later', hits = 1 where id = 1`);
  await caughtUp();
  expect(await onLeaf('select * from kept')).toEqual([
    { id: 7, v: 'new', n: '1', at: null, j: null, more: 8 },
  ]);
  await must(leaf, 'compare', 'ignored', 'kept', 'keyed', 'as_sql');
  expect(await onLeaf('select id, hits, extra from ignored where id in (1, 8) order by id')).toEqual([
    { id: 1, hits: 7, extra: 'later' },
    { id: 8, hits: 7, extra: 'e' },
  ]);
  const [renamed] = await root.query(
    `select dest_table, mode, trigger_args from pgcascade.capture_plan where table_name = 'public.keyed'`,
  );
  expect(renamed).toEqual({ dest_table: 'public.keyed_here', mode: 'trigger', trigger_args: ['pkey=a,b'] });
  // Another table takes the name.
  await root.query(`begin; alter table by_index rename to old_index;
      create table by_index (id int primary key, v text); commit`);
  await root.query(`select pgcascade.follow_table('app', 'public.by_index', false, true);
      insert into by_index values (5, 'five')`);
  await caughtUp();
  expect(
    await root.query(
      `select mode, trigger_args from pgcascade.capture_plan where table_name = 'public.by_index'`,
    ),
  ).toEqual([{ mode: 'trigger', trigger_args: ['backup'] }]);
  expect(await onLeaf('select * from by_index')).toEqual([{ id: 5, v: 'five' }]);
  expect(await root.query('select * from pgcascade.silent_tables()')).toEqual([]);
});

test('another capture format makes the triggers anew with their arguments', async () => {
  await must(root, 'capture-format', 'urlenc');
  await root.query(`update kept set v = 'urlencoded'; update ignored set v = 'u', hits = 3 where id = 1`);
  await caughtUp();
  await must(leaf, 'compare', 'kept', 'ignored');
  const [last] = await root.query(
    `select ev_type, ev_extra2 from pgq.event_template where ev_extra1 = 'public.kept' order by ev_id desc limit 1`,
  );
  expect(last).toEqual({ ev_type: 'U:id', ev_extra2: 'id=7&v=new&n=1&at&j&more=8' });
  await must(root, 'capture-format', 'json');
});

test('a table that is copied anew is captured as before', async () => {
  await must(branch, 'resync', 'ignored');
  await must(branch, 'wait-sync');
  await root.query(`update ignored set v = 'after' where id = 1`);
  await caughtUp();
  await must(branch, 'compare', 'ignored');
});

test('change-handler says the arguments anew, and none of them makes generated triggers', async () => {
  const again = await run(root, 'add-table', 'ignored', '--trigger-arg=backup');
  expect(again).toMatchObject({ exitCode: 1, text: expect.stringContaining('change-handler') });
  await must(root, 'add-table', 'ignored', '--trigger-arg=ignore=seen,hits');
  const changed = await must(root, 'change-handler', 'ignored', '--trigger-arg=ignore=seen');
  expect(changed).toContain(
    'public.ignored: not sent before, sent from now on: column hits. What was written till now stays missing or old ' +
      'on the nodes below: run "resync public.ignored" on branch, then on leaf.',
  );
  await root.query('update ignored set hits = 12 where id = 2');
  await caughtUp();
  expect(await onLeaf('select hits from ignored where id = 2')).toEqual([{ hits: 12 }]);
  expect(await must(root, 'change-handler', 'ignored')).toContain('sent from now on: column seen.');
  expect(
    await root.query(
      `select mode, trigger_args from pgcascade.capture_plan where table_name = 'public.ignored'`,
    ),
  ).toEqual([{ mode: 'statement', trigger_args: [] }]);
  expect(
    await root.query(`select tgname from pg_trigger where tgrelid = 'ignored'::regclass and tgname ~ 'row'`),
  ).toEqual([]);
  for (const node of [branch, leaf]) {
    await must(node, 'resync', 'ignored');
    await must(node, 'wait-sync');
    expect(await must(node, 'compare', 'ignored')).toMatch(
      node === branch ? /equal(?!.*not compared)/s : /not compared/,
    );
  }
});

test('a table without a key is captured in full without arguments, which nodes that have it need to hear', async () => {
  expect(await must(root, 'change-handler', 'keyless')).toMatch(
    /from now on: updates; deletes\..+ run "resync public.keyless" on branch, then on leaf\./,
  );
  expect(await must(root, 'tables', '--capture')).toContain(
    'public.keyless\n  key      none: the old row travels with each update and delete\n',
  );
  await must(leaf, 'remove-table', 'keyless');
  const less = await must(root, 'change-handler', 'keyless', '--trigger-flags=I');
  expect(less).toContain('public.keyless: not sent any more: updates; deletes.');
  expect(less).not.toContain('"resync');
  // A node that has it not needs nothing.
  expect(await must(root, 'change-handler', 'keyless')).toContain('run "resync public.keyless" on branch.');
});

test('a branch that becomes the root captures by the arguments that it was added with', async () => {
  await must(branch, 'takeover', 'root');
  await branch.query(`update ignored set v = 'new root', hits = 1000 where id = 1; update ignored set hits = 1001;
    insert into chosen values (20, 'x', 'eu'), (21, 'y', 'us'); update kept set v = 'backed up';
    insert into untouched values (20)`);
  await expect(branch.query('insert into closed values (1)')).rejects.toThrow('change not allowed');
  await tree.caughtUp(branch, [root, leaf]);
  for (const node of [root, leaf]) {
    expect(await must(node, 'compare', 'ignored', 'kept')).toContain('seen, hits');
    expect(await node.query('select v from ignored where id = 1 and hits < 1000')).toEqual([
      { v: 'new root' },
    ]);
    expect(await node.query('select id from chosen where id >= 20')).toEqual([{ id: 20 }]);
    expect(await node.query('select id from untouched where id >= 20')).toEqual([]);
  }
  const [last] = await branch.query(
    `select ev_extra2 from pgq.event_template where ev_extra1 = 'public.kept' order by ev_id desc limit 1`,
  );
  expect(last?.['ev_extra2']).toContain('urlencoded');
});

test('remove-table takes the triggers away', async () => {
  await must(branch, 'remove-table', '--all');
  await branch.query(`insert into as_urlenc values (50, 'x'); insert into closed values (1, 'x')`);
  expect(
    await branch.query(`select tgname from pg_trigger where not tgisinternal and tgname ~ 'pgcascade|londiste'
         and tgrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)`),
  ).toEqual([]);
  expect(await branch.query('select * from pgcascade.capture_plan')).toEqual([]);
});

test.each(['event trigger', 'ticker'])(
  "what commands do to triggers is no change to tell, the application's ALTER is: followed by the %s",
  async (way) => {
    await using node = await openCommandNode('root', 15);
    await node.query(
      'create table x (id int primary key, v text, w text); create table y (id int primary key)',
    );
    await node.must('create-root', ['root', node.conninfo]);
    await node.must('add-table', ['x', 'y'], { triggerArg: ['backup'] });
    const changeHandler = (...triggerArg: string[]) => node.must('change-handler', ['x'], { triggerArg });
    const told = async (verb: string, options = {}) =>
      (await node.must(verb, [], options)).filter((line) => line.includes('public.x: The table has changed'));
    if (way === 'ticker') await node.query('drop event trigger pgcascade_schema_change');
    await changeHandler('ignore=w');
    await changeHandler('ignore=v');
    await changeHandler();
    await changeHandler('backup');
    await node.must('remove-table', ['y']);
    expect(await node.query('select * from pgcascade.schema_change')).toEqual([]);
    // The ticker has not looked yet when the command makes the triggers anew.
    for (const column of ['a', 'b']) {
      if (way === 'ticker') await node.query('drop event trigger pgcascade_schema_change');
      await node.query(`alter table x add ${column} int`);
      await changeHandler(`ignore=${column}`);
    }
    expect(await node.query('select table_name, outcome from pgcascade.schema_change')).toEqual([
      { table_name: 'public.x', outcome: 'renewed' },
      { table_name: 'public.x', outcome: 'renewed' },
    ]);
    expect(await told('status')).toHaveLength(1);
    expect(await told('tables', { capture: true })).toHaveLength(2);
    // What the old arguments say does not fit the table any more, which is why they are changed.
    if (way === 'ticker') await node.query('drop event trigger pgcascade_schema_change');
    await node.query(`alter table x drop b; drop trigger "${await rowTrigger(node)}" on x`);
    await changeHandler('backup');
    expect(await node.query('select trigger_args from pgcascade.capture_plan')).toEqual([
      { trigger_args: ['backup'] },
    ]);
  },
);

async function rowTrigger(node: CommandNode): Promise<unknown> {
  const [row] = await node.query(
    `select tgname from pg_trigger where tgrelid = 'x'::regclass and tgname ~ '_row$'`,
  );
  return row?.['tgname'];
}
