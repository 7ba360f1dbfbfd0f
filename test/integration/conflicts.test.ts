import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { type CommandNode, openPair } from './command-node.js';

/** A way in which an event meets a table that cannot take it. */
interface ConflictKind {
  readonly name: string;
  /** Without it `(id int primary key, v int unique)`, with the rows (1, 1) and (2, 2). */
  readonly definition?: string;
  /** What somebody has done behind replication's back on the leaf, with `{t}` for the table. */
  readonly damage: string;
  readonly write: string;
  readonly code: 'PC402' | 'PC403';
  readonly message: string;
  /** On the leaf; then a table that waits goes on by itself, and one that is parked by `resync`. */
  readonly repair?: string;
}

const KINDS: readonly ConflictKind[] = [
  {
    name: 'missing_for_update',
    damage: 'delete from {t} where id = 1',
    write: 'update {t} set v = 10 where id = 1',
    code: 'PC402',
    message: 'The row to be changed is not on the subscriber.',
  },
  {
    name: 'missing_for_delete',
    damage: 'delete from {t} where id = 1',
    write: 'delete from {t} where id = 1',
    code: 'PC402',
    message: 'The row to be changed is not on the subscriber.',
  },
  {
    name: 'already_there',
    damage: 'insert into {t} values (3, 4)',
    write: 'insert into {t} values (3, 3)',
    code: 'PC402',
    message: 'The table refuses the row (SQLSTATE 23505, constraint already_there_pkey).',
  },
  {
    name: 'value_taken',
    damage: 'insert into {t} values (99, 7)',
    write: 'insert into {t} values (3, 7)',
    code: 'PC402',
    message: 'The table refuses the row (SQLSTATE 23505, constraint value_taken_v_key).',
  },
  {
    name: 'several_rows',
    damage: 'alter table {t} drop constraint several_rows_pkey; insert into {t} values (1, 9)',
    write: 'delete from {t} where id = 1',
    code: 'PC402',
    message: 'The change of one row touched 2 rows on the subscriber.',
    repair: 'delete from {t} where id = 1; alter table {t} add constraint several_rows_pkey primary key (id)',
  },
  {
    name: 'no_parent',
    definition: '(id int primary key, v int references public.parent)',
    damage: `delete from public.parent where id = 8;
      do $$ declare v_name text; begin
        for v_name in select tgname from pg_trigger where tgrelid = '{t}'::regclass and tgconstraint <> 0 loop
          execute format('alter table {t} enable always trigger %I', v_name);
        end loop;
      end $$`,
    write: 'insert into {t} values (3, 8)',
    code: 'PC402',
    message: 'The table refuses the row (SQLSTATE 23503, constraint no_parent_v_fkey).',
    repair: 'insert into public.parent values (8)',
  },
  {
    name: 'checked',
    damage: 'alter table {t} add constraint small check (v < 100)',
    write: 'update {t} set v = 100 where id = 1',
    code: 'PC403',
    message: 'The row does not fit the table (SQLSTATE 23514, constraint small).',
    repair: 'alter table {t} drop constraint small',
  },
  {
    name: 'not_null',
    damage: 'alter table {t} alter v set not null',
    write: 'insert into {t} values (3, null)',
    code: 'PC403',
    message: 'The row does not fit the table (SQLSTATE 23502, column v).',
    repair: 'alter table {t} alter v drop not null',
  },
  {
    name: 'narrow_type',
    damage: 'alter table {t} alter v type smallint',
    write: 'insert into {t} values (3, 100000)',
    code: 'PC403',
    message: 'v is integer there and smallint here.',
    repair: 'alter table {t} alter v type int',
  },
  {
    name: 'missing_table',
    damage: 'drop table {t}',
    write: 'insert into {t} values (3, 3)',
    code: 'PC403',
    message: 'public.missing_table',
    repair: 'create table {t} (id int primary key, v int unique)',
  },
  {
    name: 'missing_column',
    damage: 'select',
    write: 'alter table {t} add w int; insert into {t} values (3, 3, 3)',
    code: 'PC403',
    message: 'The table on the subscriber does not have: w.',
    repair: 'alter table {t} add w int',
  },
];

const MISSING_ROW = ['missing_for_update', 'missing_for_delete'];

const TABLES = [
  'create table public.parent (id int primary key)',
  'create table public.other (id int primary key)',
  ...KINDS.map(
    ({ name, definition }) =>
      `create table public.${name} ${definition ?? '(id int primary key, v int unique)'}`,
  ),
].join(';\n');
const ROWS = [
  'insert into public.parent values (1), (2), (8)',
  ...KINDS.map(({ name }) => `insert into public.${name} values (1, 1), (2, 2)`),
].join(';\n');

/** On the leaf, past its closed tables. */
async function behindReplication(leaf: TestNode, sql: string): Promise<void> {
  await leaf.query(`set session_replication_role = replica; ${sql}; reset session_replication_role`);
}

function sqlOf({ name }: ConflictKind, sql: string): string {
  return sql.replaceAll('{t}', `public.${name}`);
}

/** The tables of the leaf that are set aside, as `status --json` and `tables` say it. */
async function setAside(
  leaf: TestNode,
): Promise<Record<string, { code: string; message: string; isWaiting: boolean }>> {
  const { entries } = JSON.parse((await leaf.must('status', '--json')).stdout) as {
    entries: {
      name: string;
      parkedTables?: { name: string; errorCode: string; message: string; isWaiting: boolean }[];
    }[];
  };
  const parked = entries.find(({ name }) => name === 'leaf')?.parkedTables ?? [];
  return Object.fromEntries(
    parked.map(({ name, errorCode, message, isWaiting }) => [
      name.replace('public.', ''),
      { code: errorCode, message, isWaiting },
    ]),
  );
}

/** Of these rows some are missing on the leaf, and that is ignored. */
const MORE_TABLES = `create table public.many (id int primary key, v text);
  create table public.inexact (id numeric primary key, v text);
  create table public.keyless (v text)`;
const MORE_ROWS = `insert into public.many select g, 'old' from generate_series(1, 1000) as g;
  insert into public.inexact select g, 'old' from generate_series(1, 4) as g;
  insert into public.keyless select 'row ' || g from generate_series(1, 4) as g`;
const MORE_DAMAGE = `delete from public.many where id % 10 = 3; delete from public.inexact where id = 2;
  delete from public.keyless where v = 'row 2'`;
const MORE_WRITES = `update public.many set v = 'new' where id <= 500;
  delete from public.many where id between 401 and 600;
  insert into public.many values (403, 'again'), (405, 'again');
  update public.many set v = v || '!' where id in (403, 405, 3);
  update public.inexact set v = 'new';
  delete from public.inexact where id >= 3;
  update public.keyless set v = v || '!'`;

test('each kind of conflict sets its table aside and has a way back; with ignore-missing only a missing row is none', async () => {
  await using chain = await openChain({
    from: 15,
    to: 18,
    tables: `${TABLES}; ${MORE_TABLES}`,
    rows: `${ROWS}; ${MORE_ROWS}`,
    ini: ['conflict = ignore-missing'],
  });
  const { root, leaf } = chain;
  await leaf.must('change-table', ...MISSING_ROW, '--conflict=park');
  for (const kind of KINDS) await behindReplication(leaf, sqlOf(kind, kind.damage));
  await behindReplication(leaf, MORE_DAMAGE);
  // One transaction is one batch.
  const writes = [...KINDS.map((kind) => sqlOf(kind, kind.write)), MORE_WRITES];
  await root.query(`begin; ${writes.join('; ')}; insert into public.other values (1); commit`);
  await waitUntilSeen(
    'the batch is applied',
    () => leaf.query('select id from public.other'),
    (rows) => rows.length === 1,
  );

  const found = await setAside(leaf);
  const expected = KINDS.map(({ name, code, message }) => [
    name,
    { code, message: expect.stringContaining(message), isWaiting: code === 'PC403' },
  ]);
  expect(found).toEqual(Object.fromEntries(expected));
  const status = (await leaf.must('status')).stdout;
  const tables = (await leaf.must('tables')).stdout;
  for (const { name, code } of KINDS) {
    const isParked = code === 'PC402';
    expect(status).toContain(`public.${name} ${isParked ? 'is parked' : 'waits'}: ${code}`);
    expect(tables).toMatch(
      new RegExp(`public.${name} .*${isParked ? 'parked' : 'waits for its shape'} \\(${code}\\)`),
    );
  }
  expect((await leaf.run('compare', 'already_there')).exitCode).toBe(3);

  // Of many: 50 updates and 20 deletes of missing rows, and one update more of row 3.
  const left = 'select table_name as name, changes from pgcascade.left_out order by table_name collate "C"';
  expect(await leaf.query(left)).toEqual([
    { name: 'public.inexact', changes: 1n },
    { name: 'public.keyless', changes: 1n },
    { name: 'public.many', changes: 71n },
  ]);
  expect(status).toContain('73 changes of 3 tables');
  expect(tables).toMatch(/public\.many .*ignore-missing \(71 left out\)/);
  expect(tables).toMatch(/public\.missing_for_update .*\bpark\b/);
  expect(await leaf.query('select id, v from public.many where id % 10 = 3 and id < 600')).toEqual([
    { id: 403, v: 'again!' },
  ]);
  const rest = `select count(*), md5(string_agg(id || v, ',' order by id)) from public.many where id % 10 <> 3`;
  expect(await leaf.query(rest)).toEqual(await root.query(rest));
  expect(await leaf.query('select id::text, v from public.inexact')).toEqual([{ id: '1', v: 'new' }]);
  expect(await leaf.query('select v from public.keyless order by v')).toEqual(
    [1, 3, 4].map((n) => ({ v: `row ${n}!` })),
  );
  // One line for each table and batch, with the first key and no value.
  const log = leaf.worker?.stderr.split('\n').filter((line) => line.includes('Changes left out')) ?? [];
  expect(log).toHaveLength(3);
  expect(log.find((line) => line.includes('public.many'))).toMatch(/"changes":71,.*"key":"3"/);
  expect(log.join()).not.toMatch(/old|new/);
  expect((await leaf.run('compare', 'many')).exitCode).toBe(2);

  for (const kind of KINDS) {
    if (kind.repair !== undefined) await behindReplication(leaf, sqlOf(kind, kind.repair));
  }
  const parked = KINDS.filter(({ code }) => code === 'PC402').map(({ name }) => name);
  await leaf.must('resync', ...parked, 'many', 'inexact', 'keyless');
  await waitUntilSeen(
    'nothing is set aside',
    () => leaf.query('select table_name, message from pgcascade.table_error'),
    (rows) => rows.length === 0,
  );
  await chain.caughtUp();
  expect(await leaf.query(left)).toEqual([]);
  expect((await leaf.must('compare')).exitCode).toBe(0);
  expect(await chain.differences()).toEqual([]);
});

/** Waits for the end of the leaf's worker, starts it again, and checks that it says the same each time. */
async function stopsAgainAndAgain(leaf: TestNode, ...parts: readonly string[]): Promise<void> {
  const first = await leaf.worker?.ended;
  leaf.startWorker();
  const second = await leaf.worker?.ended;
  const [error] = await leaf.query<{ cur_error: string }>(
    'select cur_error from pgq_node.local_state where cur_error is not null',
  );
  for (const outcome of [first, second]) {
    expect(outcome?.exitCode).toBe(2);
    expect(outcome?.stderr).toContain(error?.cur_error);
    expect(outcome?.stderr).toContain('start the worker again; or run "resync TABLE"');
  }
  for (const part of parts) expect(error?.cur_error).toContain(part);
  expect((await leaf.must('status')).stdout).toContain(error?.cur_error);
  expect(await leaf.query('select 1 from pgcascade.table_error')).toEqual([]);
}

test('with stop the worker ends before the batch with the event, until the row, the table or the policy is another', async () => {
  await using chain = await openChain({
    from: 15,
    to: 18,
    tables: `create table public.t (id int, area text, v text, primary key (id, area));
      create table public.other (id int primary key)`,
    rows: `insert into public.t select g, 'north', 'secret' from generate_series(1, 5) as g`,
    ini: ['conflict = stop'],
  });
  const { root, leaf } = chain;
  // A row that is missing.
  await behindReplication(leaf, 'delete from public.t where id = 3');
  await root.query(`begin; insert into public.other values (1);
    update public.t set v = 'secret too' where id <= 3; commit`);
  await stopsAgainAndAgain(
    leaf,
    'Table public.t cannot take event',
    'key 3,"north"',
    'PC402: The row to be changed is not on the subscriber.',
  );
  expect(leaf.worker?.stderr).not.toContain('secret');
  expect(await leaf.query('select id from public.other')).toEqual([]);
  await behindReplication(leaf, `insert into public.t values (3, 'north', 'whatever')`);
  leaf.startWorker();
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);

  // A table that does not fit: it does not wait.
  await leaf.query('alter table public.t add constraint short check (length(v) < 20)');
  await root.query(`update public.t set v = 'very secret and very long' where id = 1`);
  await stopsAgainAndAgain(leaf, 'PC403: The row does not fit the table (SQLSTATE 23514, constraint short).');
  // Another policy lets it go on: now the table waits …
  await leaf.must('change-table', 't', '--conflict=park');
  leaf.startWorker();
  await waitUntilSeen(
    'the table waits',
    () => setAside(leaf),
    ({ t }) => t?.isWaiting === true,
  );
  // … and what it meets when it catches up beside the worker stops that one too.
  await behindReplication(leaf, 'delete from public.t where id = 5');
  await root.query('delete from public.t where id = 5');
  for (let id = 2; id < 8; id++) await root.query('insert into public.other values ($1)', [id]);
  await leaf.must('change-table', 't', '--conflict=default');
  await leaf.query('alter table public.t drop constraint short');
  await stopsAgainAndAgain(leaf, 'key 5,"north"', 'PC402');

  // A copy is a way back too.
  await leaf.must('resync', 't');
  leaf.startWorker();
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
});

test('a policy is said on the node that applies the table, and is kept until the table is removed', async () => {
  await using pair = await openPair(10, 18);
  const { root, leaf } = pair;
  for (const node of [root, leaf]) await node.query('create table public.t (id int primary key, v text)');
  await root.must('add-table', ['t']);
  await leaf.must('add-table', ['t'], { expectSync: true, conflict: 'stop' });
  const policies = () => leaf.query('select table_name as name, policy from pgcascade.conflict_policy');
  const is = (policy: string) => [{ name: 'public.t', policy }];
  expect(await policies()).toEqual(is('stop'));

  const refused = async (
    node: CommandNode,
    code: string,
    message: string,
    verb: string,
    name: string,
    options: object,
  ) => {
    const outcome = await node.run(verb, [name], { ...options });
    expect(outcome).toMatchObject({ code, exitCode: 1, message: expect.stringContaining(message) });
  };
  await refused(root, 'PC303', 'is the root', 'change-table', 't', { conflict: 'stop' });
  await refused(root, 'PC303', 'is the root', 'add-table', 't', { conflict: 'stop' });
  const words = 'is none of park, stop, ignore-missing, default';
  await refused(leaf, 'PC100', words, 'change-table', 't', { conflict: 'retry' });
  await refused(leaf, 'PC100', 'Say what to change', 'change-table', 't', {});
  await refused(leaf, 'PC400', 'There is no table "u"', 'change-table', 'u', { conflict: 'stop' });
  await refused(leaf, 'PC410', 'does not go with the handler', 'add-table', 't', {
    handler: 'multimaster',
    handlerArg: ['timefield=v'],
    conflict: 'ignore-missing',
  });
  expect(await policies()).toEqual(is('stop'));

  await leaf.must('change-table', [], { all: true, conflict: 'ignore-missing' });
  await leaf.must('add-table', ['t']);
  await leaf.must('change-handler', ['t'], { expectSync: true });
  await leaf.must('resync', ['t']);
  expect(await policies()).toEqual(is('ignore-missing'));
  expect((await leaf.must('tables')).join('\n')).toMatch(/public\.t .*ignore-missing/);
  await leaf.must('change-table', ['public.*'], { conflict: 'default' });
  expect(await policies()).toEqual([]);
  expect((await leaf.must('tables')).join('\n')).not.toContain('conflict');

  await leaf.must('change-table', ['t'], { conflict: 'park' });
  await leaf.must('remove-table', ['t']);
  expect(await policies()).toEqual([]);
  await leaf.must('add-table', ['t'], { expectSync: true, conflict: 'park' });
  // As a removal on the root is applied.
  await leaf.query(
    `set session_replication_role = replica; select londiste.global_remove_table('app', 'public.t')`,
  );
  expect(await policies()).toEqual([]);
});
