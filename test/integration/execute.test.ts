import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeFields } from '../../src/replica/script-attributes.js';
import { waitUntil } from '../support/wait-until.js';
import { type CommandNode, type CommandOutcome, openCommandNode, openPair, QUEUE } from './command-node.js';

const TABLES = `
  create table item (id int primary key, v text, n int);
  create table other (id int primary key, v text);
  create table keyless (v text);
  insert into item select g, 'v' || g, g from generate_series(1, 5) as g;
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgcascade-execute-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Writes a script into a file and executes it. */
async function execute(node: CommandNode, name: string, sql: string): Promise<CommandOutcome> {
  const path = join(folder, name);
  await writeFile(path, sql);
  return node.run('execute', [path]);
}

async function mustExecute(node: CommandNode, name: string, sql: string): Promise<readonly string[]> {
  const outcome = await execute(node, name, sql);
  if (outcome.exitCode !== 0) throw new Error(`${name}: ${outcome.message}`);
  return outcome.lines;
}

interface SeenEvent extends Record<string, unknown> {
  readonly type: string;
  readonly data: string;
  readonly extra1: string;
  readonly extra2: string | null;
  readonly extra3: string | null;
}

describe.each([10, 18])('execute on a root of PostgreSQL %i', (major) => {
  let root: CommandNode;
  let seen = 0n;

  beforeAll(async () => {
    root = await openCommandNode('root', major);
    await root.must('create-root', ['root', root.conninfo]);
  });

  afterAll(async () => {
    await root?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await root.query(
      `select pgcascade.drop_capture(queue_name, table_name) from pgcascade.capture_plan;
       delete from londiste.table_info; delete from londiste.seq_info; delete from londiste.applied_execute;
       drop schema public cascade; create schema public`,
    );
    await root.query(TABLES);
    await root.must('add-table', [], { all: true });
    await events();
  });

  async function events(): Promise<SeenEvent[]> {
    const rows = await root.query<{ id: bigint } & SeenEvent>(
      `select ev_id as id, ev_type as type, ev_data as data, ev_extra1 as extra1, ev_extra2 as extra2, ev_extra3 as extra3
         from pgq.event_template where ev_id > $1 order by ev_id`,
      [seen],
    );
    seen = rows.at(-1)?.id ?? seen;
    return rows;
  }

  /** `INSERT public.item`, `EXECUTE a.sql`, in order. */
  async function kinds(): Promise<string[]> {
    return (await events()).map(({ type, extra1 }) => `${/"op":"(\w+)/.exec(type)?.[1] ?? type} ${extra1}`);
  }

  const rows = (sql: string) => root.query(sql);

  test('what a script writes becomes no events, and later rows have the new columns', async () => {
    const sql = `alter table item add more text default 'x';
      insert into item values (10, 'ten', 10); update item set n = n + 1; delete from item where id = 1;
      insert into keyless values ('a'); update keyless set v = 'b'; truncate other;`;
    expect(await mustExecute(root, 'a.sql', sql)).toEqual([
      'executed a.sql (statements: 7)',
      'renewed public.item',
    ]);
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({ type: 'EXECUTE', data: sql, extra1: 'a.sql', extra2: '' });
    await root.query(`insert into item values (11, 'eleven', 11, 'new'); update keyless set v = 'c'`);
    const after = await events();
    expect(after.map(({ data }) => JSON.parse(data))).toEqual([
      { id: 11, v: 'eleven', n: 11, more: 'new' },
      { v: 'c' },
    ]);
  });

  test('nobody who is no script can keep writes out of the queue', async () => {
    await mustExecute(root, 'a.sql', 'select 1');
    await events();
    await root.query(
      `begin; set local pgcascade.script = '${QUEUE}'; update item set n = 0 where id = 1; commit`,
    );
    expect(await kinds()).toEqual(['UPDATE public.item']);
  });

  test('the capture follows what the script has made of the tables', async () => {
    await root.query('create sequence loose; create table serial_one (id serial primary key)');
    await root.must('add-table', ['serial_one']);
    await root.must('add-seq', [], { all: true });
    await events();
    const lines = await mustExecute(
      root,
      'a.sql',
      `alter table item rename to thing;
       alter table other rename to other_old;
       create table other (id int primary key, v text, fresh int);
       alter table keyless add id serial primary key;
       create function noop() returns trigger language plpgsql as $$ begin return null; end $$;
       create trigger t after insert on thing for each row execute procedure noop();
       drop table serial_one; drop sequence loose`,
    );
    expect(lines).toEqual([
      'executed a.sql (statements: 8)',
      'renamed public.item',
      'renewed public.keyless',
      'replaced public.other',
      'removed public.serial_one',
      'removed public.loose',
      'removed public.serial_one_id_seq',
    ]);
    expect(await kinds()).toEqual([
      'londiste.remove-table null',
      'londiste.remove-seq null',
      'londiste.remove-seq null',
      'EXECUTE a.sql',
    ]);
    await root.query(
      `update thing set n = 7 where id = 1; insert into other values (1, 'o', 5); insert into other_old values (1, 'x');
       insert into keyless values ('k')`,
    );
    const after = await events();
    expect(after.map(({ extra1, data }) => [extra1, JSON.parse(data)])).toEqual([
      ['public.item', { id: 1, v: 'v1', n: 7 }],
      ['public.other', { id: 1, v: 'o', fresh: 5 }],
      ['public.keyless', { v: 'k', id: 1 }],
    ]);
    expect(
      await rows('select mode, key_columns, dest_table from pgcascade.capture_plan order by table_name'),
    ).toEqual([
      { mode: 'row', key_columns: ['id'], dest_table: 'public.thing' },
      { mode: 'statement', key_columns: ['id'], dest_table: 'public.keyless' },
      { mode: 'statement', key_columns: ['id'], dest_table: 'public.other' },
    ]);
  });

  test('a statement that fails is named with its line, and nothing has happened', async () => {
    const outcome = await execute(
      root,
      'bad.sql',
      "alter table item add x int;\n\nupdate item\n   set nope = 'secret';",
    );
    expect(outcome).toMatchObject({ exitCode: 1, code: 'PC407' });
    expect(outcome.message).toBe(
      'bad.sql, line 4 (statement 2): column "nope" of relation "item" does not exist.',
    );
    const failing = await execute(
      root,
      'bad.sql',
      'alter table item add x int;\ninsert into item values (1)',
    );
    expect(failing.message).toContain('bad.sql, line 2 (statement 2): duplicate key');
    const late = 'alter table item add unique (n) deferrable initially deferred; update item set n = 1';
    expect((await execute(root, 'bad.sql', late)).message).toContain('bad.sql: duplicate key');
    expect(await events()).toEqual([]);
    expect(
      await rows("select 1 from pg_attribute where attname = 'x' and attrelid = 'item'::regclass"),
    ).toEqual([]);
    expect(await mustExecute(root, 'bad.sql', 'alter table item add x int')).toContain('renewed public.item');
  });

  test('no file is executed when one cannot be, and none twice', async () => {
    await writeFile(join(folder, 'one.sql'), 'create table one ()');
    await writeFile(join(folder, 'two.sql'), 'create index concurrently on item (v)');
    const paths = ['one.sql', 'two.sql'].map((name) => join(folder, name));
    expect(await root.run('execute', paths)).toMatchObject({ code: 'PC408', exitCode: 1 });
    expect(await rows("select to_regclass('public.one')::text as t")).toEqual([{ t: null }]);
    expect((await root.run('execute', [join(folder, 'one.sql'), 'x/one.sql'])).message).toContain(
      'Two files',
    );
    expect(await mustExecute(root, 'one.sql', 'create table one ()')).toEqual([
      'executed one.sql (statements: 1)',
    ]);
    expect(await mustExecute(root, 'one.sql', 'create table one ()')).toEqual([
      'one.sql was executed before',
    ]);
    expect(await execute(root, 'one.sql', 'create table uno ()')).toMatchObject({ code: 'PC408' });
    expect(await kinds()).toEqual(['EXECUTE one.sql']);
    expect(await root.run('execute', ['/nowhere/x.sql'])).toMatchObject({ code: 'PC408' });
    expect(await root.run('execute', paths, { skip: true })).toMatchObject({ code: 'PC303' });
  });

  test('conditions decide whether a script runs here, and it is handed on in any case', async () => {
    await root.query(
      'create function f(int, text) returns int language sql as $$ select 1 $$; create view vw as select 1',
    );
    await root.query('create table "odd "" name" (id int primary key)');
    await root.must('add-table', ['other'], { force: true });
    await root.must('remove-table', ['item']);
    await root.query(`create schema s; alter table item set schema s; alter table s.item rename to "It.em"`);
    await root.must('add-table', ['item'], { destTable: 's.It.em' });
    await events();
    const names =
      '--*-- Local-Table: item, public.other\n--*-- Need-Function: f(2)\n--*-- Need-View: vw\n--*-- Need-Schema: s\n';
    await mustExecute(
      root,
      'run.sql',
      `${names}update @item@ set v = '@other@'; select * from @public.other@`,
    );
    expect(await rows('select distinct v from s."It.em"')).toEqual([{ v: '@other@' }]);
    const none =
      '--*-- Local-Table: nowhere\n--*-- Need-Table: no.table\n--*-- Local-Sequence: no_seq\n--*-- Need-Function: f(1)\n';
    expect(await mustExecute(root, 'none.sql', `${none}drop table "@nowhere@"`)).toEqual([
      'none.sql is handed on; its conditions do not hold on this node',
    ]);
    const mixed = await execute(root, 'mixed.sql', '--*-- Local-Destination: item, nowhere\nselect 1');
    expect(mixed.message).toBe(
      'mixed.sql: only some of its conditions hold here: local-destination item yes, local-destination nowhere no.',
    );
    expect((await events()).map(({ extra1, extra2 }) => [extra1, extra2])).toEqual([
      ['run.sql', 'local-table=item%2Cpublic.other&need-function=f(2)&need-view=vw&need-schema=s'],
      ['none.sql', 'local-table=nowhere&need-table=no.table&local-sequence=no_seq&need-function=f(1)'],
    ]);
  });

  test.each([
    ['by itself', "update item set v = 'seen'"],
    ['in a block', "do $$ begin update item set v = 'seen'; end $$"],
    [
      'before it alters the table',
      "do $$ begin update item set v = 'seen'; alter table item add z int; end $$",
    ],
    [
      'from another table',
      "create temp table t as select count(*) as c from item; update other set v = (select c from t); update item set v = 'seen'",
    ],
  ])('a script that writes rows %s waits for whoever is writing to them', async (_how, sql) => {
    await root.query("insert into other values (1, '')");
    await using writer = await root.database.application();
    await writer.execute("begin; insert into item values (100, 'early', 1)");
    const executing = root.with({ lockTimeoutMs: 20_000 });
    const ended = execute(executing, 'race.sql', sql);
    await waitUntil('the script waits for the writer', async () => {
      const [row] = await root.query<{ waits: boolean }>(
        `select exists (select from pg_locks where not granted and relation = 'item'::regclass) as waits`,
      );
      return row?.waits;
    });
    await writer.execute('commit');
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(await rows('select v from item where id = 100')).toEqual([{ v: 'seen' }]);
    expect((await kinds()).slice(-2)).toEqual(['INSERT public.item', 'EXECUTE race.sql']);
  });

  test('a table that others hold is named with who holds it, and the writers behind the script go on', async () => {
    await using holder = await root.database.application();
    await holder.execute("begin; update item set v = 'held' where id = 1");
    const outcome = await execute(root, 'busy.sql', 'alter table item add y int');
    expect(outcome).toMatchObject({ code: 'PC208', exitCode: 3 });
    expect(outcome.message).toMatch(/^busy\.sql does not get a lock: .*public\.item is held by pid \d+/);
    await holder.execute("update item set v = 'still' where id = 2; commit");
    expect(await mustExecute(root, 'busy.sql', 'alter table item add y int')).toContain(
      'renewed public.item',
    );
  });

  test('a script runs with the settings that psql has, and hands those on that its text depends on', async () => {
    await root.query(`alter database "${root.database.name}" set timezone = 'Asia/Tokyo'`);
    await root.query(`alter database "${root.database.name}" set search_path = "$user", side, public`);
    try {
      await mustExecute(
        root,
        'settings.sql',
        `create table made (t text); insert into made values (current_setting('timezone'));
         set timezone = 'America/Lima'; set search_path = pg_catalog; set role none; create temp table rest (x int)`,
      );
    } finally {
      await root.query(`alter database "${root.database.name}" reset all`);
    }
    expect(await rows('select t from public.made')).toEqual([{ t: 'Asia/Tokyo' }]);
    const [event] = await events();
    expect(Object.fromEntries(decodeFields(event?.extra3 ?? ''))).toMatchObject({
      TimeZone: 'Asia/Tokyo',
      search_path: 'postgres, side, public',
      standard_conforming_strings: 'on',
    });
  });

  test('the triggers of PgQ write no events for a script either', async () => {
    await root.query(
      `create table stock (id int primary key); select londiste.local_add_table('${QUEUE}', 'public.stock')`,
    );
    await events();
    await mustExecute(root, 'stock.sql', 'insert into stock values (1); insert into item values (50)');
    expect(await kinds()).toEqual(['EXECUTE stock.sql']);
  });
});

test('a role that owns the tables and nothing else executes scripts on the root', async () => {
  await using superuser = await openCommandNode('root', 13);
  await superuser.query('create role script_owner login');
  await superuser.query(`alter database "${superuser.database.name}" owner to script_owner`);
  await superuser.query('grant all on schema public to script_owner');
  await superuser.query(`set role script_owner; ${TABLES}; reset role`);
  const db = superuser.conninfo.replace('user=postgres', 'user=script_owner');
  const root = superuser.with({ db });
  await root.must('create-root', ['root', db]);
  await root.must('add-table', [], { all: true });
  await mustExecute(
    root,
    'plain.sql',
    "alter table item add x int; update item set x = 1; insert into keyless values ('k')",
  );
  expect(await superuser.query("select ev_type from pgq.event_template where ev_extra1 <> 'app'")).toEqual([
    { ev_type: 'EXECUTE' },
  ]);
});

test('a leaf begins no script, and notes one that is not to be run there', async () => {
  await using pair = await openPair(13, 18);
  const { leaf } = pair;
  expect(await execute(leaf, 'leaf.sql', 'select 1')).toMatchObject({ code: 'PC303', exitCode: 1 });
  expect(await leaf.must('execute', [join(folder, 'leaf.sql'), 'not-here.sql'], { skip: true })).toEqual([
    'leaf.sql will not be run here',
    'not-here.sql will not be run here',
  ]);
  expect(await leaf.must('execute', ['leaf.sql'], { skip: true })).toEqual([
    'leaf.sql was executed or skipped here before',
  ]);
  expect(
    await leaf.query('select execute_file, execute_sql from londiste.applied_execute order by 1'),
  ).toEqual([
    { execute_file: 'leaf.sql', execute_sql: 'select 1' },
    { execute_file: 'not-here.sql', execute_sql: '' },
  ]);
});
