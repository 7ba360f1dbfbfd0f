import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { type CommandNode, openPair } from './command-node.js';

const SHOP = `
  create table public.customer (id serial primary key, name text not null, note text default upper('x'), born date);
  create index customer_name on public.customer (name);
  alter table public.customer add constraint has_name check (name <> '');
  comment on table public.customer is 'who buys';
  create function public.seven() returns int language sql immutable as 'select 7';
  create type public.mood as enum ('sad', 'happy');
  create table public.visit (id bigint generated always as identity primary key, customer int not null references public.customer, feels public.mood default 'sad',
    luck int default public.seven(), twice bigint generated always as (customer * 2) stored);
  create index customer_by_luck on public.visit (luck);
  create index by_feels on public.visit (feels);
  create table public.log (at date not null, what text, primary key (at)) partition by range (at);
  create table public.log_1 partition of public.log for values from ('2024-01-01') to ('2025-01-01');
  create index log_what on public.log (what);
  create table public."Odd ""one" ("a b" int primary key, "C" text);
`;

let pair: Awaited<ReturnType<typeof openPair>>;
let root: CommandNode;
let leaf: CommandNode;

beforeAll(async () => {
  pair = await openPair(18, 18);
  ({ root, leaf } = pair);
  await root.query(SHOP);
  await root.must('add-table', [], { all: true });
  await root.must('add-table', ['log_1'], { force: true });
});

afterAll(() => pair[Symbol.asyncDispose]());

afterEach(async () => {
  const tables = await leaf.query<{ name: string }>(
    'select table_name as name from londiste.table_info where local',
  );
  if (tables.length > 0) {
    await leaf.must(
      'remove-table',
      tables.map(({ name }) => name),
    );
  }
  await leaf.query(
    'drop schema if exists seen cascade; drop schema public cascade; create schema public; delete from londiste.pending_fkeys',
  );
});

async function indexes(table: string): Promise<string[]> {
  const rows = await leaf.query<{ name: string }>(
    'select i.relname as name from pg_index as x join pg_class as i on i.oid = x.indexrelid where x.indrelid = $1::regclass order by 1',
    [table],
  );
  return rows.map(({ name }) => name);
}

async function columns(table: string): Promise<string[]> {
  const rows = await leaf.query<{ text: string }>(
    `select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end, pg_get_expr(d.adbin, d.adrelid)) as text
       from pg_attribute as a left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`,
    [table],
  );
  return rows.map(({ text }) => text);
}

test('--create makes columns, defaults that work here, and the primary key, and what the columns need', async () => {
  const lines = await leaf.must('add-table', ['customer', 'visit'], { create: true });
  expect(lines).toContain(
    'public.customer: default public.customer id is left out: it needs sequence public.customer_id_seq, which is not there',
  );
  expect(lines).toContain(
    'public.visit: default public.visit luck is left out: it needs routine public.seven(), which is not there',
  );
  expect(await columns('public.customer')).toEqual([
    'id integer not null',
    'name text not null',
    "note text upper('x'::text)",
    'born date',
  ]);
  expect(await columns('public.visit')).toEqual([
    'id bigint not null',
    'customer integer not null',
    "feels mood 'sad'::mood",
    'luck integer',
    'twice bigint (customer * 2)',
  ]);
  expect(await indexes('public.customer')).toEqual(['customer_pkey']);
  expect(await leaf.query('select * from londiste.pending_fkeys')).toEqual([]);
  expect((await leaf.must('tables')).join('\n')).toMatch(/public\.customer[\s\S]*public\.visit/);
});

test('--create-full under another name gives what belongs to the table names that fit', async () => {
  await leaf.must('add-table', ['customer'], { createFull: true, destTable: 'buyer' });
  await leaf.must('add-table', ['visit'], { createFull: true, destTable: 'seen.visit_2' });
  expect(await indexes('public.buyer')).toEqual(['buyer_name', 'buyer_pkey']);
  expect(await indexes('seen.visit_2')).toEqual([
    'visit_2_by_feels',
    'visit_2_customer_by_luck',
    'visit_2_pkey',
  ]);
  expect((await columns('public.buyer'))[0]).toBe("id integer not null nextval('buyer_id_seq'::regclass)");
  expect(await leaf.query(`select pg_get_serial_sequence('seen.visit_2', 'id') as name`)).toEqual([
    { name: 'seen.visit_2_id_seq' },
  ]);
});

test('a partitioned table is made with its partitions', async () => {
  await leaf.must('add-table', ['log'], { create: true });
  expect(
    await leaf.query(
      `select inhrelid::regclass::text as part from pg_inherits where inhparent = 'public.log'::regclass`,
    ),
  ).toEqual([{ part: 'log_1' }]);
  expect(await indexes('public.log_1')).toEqual(['log_1_pkey']);
});

test('a partition by itself is made as a table, with the indexes that it has', async () => {
  await leaf.must('add-table', ['log_1'], { createFull: true });
  expect(
    await leaf.query(`select relispartition as part from pg_class where oid = 'public.log_1'::regclass`),
  ).toEqual([{ part: false }]);
  expect(await indexes('public.log_1')).toEqual(['log_1_pkey', 'log_1_what_idx']);
});

test('a handler with columns gets a table of these columns, without what needs others', async () => {
  const lines = await leaf.must('add-table', ['customer'], {
    createFull: true,
    handlerArg: ['columns=id,born'],
  });
  expect((await columns('public.customer')).map((text) => text.split(' ')[0])).toEqual(['id', 'born']);
  expect(await indexes('public.customer')).toEqual(['customer_pkey']);
  expect(lines).toContain('public.customer: index public.customer_name is left out: it needs name');
});

test('a table that is here already is not made', async () => {
  await leaf.query('create table public.customer (id int primary key)');
  expect(await leaf.run('add-table', ['customer', 'Odd "one'], { create: true })).toMatchObject({
    code: 'PC413',
    exitCode: 1,
  });
  expect(await leaf.query(`select to_regclass('public."Odd ""one"') as made`)).toEqual([{ made: null }]);
});

test('what cannot be made is named, and nothing is left of the tables', async () => {
  await leaf.query('create view public.customer_pkey as select 1');
  const outcome = await leaf.run('add-table', ['Odd "one', 'customer'], { createFull: true });
  expect(outcome).toMatchObject({ code: 'PC414', exitCode: 1 });
  expect(outcome.message).toContain('constraint public.customer customer_pkey');
  expect(await leaf.query(`select to_regclass('public."Odd ""one"') as made`)).toEqual([{ made: null }]);
});

test('--dry-run prints a script that makes the table, and makes nothing', async () => {
  const lines = await leaf.must('add-table', ['visit', 'customer'], { createFull: true, dryRun: true });
  expect(await leaf.query(`select to_regclass('public.visit') as made`)).toEqual([{ made: null }]);
  expect(lines).toContain(
    '-- foreign key visit_customer_fkey of public.visit: saved, and made by the worker when both tables are in sync',
  );
  await leaf.query(lines.join('\n'));
  expect(await indexes('public.visit')).toEqual(['by_feels', 'customer_by_luck', 'visit_pkey']);
});

test('a root makes no tables', async () => {
  expect(await root.run('add-table', ['customer'], { create: true })).toMatchObject({ code: 'PC303' });
  expect(await root.run('create-schema')).toMatchObject({ code: 'PC303' });
  expect(await leaf.run('add-table', ['customer'], { dryRun: true })).toMatchObject({ code: 'PC100' });
});

test('add-seq --create makes the sequences that are missing, with their schema', async () => {
  await root.query('create schema seen; create sequence seen.ticket as int increment 5 start 20 cycle');
  await root.must('add-seq', ['seen.ticket', 'customer_id_seq']);
  await leaf.query('create sequence public.customer_id_seq');
  expect(await leaf.must('add-seq', [], { all: true, create: true })).toEqual(
    expect.arrayContaining(['made seen.ticket', 'added seen.ticket', 'added public.customer_id_seq']),
  );
  expect(
    await leaf.query(
      'select seqstart, seqincrement, seqcycle from pg_sequence where seqrelid = $1::regclass',
      ['seen.ticket'],
    ),
  ).toEqual([{ seqstart: 20n, seqincrement: 5n, seqcycle: true }]);
  expect(await root.run('add-seq', ['seen.ticket'], { create: true })).toMatchObject({ code: 'PC303' });
});

test('create-schema goes on where it was stopped, names what it cannot make and what needs that', async () => {
  await using other = await openPair(18, 18);
  await other.root.query(`${SHOP}
    create function public.same(int, int) returns boolean language sql immutable as 'select $1 = $2';
    create operator public.=== (leftarg = int, rightarg = int, function = public.same);
    create view public.with_operator as select id operator(public.===) 7 as is_seven from public.customer;
    create view public.on_that as select * from public.with_operator;
  `);
  const print = await other.leaf.run('create-schema', [], { dryRun: true });
  expect(print.exitCode).toBe(2);
  expect(await other.leaf.query(`select to_regclass('public.visit') as made`)).toEqual([{ made: null }]);

  await other.leaf.query(
    "create table public.customer (id int); create type public.mood as enum ('sad', 'happy')",
  );
  const first = await other.leaf.run('create-schema');
  expect(first.exitCode).toBe(2);
  expect(first.lines).toContain(
    'table public.customer: not made, something else of this name is there; drop or rename it, or leave it',
  );
  expect(first.lines).toContain(
    'operator public.=== (integer, integer): not made, this kind of object is made by hand, for example from pg_dump',
  );
  expect(first.lines).toContain('view public.on_that: not made, it needs view public.with_operator');
  await other.leaf.query('drop table public.customer');
  const second = await other.leaf.run('create-schema');
  expect(second.exitCode).toBe(2);
  expect(second.lines.filter((line) => line.includes('not made,')).map((line) => line.split(':')[0])).toEqual(
    ['operator public.=== (integer, integer)', 'view public.with_operator', 'view public.on_that'],
  );
  await other.leaf.query(
    'create operator public.=== (leftarg = int, rightarg = int, function = public.same)',
  );
  await other.leaf.must('create-schema');
});

test('tables made by --create-full are copied, and their foreign keys come when the rows are there', async () => {
  await using chain = await openChain({ from: 10, to: 18 });
  await chain.root.query(`
    create table public.parent (id int primary key, name text not null);
    create table public.child (id serial primary key, parent int not null references public.parent on delete cascade);
    comment on constraint child_parent_fkey on public.child is 'kept';
    insert into public.parent select n, 'p' || n from generate_series(1, 500) as n;
    insert into public.child (parent) select n from generate_series(1, 500) as n;`);
  await chain.root.must('add-table', '--all');
  await chain.leaf.must('add-table', '--all', '--create-full', '--wait-sync');
  await chain.root.query(
    "insert into public.parent values (1000, 'new'); insert into public.child (parent) values (1000)",
  );
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  await chain.foreignKeysBack(1);
  expect(
    await chain.leaf.query(
      "select obj_description(oid, 'pg_constraint') as comment from pg_constraint where conname = 'child_parent_fkey'",
    ),
  ).toEqual([{ comment: 'kept' }]);
});
