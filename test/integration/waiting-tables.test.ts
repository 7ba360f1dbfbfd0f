import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
    (rows) =>
      rows.map(({ name, code }) => `${name} ${code}`).join() === tables.map((t) => `${t} PC403`).join(),
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

/** What the node's present worker has logged. */
function logOf(node: TestNode): string {
  return `${node.worker?.stdout}${node.worker?.stderr}`;
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
  // What was altered here first does not wait, though the worker has seen the table as it was.
  await root.query('insert into public.t values (20, 1)');
  await chain.caughtUp();
  for (const node of [leaf, root]) await node.query('alter table public.t add column early text');
  await root.query("insert into public.t values (21, 1, 'x')");
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(logOf(leaf)).toContain('Table in sync');
  expect(logOf(leaf)).not.toContain('Table waits');

  const before = await writerOf(leaf, 'public.t');
  // The first events of the batch have the old shape and must not be lost or asked for again.
  await root.query(`begin;
    insert into public.t values (11, 11); update public.t set v = -2 where id = 2;
    alter table public.t rename column v to w;
    alter table public.t add column note text;
    insert into public.t values (12, 12, null, 'twelve'); update public.t set w = -3, note = 'x' where id = 3; delete from public.t where id = 4;
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
  expect(status).toContain('Tables: 1 ok, 2 WAITING');
  expect(status).not.toMatch(/parked/i);
  expect(JSON.parse((await leaf.must('status', '--json')).stdout)).toMatchObject({
    entries: expect.arrayContaining([
      expect.objectContaining({ name: 'leaf', tables: expect.objectContaining({ waiting: 2, parked: 0 }) }),
    ]),
  });
  expect((await leaf.must('tables')).stdout).toContain('waits for its shape (PC403)');
  expect(await copyConsumers(root)).toEqual(['leaf_worker.copy.public.t', 'leaf_worker.copy.public.u']);

  // A half of what it needs: it goes on as far as that goes and waits again.
  await leaf.query('alter table public.t rename column v to w');
  await waitUntilSeen(
    'the table waits for the other column',
    () =>
      leaf.query<{ message: string }>(
        "select message from pgcascade.table_error where table_name = 'public.t'",
      ),
    ([row]) => row?.message.includes('Only the provider has: note text.') === true,
  );
  await leaf.query('alter table public.t add column note text');
  await leaf.query('alter table public.u alter v type text');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(await writerOf(leaf, 'public.t')).toEqual(before);
  await waitUntilSeen(
    'no consumer is left',
    () => copyConsumers(root),
    (names) => names.length === 0,
  );
  expect(await leaf.query('select 1 from pgcascade.waiting_table')).toEqual([]);
  expect(await leaf.query("select 1 from pgq_node.local_state where consumer_name like '%.copy.%'")).toEqual(
    [],
  );

  // A script goes on over tables that wait: added columns are enough to catch up, rows that it writes are copied.
  await root.query(`alter table public.t add column more text; insert into public.t (id, more) values (31, 'x');
    alter table public.u add column more text; insert into public.u values (31, 'u', 'x')`);
  await waits(leaf, 'public.t', 'public.u');
  await writeFile(
    join(chain.folder, 'mend.sql'),
    `alter table public.t add column if not exists more text;
     alter table public.u add column if not exists more text;
     update public.u set more = 'written' where more is not null`,
  );
  await root.must('execute', 'mend.sql');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(await writerOf(leaf, 'public.t')).toEqual(before);
  const copies = logOf(leaf)
    .split('\n')
    .filter((line) => line.includes('Copy started'));
  expect(copies.filter((line) => line.includes('public.t'))).toHaveLength(1);
  expect(copies.filter((line) => line.includes('public.u'))).toHaveLength(2);
});

test('a worker that is killed at any step of a wait loses nothing and copies nothing', async () => {
  await using chain = await openChain({ from: 10, to: 18, tables: TABLES, rows: ROWS });
  const { root, leaf } = chain;
  const failpoints = ['wait-consumer-registered', 'wait-before-commit', 'wait-committed'];
  for (const [at, failpoint] of failpoints.entries()) {
    await leaf.stopWorker();
    await root.query(`update public.t set v = ${at} where id = 3; alter table public.t add column c${at} bigint;
      insert into public.t (id, v, c${at}) values (2${at}, 0, 3000000000)`);
    const doomed = leaf.startWorker({ PGCASCADE_FAILPOINTS: `${failpoint}=exit` });
    expect((await doomed.ended).signal).toBe('SIGKILL');
    leaf.startWorker();
    await waits(leaf, 'public.t');
    await root.query(
      `update public.t set c${at} = v where id between 2 and 5; delete from public.t where id = 9 - ${at}`,
    );
    await otherGoesOn(chain, at);
    await leaf.stopWorker();
    if (at === 0) {
      // Too narrow at first: values decide as well as columns.
      await leaf.query('alter table public.t add column c0 int');
      const catching = leaf.startWorker({ PGCASCADE_FAILPOINTS: 'wait-committed=exit' });
      expect((await catching.ended).signal).toBe('SIGKILL');
      leaf.startWorker();
      expect(await waits(leaf, 'public.t')).toContain('c0 is bigint there and integer here');
      await leaf.stopWorker();
      await leaf.query('alter table public.t drop column c0');
    }
    await leaf.query(`alter table public.t add column c${at} bigint`);
    if (at === 1) {
      const catching = leaf.startWorker({ PGCASCADE_FAILPOINTS: 'worker-before-commit=exit' });
      expect((await catching.ended).signal).toBe('SIGKILL');
    }
    leaf.startWorker();
    await chain.caughtUp();
    expect(await chain.differences()).toEqual([]);
    expect(logOf(leaf)).not.toContain('Copy started');
  }
});

test('a branch hands on the events of a table that waits there; it goes on below another provider, or is copied, or removed', async () => {
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
  await root.query("alter table public.u add column note text; insert into public.u values (12, 'y', 'z')");
  await waits(leaf, 'public.u');
  await waits(branch, 'public.t', 'public.u');

  // The leaf's table waits while the leaf goes from the branch to the root.
  await leaf.must('change-provider', '--provider=root');
  await waitUntilSeen(
    'the new provider holds its events',
    () => copyConsumers(root),
    (names) => names.includes('leaf_worker.copy.public.u'),
  );
  expect(await copyConsumers(branch)).toEqual([]);
  await root.query("update public.u set note = 'later' where id > 3");
  await leaf.query('alter table public.u add column note text');
  await tree.caughtUp(root, [leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);
  expect(logOf(leaf).split('Copy started')).toHaveLength(4);

  // Another table under the name has lost its rows, whatever columns it has: it is copied.
  await branch.query(
    `drop table public.u; create table public.u (id int primary key, v varchar(5), note text)`,
  );
  await branch.query('alter table public.t add column if not exists note text');
  await branch.must('resync', 'public.t');
  await tree.caughtUp(root, [branch]);
  expect(await tree.differences(root, branch)).toEqual([]);

  await root.query(
    "alter table public.t add column more text; insert into public.t values (13, 1, 'x', 'm')",
  );
  await waits(leaf, 'public.t');
  await leaf.must('remove-table', 'public.t');
  await waitUntilSeen(
    'nothing of it is left',
    () =>
      leaf.query(`select table_name from pgcascade.waiting_table union all select table_name from pgcascade.table_error
        union all select consumer_name from pgq_node.local_state where consumer_name like '%.copy.%'`),
    (rows) => rows.length === 0,
  );
  await waitUntilSeen(
    'its consumer is gone',
    () => copyConsumers(root),
    (names) => !names.includes('leaf_worker.copy.public.t'),
  );
});
