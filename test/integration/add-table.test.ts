import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tableLock } from '../../src/cli/table-lock.js';
import { addTable } from '../../src/replica/add-table.js';
import { readCapturePlans } from '../../src/replica/capture-plans.js';
import { type CommandNode, openPair, QUEUE } from './command-node.js';

const TABLES = `
  create table orders (id int primary key, total numeric, doubled numeric);
  create table "Mixed.Case" (id serial primary key);
  create table no_key (note text);
  create view totals as select total from orders;
  create table parts (id int not null) partition by range (id);
  create table parts_1 partition of parts for values from (0) to (10);
`;

let pair: Awaited<ReturnType<typeof openPair>>;

beforeAll(async () => {
  pair = await openPair(13, 18);
});

afterAll(async () => {
  await pair?.[Symbol.asyncDispose]();
});

/** Both databases as after create-leaf: with the tables, none of them added, no events. */
beforeEach(async () => {
  for (const node of [pair.root, pair.leaf]) {
    await node.query(
      `select pgcascade.drop_capture(queue_name, table_name) from pgcascade.capture_plan;
       delete from londiste.table_info;
       delete from londiste.seq_info;
       delete from pgcascade.table_error;
       delete from pgq.event_template;
       drop schema public cascade;
       create schema public`,
    );
    await node.query(TABLES);
  }
});

async function states(node: CommandNode): Promise<Record<string, string | null>> {
  const rows = await node.query<{ table_name: string; merge_state: string | null }>(
    'select table_name, merge_state from londiste.table_info where local order by table_name',
  );
  return Object.fromEntries(rows.map((row) => [row.table_name, row.merge_state]));
}

async function eventTypes(root: CommandNode, table: string): Promise<string[]> {
  const rows = await root.query<{ ev_type: string }>(
    'select ev_type from pgq.event_template where ev_extra1 = $1 order by ev_id',
    [table],
  );
  return rows.map(({ ev_type: type }) => (JSON.parse(type) as { op: string }).op);
}

describe('add-table on a root', () => {
  test('captures writes from then on, and once more changes nothing', async () => {
    const { root } = pair;
    expect(await root.must('add-table', ['orders'])).toEqual(['added public.orders']);
    await root.query('insert into orders values (1, 2)');
    expect(await eventTypes(root, 'public.orders')).toEqual(['INSERT']);
    expect(await root.must('add-table', ['orders'])).toEqual(['public.orders is replicated already']);
    await root.query('delete from orders');
    expect(await eventTypes(root, 'public.orders')).toEqual(['INSERT', 'DELETE']);
  });

  test('takes all tables, whatever they are called and however they are keyed', async () => {
    await pair.root.must('add-table', [], { all: true });
    expect(await states(pair.root)).toEqual({
      'public.Mixed.Case': 'ok',
      'public.no_key': 'ok',
      'public.orders': 'ok',
      'public.parts': 'ok',
    });
    expect(await pair.root.must('add-table', [], { all: true })).toEqual(['No table to add.']);
    const lines = await pair.root.must('tables');
    expect(lines.find((line) => line.startsWith('public.no_key'))).toMatch(/ok +mixed +no key/);
    expect(lines.find((line) => line.startsWith('public.parts'))).toMatch(/ok +row +partitioned table/);
    expect(await pair.root.must('tables', [], { namesOnly: true })).toContain('public.Mixed.Case');
  });

  test('explains a name that cannot be added', async () => {
    const messageOf = async (name: string) => {
      const outcome = await pair.root.run('add-table', [name]);
      expect(outcome).toMatchObject({ exitCode: 1, code: 'PC400' });
      return outcome.message;
    };
    expect(await messageOf('order')).toContain('did you mean "public.orders"?');
    expect(await messageOf('totals')).toContain('is a view');
    expect(await messageOf('parts_1')).toContain('is a partition of public.parts');
    expect(await messageOf('x*')).toContain('No table matches');
    expect(await states(pair.root)).toEqual({});
    await pair.root.must('add-table', ['order', 'orders'], { skipNonExisting: true });
    expect(await states(pair.root)).toEqual({ 'public.orders': 'ok' });
  });

  test('leaves no table half added when its lock cannot be had', async () => {
    await using blocker = await pair.root.database.application();
    await blocker.execute('begin; lock table orders in row exclusive mode');
    const outcome = await pair.root.run('add-table', ['orders']);
    expect(outcome).toMatchObject({ code: 'PC208', exitCode: 3, message: expect.stringContaining('orders') });
    expect(await states(pair.root)).toEqual({});
    await blocker.execute('rollback');
    await pair.root.must('add-table', ['orders']);
  });

  test('takes the triggers away when the registration fails', async () => {
    await using session = await pair.leaf.connect();
    const adding = addTable(session, {
      queueName: QUEUE,
      // The leaf has not heard of it.
      tableName: 'public.orders',
      purpose: 'deny',
      expectSync: false,
      attributes: null,
      isVirtual: false,
      withTableLock: tableLock(session, 1_000),
    });
    await expect(adding).rejects.toMatchObject({ code: 'PC310' });
    await pair.leaf.query('insert into orders values (1, 2)');
  });

  test('gives a table that was registered by SQL alone its triggers', async () => {
    await pair.root.query("select londiste.local_add_table($1, 'public.orders', '{no_triggers}')", [QUEUE]);
    expect(await pair.root.must('add-table', ['orders'])).toEqual(['public.orders is replicated already']);
    await using session = await pair.root.connect();
    expect((await readCapturePlans(session, QUEUE)).get('public.orders')?.purpose).toBe('capture');
  });

  test("leaves a table alone that has a trigger of Londiste's", async () => {
    await pair.root.query("select londiste.local_add_table($1, 'public.orders', '{no_triggers}')", [QUEUE]);
    await pair.root.query(
      `create or replace function pgq.logutriga() returns trigger language plpgsql as 'begin return null; end';
       create trigger _londiste_app after insert on orders for each row execute procedure pgq.logutriga('${QUEUE}')`,
    );
    await pair.root.must('add-table', ['orders']);
    await using session = await pair.root.connect();
    expect((await readCapturePlans(session, QUEUE)).has('public.orders')).toBe(false);
  });
});

describe('add-table on a leaf', () => {
  test('closes the table to writers and leaves it to the worker to copy', async () => {
    await pair.root.must('add-table', ['orders']);
    expect(await pair.leaf.must('add-table', ['orders'])).toEqual(['added public.orders']);
    expect(await states(pair.leaf)).toEqual({ 'public.orders': null });
    await expect(pair.leaf.query('insert into orders values (1, 2)')).rejects.toThrow('change not allowed');
    expect(await pair.leaf.must('add-table', ['orders'])).toEqual(['public.orders is replicated already']);
  });

  test('learns the names from the provider, and takes all that the provider replicates', async () => {
    await pair.root.must('add-table', ['orders', 'Mixed.Case']);
    expect(await pair.leaf.must('add-table', [], { all: true })).toEqual([
      'added public.Mixed.Case',
      'added public.orders',
    ]);
    expect(await pair.leaf.must('add-table', [], { all: true })).toEqual(['No table to add.']);
  });

  test('tells of each table what became of it, where one of them is replicated already', async () => {
    await pair.root.must('add-table', ['orders', 'Mixed.Case']);
    await pair.leaf.must('add-table', ['orders']);
    expect(await pair.leaf.must('add-table', ['Mixed.Case', 'orders'])).toEqual([
      'added public.Mixed.Case',
      'public.orders is replicated already',
    ]);
  });

  test('refuses a table that the provider does not replicate, unless its rows are here already', async () => {
    await pair.root.must('add-table', ['orders']);
    expect(await pair.leaf.run('add-table', ['no_key'])).toMatchObject({
      code: 'PC400',
      message: expect.stringContaining('There is no table "no_key"'),
    });
    await pair.root.query("select londiste.global_add_table($1, 'public.no_key')", [QUEUE]);
    expect(await pair.leaf.run('add-table', ['no_key'])).toMatchObject({
      code: 'PC401',
      message: expect.stringContaining('not replicated on the provider "root"'),
    });
    await pair.leaf.must('add-table', ['no_key'], { expectSync: true });
    expect(await states(pair.leaf)).toEqual({ 'public.no_key': 'ok' });
  });

  test('refuses a table that is not here or lacks columns of the provider, and names them', async () => {
    await pair.root.must('add-table', [], { all: true });
    await pair.leaf.query(
      'drop table no_key; drop view totals; alter table orders drop column total, drop column doubled',
    );
    expect(await pair.leaf.run('add-table', ['no_key'])).toMatchObject({ code: 'PC406', exitCode: 1 });
    expect(await pair.leaf.run('add-table', ['orders'])).toMatchObject({
      code: 'PC403',
      message: expect.stringContaining('no writable columns total, doubled'),
    });
    expect(await states(pair.leaf)).toEqual({});
    const all = await pair.leaf.run('add-table', [], { all: true });
    expect(all).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('2 of 4 tables cannot be added'),
    });
    expect(await states(pair.leaf)).toEqual({});
    await pair.leaf.must('add-table', [], { all: true, skipNonExisting: true });
    expect(Object.keys(await states(pair.leaf))).toEqual(['public.Mixed.Case', 'public.parts']);
  });

  test('does not ask for a generated column of the provider, but for a plain one behind a generated one', async () => {
    const { root, leaf } = pair;
    await root.query('create table a (id int primary key, g int generated always as (id * 2) stored)');
    await leaf.query('create table a (id int primary key)');
    await root.query('create table b (id int primary key, g int)');
    await leaf.query('create table b (id int primary key, g int generated always as (id * 2) stored)');
    await root.must('add-table', ['*']);
    await leaf.must('add-table', ['a']);
    expect(await leaf.run('add-table', ['b'])).toMatchObject({ code: 'PC403' });
  });

  test('may use another table and keep its rows', async () => {
    await pair.root.must('add-table', ['orders', 'no_key']);
    await pair.leaf.query('create table archive (like orders including all)');
    await pair.leaf.must('add-table', ['orders'], { destTable: 'archive', skipTruncate: true });
    const [row] = await pair.leaf.query(
      'select dest_table, table_attrs from londiste.table_info where local',
    );
    expect(row).toEqual({ dest_table: 'public.archive', table_attrs: 'skip_truncate=1' });
    await expect(pair.leaf.query('delete from archive')).resolves.toBeDefined();
    await expect(pair.leaf.query('truncate archive')).rejects.toThrow('change not allowed');
    expect(await pair.leaf.run('add-table', ['orders'], { destTable: 'orders' })).toMatchObject({
      code: 'PC400',
    });
    expect(await pair.leaf.run('add-table', ['*'], { destTable: 'x' })).toMatchObject({ code: 'PC100' });
  });

  test('never forgets a table that is replicated here, though the root does not know it any more', async () => {
    await pair.root.must('add-table', ['orders', 'no_key', 'parts']);
    await pair.leaf.must('add-table', ['orders']);
    await pair.root.must('remove-table', ['orders', 'no_key']);
    const lines = await pair.leaf.must('add-table', ['parts']);
    expect(lines[0]).toContain('remove-table public.orders');
    expect(await states(pair.leaf)).toEqual({ 'public.orders': null, 'public.parts': null });
    expect(await pair.leaf.must('missing')).toEqual(['Nothing is missing on this node.']);
  });
});

describe('add-table with trigger options', () => {
  test('refuses what a trigger of that table could not do, before anything is done', async () => {
    const { root } = pair;
    const refusal = async (names: readonly string[], ...triggerArg: string[]) => {
      const outcome = await root.run('add-table', names, { triggerArg });
      expect(await states(root)).toEqual({});
      return [outcome.code, outcome.message];
    };
    const says = (text: string) => expect.stringContaining(text);
    expect(await refusal(['orders'], 'nullable')).toEqual([
      'PC100',
      says('"nullable" is no trigger argument'),
    ]);
    expect(await refusal(['orders'], 'Backup')).toEqual(['PC100', says('"Backup" is no trigger argument')]);
    expect(await refusal(['orders'], 'ignore=total, doubled')).toEqual([
      'PC100',
      says('no column " doubled"'),
    ]);
    expect(await refusal(['orders'], 'ignore=id,total')).toEqual(['PC100', says('column of the key')]);
    expect(await refusal(['orders'], 'when=totals > 1')).toEqual(['PC100', says('"totals" does not exist')]);
    expect(await refusal(['orders'], 'when=total')).toEqual(['PC100', says('boolean')]);
    expect(await refusal(['orders'], 'when=total >')).toEqual(['PC100', says('syntax error')]);
    expect(await refusal(['orders'], 'tgflags=X')).toEqual(['PC100', says('"X"')]);
    expect(await refusal(['no_key'], 'backup')).toEqual(['PC405', says('pkey=')]);
    expect(await refusal(['orders', 'no_key'], 'backup')).toEqual(['PC405', says('no_key has no key')]);
    expect(await refusal(['parts'], 'backup')).toEqual(['PC400', says('partitioned')]);
    const both = await root.run('add-table', ['orders'], { triggerArg: ['backup'], triggers: false });
    expect(both).toMatchObject({ code: 'PC100' });
    // Events alone need no key.
    await root.must('add-table', ['no_key'], { triggerFlags: 'I' });
  });

  test('refuses a table whose writers may not write events, until they may', async () => {
    const { root } = pair;
    await using admin = await root.connect();
    const role = `clerk_${root.database.name}`;
    await admin.execute(
      `create role ${role}; grant usage on schema public to ${role}; grant select, insert on public.orders to ${role}`,
    );
    try {
      const refused = await root.run('add-table', ['orders'], { triggerArg: ['ignore=doubled'] });
      expect(refused).toMatchObject({
        code: 'PC204',
        message: expect.stringContaining(`pgq_writer to ${role}`),
      });
      await admin.execute(`grant pgq_writer to ${role}`);
      await root.must('add-table', ['orders'], { triggerArg: ['ignore=doubled'] });
      await root.query(`set role ${role}; insert into orders values (1, 2); reset role`);
      expect(await eventTypes(root, 'public.orders')).toEqual(['INSERT']);
    } finally {
      await root.query('reset role');
      await admin.execute(`drop owned by ${role}; drop role ${role}`);
    }
  });

  test('does not let a handler that has triggers of its own have others', async () => {
    const options = { handler: 'qtable', triggerArg: ['backup'] };
    expect(await pair.root.run('add-table', ['orders'], options)).toMatchObject({ code: 'PC100' });
    expect(await states(pair.root)).toEqual({});
  });

  test('says no word of a table that has them already, and refuses others', async () => {
    const { root } = pair;
    await root.must('add-table', ['orders'], { triggerArg: ['backup', 'ignore=doubled'] });
    const same = { triggerArg: ['backup', 'ignore=doubled'] };
    expect(await root.must('add-table', ['orders'], same)).toEqual(['public.orders is replicated already']);
    expect(await root.must('add-table', ['orders'])).toEqual(['public.orders is replicated already']);
    const other = await root.run('add-table', ['orders'], { triggerArg: ['backup'] });
    expect(other).toMatchObject({ code: 'PC400', message: expect.stringContaining('change-handler') });
  });

  test('on a leaf refuses writes whatever the arguments, and with --no-triggers does not', async () => {
    const { root, leaf } = pair;
    await root.must('add-table', ['orders', 'no_key']);
    const lines = await leaf.must('add-table', ['orders'], { triggerArg: ['ignore=total'] });
    expect(lines).toEqual([expect.stringContaining('has no effect here'), 'added public.orders']);
    await expect(leaf.query('insert into orders values (1, 2)')).rejects.toThrow('change not allowed');
    await leaf.must('add-table', ['no_key'], { triggers: false });
    await leaf.query("insert into no_key values ('mine')");
    const stored = await leaf.query(
      'select table_name, mode, trigger_args from pgcascade.capture_plan order by table_name',
    );
    expect(stored).toEqual([
      { table_name: 'public.no_key', mode: 'none', trigger_args: ['no_triggers'] },
      { table_name: 'public.orders', mode: 'row', trigger_args: ['ignore=total'] },
    ]);
    expect(await leaf.query('select * from pgcascade.changed_tables()')).toEqual([]);
    await leaf.must('remove-table', ['no_key']);
    expect(await leaf.query("select 1 from pgcascade.capture_plan where mode = 'none'")).toEqual([]);
  });
});

describe('remove-table', () => {
  test('on a leaf opens the table again and keeps the name', async () => {
    await pair.root.must('add-table', ['orders']);
    await pair.leaf.must('add-table', ['orders']);
    expect(await pair.leaf.must('remove-table', ['orders'])).toEqual(['removed public.orders']);
    await pair.leaf.query('insert into orders values (1, 2)');
    expect((await pair.leaf.must('missing')).at(-1)).toMatch(/table +public\.orders/);
    expect(await pair.leaf.run('remove-table', ['orders'])).toMatchObject({ code: 'PC400' });
  });

  test('on a root ends the capture', async () => {
    await pair.root.must('add-table', [], { all: true });
    await pair.root.must('remove-table', [], { all: true });
    await pair.root.query('insert into orders values (1, 2)');
    expect(await eventTypes(pair.root, 'public.orders')).toEqual([]);
    expect(await pair.root.query("select 1 from pg_trigger where tgname like '!pgcascade%'")).toEqual([]);
    expect(await pair.root.must('remove-table', [], { all: true })).toEqual(['No table to remove.']);
  });

  test('works for a table that is not there any more', async () => {
    for (const node of [pair.root, pair.leaf]) await node.must('add-table', ['orders']);
    for (const node of [pair.leaf, pair.root]) {
      await node.query('drop table orders cascade');
      expect(await node.must('remove-table', ['orders'])).toEqual(['removed public.orders']);
      expect(await states(node)).toEqual({});
    }
  });

  test('changes nothing when its lock cannot be had', async () => {
    await pair.root.must('add-table', ['orders']);
    await using blocker = await pair.root.database.application();
    await blocker.execute('begin; insert into orders values (1, 2)');
    expect(await pair.root.run('remove-table', ['orders'])).toMatchObject({ code: 'PC208' });
    await blocker.execute('commit');
    await pair.root.query('delete from orders');
    expect(await states(pair.root)).toEqual({ 'public.orders': 'ok' });
    expect(await eventTypes(pair.root, 'public.orders')).toEqual(['INSERT', 'DELETE']);
  });
});

test('a sequence that was added on both sides is listed and can be removed', async () => {
  const { root, leaf } = pair;
  expect(await leaf.run('add-seq', ['Mixed.Case_id_seq'])).toMatchObject({ code: 'PC400' });
  expect(await root.must('add-seq', [], { all: true })).toEqual(['added public.Mixed.Case_id_seq']);
  expect(await root.must('add-seq', ['*'])).toEqual(['public.Mixed.Case_id_seq is replicated already']);
  expect(await root.must('add-seq', [], { all: true })).toEqual(['No sequence to add.']);
  expect(await leaf.must('add-seq', [], { all: true })).toEqual(['added public.Mixed.Case_id_seq']);
  expect((await leaf.must('seqs')).at(-1)).toMatch(/Mixed\.Case_id_seq +replicated +\d+$/);
  expect(await leaf.must('remove-seq', ['Mixed.Case_id_seq'])).toEqual(['removed public.Mixed.Case_id_seq']);
  expect((await leaf.must('seqs')).at(-1)).toContain('not here');
  expect(await root.run('remove-seq', ['nope'])).toMatchObject({ code: 'PC400' });
});

test('resync takes up a parked table and is refused on a root', async () => {
  const { root, leaf } = pair;
  await root.must('add-table', ['orders']);
  await leaf.must('add-table', ['orders'], { expectSync: true });
  await leaf.query("select pgcascade.park_table($1, 'public.orders', 7, 8, 'PC402', 'A row is missing.')", [
    QUEUE,
  ]);
  expect(await leaf.run('wait-sync')).toMatchObject({
    exitCode: 2,
    lines: expect.arrayContaining([expect.stringContaining('A row is missing.')]),
  });
  expect(await root.run('resync', ['orders'])).toMatchObject({ code: 'PC303' });
  expect(await leaf.must('resync', ['orders'])).toEqual(['public.orders will be copied anew']);
  expect(await states(leaf)).toEqual({ 'public.orders': null });
  expect(await leaf.run('wait-sync', [], { timeout: '0.2' })).toMatchObject({
    exitCode: 3,
    code: 'PC306',
    message: expect.stringContaining('waiting for public.orders'),
  });
});

test('wait-sync answers yes only when there is a table and all are in sync', async () => {
  const { root, leaf } = pair;
  expect(await leaf.run('wait-sync')).toMatchObject({ exitCode: 2 });
  await root.must('add-table', ['orders']);
  await leaf.must('add-table', ['orders'], { expectSync: true });
  expect(await leaf.must('wait-sync')).toEqual(['The table is in sync.']);
});
