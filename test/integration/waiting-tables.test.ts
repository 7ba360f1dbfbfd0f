import { expect, test } from 'vitest';
import { type Chain, openChain } from '../support/chain.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

const TABLES = `create table public.t (id int primary key, v int);
  create table public.u (id int primary key, v varchar(5));
  create table public.other (id int primary key);`;
const ROWS = `insert into public.t select g, g from generate_series(1, 10) as g;
  insert into public.u select g, 'u' from generate_series(1, 10) as g`;

async function waits(node: TestNode, ...tables: string[]): Promise<string> {
  const seen = await waitUntilSeen(
    `${tables.join(', ')} wait`,
    () =>
      node.query<{ name: string; code: string; message: string }>(
        'select table_name as name, error_code as code, message from pgcascade.table_error order by 1',
      ),
    (rows) => rows.map(({ name, code }) => `${name} ${code}`).join() === tables.map((t) => `${t} PC403`).join(),
  );
  return seen.map(({ message }) => message).join('\n');
}

/** The transaction that wrote row 1, which nothing changes after the first copy: another one after a copy. */
async function writerOf(node: TestNode, table: string): Promise<unknown> {
  return (await node.query(`select xmin::text from ${table} where id = 1`))[0];
}

async function otherGoesOn({ root, leaf }: Chain, id: number): Promise<void> {
  await root.query('insert into public.other values ($1)', [id]);
  await waitUntil('another table goes on', async () => {
    const rows = await leaf.query('select 1 from public.other where id = $1', [id]);
    return rows.length === 1;
  });
}

async function copyConsumers(node: TestNode): Promise<string[]> {
  const rows = await node.query<{ name: string }>(
    "select consumer_name as name from pgq.get_consumer_info('app') where consumer_name like '%.copy.%' order by 1",
  );
  return rows.map(({ name }) => name);
}

test('tables whose columns change on the root only wait, the others go on, and they catch up without a copy', async () => {
  await using chain = await openChain({ from: 15, to: 18, tables: TABLES, rows: ROWS });
  const { root, leaf } = chain;
  const before = await writerOf(leaf, 'public.t');
  // The first events of the batch have the old shape and must not be lost or asked for again.
  await root.query(`begin;
    insert into public.t values (11, 11); update public.t set v = -2 where id = 2;
    alter table public.t rename column v to w;
    alter table public.t add column note text;
    insert into public.t values (12, 12, 'twelve'); update public.t set w = -3, note = 'x' where id = 3; delete from public.t where id = 4;
    alter table public.u alter v type text;
    insert into public.u values (11, 'much too long');
    insert into public.other values (1);
    commit`);
  const message = await waits(leaf, 'public.t', 'public.u');
  expect(message).toContain('Only the provider has: w integer, note text.');
  expect(message).toContain('Only this node has: v integer.');
  expect(message).toContain('v is text there and character varying(5) here');
  await otherGoesOn(chain, 2);
  await root.query(`update public.t set w = w * 2 where id > 5; delete from public.t where id = 6;
    update public.u set v = v || ' and longer' where id > 1`);
  await otherGoesOn(chain, 3);
  const { stdout: status } = await leaf.must('status');
  expect(status).toContain('public.t waits: PC403');
  expect(status).toContain('Nothing is lost');
  expect((await leaf.must('tables')).stdout).toContain('waits for its shape (PC403)');
  expect(await copyConsumers(root)).toEqual(['leaf_worker.copy.public.t', 'leaf_worker.copy.public.u']);

  // A half of what it needs: it goes on as far as that goes and waits again.
  await leaf.query('alter table public.t rename column v to w');
  await waitUntilSeen(
    'the table waits for the other column',
    () => leaf.query<{ message: string }>("select message from pgcascade.table_error where table_name = 'public.t'"),
    ([row]) => row?.message.includes('Only the provider has: note text.') === true,
  );
  await leaf.query('alter table public.t add column note text');
  await leaf.query('alter table public.u alter v type text');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(await writerOf(leaf, 'public.t')).toEqual(before);
  await waitUntilSeen('no consumer is left', () => copyConsumers(root), (names) => names.length === 0);
  expect(await leaf.query('select 1 from pgcascade.waiting_table')).toEqual([]);
  expect(await leaf.query("select 1 from pgq_node.local_state where consumer_name like '%.copy.%'")).toEqual([]);
});

test('a table that was altered on the node before the root does not wait', async () => {
  await using chain = await openChain({ from: 18, to: 18, tables: TABLES, rows: ROWS });
  await otherGoesOn(chain, 1);
  await chain.root.query('insert into public.t values (20, 1)');
  await chain.caughtUp();
  for (const node of [chain.leaf, chain.root]) await node.query('alter table public.t add column note text');
  await chain.root.query("insert into public.t values (21, 1, 'x')");
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(chain.leaf.worker?.stdout).not.toContain('waits');
});

test.each(['wait-consumer-registered', 'wait-before-commit', 'wait-committed'])(
  'a worker that is killed at %s when a table begins to wait loses nothing',
  async (failpoint) => {
    await using chain = await openChain({ from: 18, to: 18, tables: TABLES, rows: ROWS });
    const { root, leaf } = chain;
    const before = await writerOf(leaf, 'public.t');
    await leaf.stopWorker();
    await root.query(`insert into public.t values (11, 11); alter table public.t alter v type bigint;
      insert into public.t values (12, 3000000000)`);
    const doomed = leaf.startWorker({ PGCASCADE_FAILPOINTS: `${failpoint}=exit` });
    expect((await doomed.ended).signal).toBe('SIGKILL');
    leaf.startWorker();
    await waits(leaf, 'public.t');
    await root.query('update public.t set v = v + 3000000000 where id between 2 and 5; delete from public.t where id = 11');
    await otherGoesOn(chain, 1);
    await leaf.stopWorker();
    await leaf.query('alter table public.t alter v type bigint');
    const catching = leaf.startWorker({ PGCASCADE_FAILPOINTS: 'worker-before-commit=exit' });
    expect((await catching.ended).signal).toBe('SIGKILL');
    leaf.startWorker();
    await chain.caughtUp();
    expect(await chain.differences()).toEqual([]);
    // The type's change has written the row anew; a copy would have written all rows in one transaction more.
    expect(before).toBeDefined();
    expect(await leaf.query('select distinct phase from pgcascade.copy_progress')).toEqual([{ phase: 'done' }]);
  },
);

test('a branch hands on the events of a table that waits there, and a script or a resync ends the wait by a copy', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 18 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 18, provider: 'branch' },
    },
    tables: TABLES,
    rows: ROWS,
  });
  const [root, branch, leaf] = [tree.node('root'), tree.node('branch'), tree.node('leaf')];
  await leaf.query('alter table public.t add column note text');
  await root.query("alter table public.t add column note text; insert into public.t values (11, 11, 'x')");
  await waits(branch, 'public.t');
  await tree.caughtUp(root, [leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);

  // The script's update does not reach rows that wait: only a copy makes the table equal.
  await leaf.must('execute', '--help');
  await branch.must('resync', 'public.t').catch(() => undefined);
  await branch.query('alter table public.t add column note text');
  await branch.must('resync', 'public.t');
  await tree.caughtUp(root, [branch, leaf]);
  expect(await tree.differences(root, branch)).toEqual([]);
});
