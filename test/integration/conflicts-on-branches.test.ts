import { expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `create table public.t (id int primary key, v text);
create table public.other (id int primary key, v text);`;
const ROWS = `insert into public.t select g, 'first' from generate_series(1, 5) g;
insert into public.other select g, 'first' from generate_series(1, 5) g;`;

async function behindReplication(node: TestNode, sql: string): Promise<void> {
  await node.query(`set session_replication_role = replica; ${sql}; reset session_replication_role`);
}

test('a branch hands on what it leaves out, and nothing of a batch at which it stops; it takes over with whole tables only', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 15, isBranch: true },
      branch: { major: 14, provider: 'root', isBranch: true },
      leaf: { major: 18, provider: 'branch' },
    },
    tables: TABLES,
    rows: ROWS,
  });
  const [root, branch, leaf] = [tree.node('root'), tree.node('branch'), tree.node('leaf')];

  await branch.must('change-table', 't', '--conflict=ignore-missing');
  await branch.must('change-table', 'other', '--conflict=stop');
  await behindReplication(branch, 'delete from public.t where id = 3');
  await root.query("update public.t set v = 'second'");
  await tree.caughtUp(root, [branch, leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);
  expect(await tree.differences(root, branch)).toHaveLength(1);
  expect((await branch.must('status')).stdout).toContain('1 changes of public.t');

  // One that stops: neither its rows nor its events are below.
  await behindReplication(branch, 'delete from public.other where id = 1');
  await root.query(
    "begin; insert into public.t values (6, 'new'); update public.other set v = 'second'; commit",
  );
  expect(await branch.worker?.ended).toMatchObject({ exitCode: 2 });
  expect(branch.worker?.stderr).toContain('PC402: The row to be changed is not on the subscriber.');
  for (const node of [branch, leaf])
    expect(await node.query('select 1 from public.t where id = 6')).toEqual([]);
  expect(await branch.query("select 1 from pgq.event_template where ev_extra1 = 'public.other'")).toEqual([]);
  await behindReplication(branch, "insert into public.other values (1, 'whatever')");
  branch.startWorker();
  await tree.caughtUp(root, [branch, leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);

  // What it left out would be missing on the new root.
  const refused = await branch.run('takeover', 'root');
  expect(refused).toMatchObject({ exitCode: 1 });
  expect(refused.stderr).toContain('public.t (1 changes left out)');
  await branch.must('resync', 't');
  await branch.must('wait-sync');
  await branch.must('change-table', 't', '--conflict=park');
  await behindReplication(branch, 'delete from public.t where id = 2');
  await root.query("update public.t set v = 'third'");
  await waitUntilSeen(
    'public.t is parked on the branch',
    () => branch.query('select table_name from pgcascade.table_error'),
    (seen) => seen.length === 1,
  );
  await tree.caughtUp(root, [leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);
  const parked = await branch.run('takeover', 'root');
  expect(parked).toMatchObject({ exitCode: 1 });
  expect(parked.stderr).toContain('public.t (set aside, PC402)');
  await root.query("insert into public.other values (7, 'the root is open')");

  // Whole, it takes over; the policies are its own and stay, the old root has that of its ini file.
  await branch.must('resync', 't');
  await branch.must('wait-sync');
  await branch.must('takeover', 'root');
  await behindReplication(root, 'delete from public.t where id = 1');
  await branch.query("update public.t set v = 'fourth'");
  await waitUntilSeen(
    'public.t is parked on the old root',
    () => root.query('select table_name, error_code from pgcascade.table_error'),
    (seen) => JSON.stringify(seen) === '[{"table_name":"public.t","error_code":"PC402"}]',
  );
  await root.must('resync', 't');
  await root.must('wait-sync');
  await tree.caughtUp(branch, [root, leaf]);
  for (const node of [root, leaf]) expect(await tree.differences(branch, node)).toEqual([]);

  // Back again, by force, from a branch that lacks a row: that is told, and it is the truth from then on.
  await behindReplication(root, 'delete from public.other where id = 2');
  await root.must('change-table', 'other', '--conflict=ignore-missing');
  await branch.query("update public.other set v = 'fifth'");
  await tree.caughtUp(branch, [root, leaf]);
  await branch.stopPrograms();
  await branch.query(
    `update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 dbname=x' where node_name = 'branch'`,
  );
  await root.query(
    `update pgq_node.node_location set node_location = 'host=127.0.0.1 port=1 dbname=x' where node_name = 'branch'`,
  );
  const forced = await root.must('takeover', 'branch', '--dead-root');
  expect(forced.stdout).toContain(
    'has not all changes that the root had of public.other (1 changes left out)',
  );
  expect((await root.must('tables')).stdout).not.toContain('left out');
  await root.query("insert into public.other values (8, 'after')");
  await tree.caughtUp(root, [leaf]);
  expect(await leaf.query('select id from public.other where id = 8')).toEqual([{ id: 8 }]);
});
