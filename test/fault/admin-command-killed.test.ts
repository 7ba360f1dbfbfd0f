import { expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const TABLES = `
  create table public.counted (id bigint generated always as identity primary key, v text);
  create sequence public.untouched start 7;
  create sequence public.down increment -3`;
const SEQUENCES = ['public.counted_id_seq', 'public.untouched', 'public.down'];

/** Where the sequences of a node stand. */
async function sequences(node: TestNode) {
  const rows = await Promise.all(
    SEQUENCES.map((name) =>
      node.query<{ at: string }>(`select last_value || ' ' || is_called as at from ${name}`),
    ),
  );
  return rows.map(([row]) => row?.at);
}

/** In place of a root's provider. */
const TOP = '(none)';

/** Node → provider, as the nodes and the subscriber lists of all providers say it; both must agree. */
async function shape(tree: Tree, nodes: readonly TestNode[] = tree.nodes): Promise<Record<string, string>> {
  const providers: Record<string, string> = {};
  const subscribers: Record<string, string> = {};
  for (const node of nodes) {
    const [own] = await node.query<{ provider: string; type: string; open: boolean }>(
      `select s.provider_node as provider, n.node_type as type, coalesce(not q.queue_disable_insert, false) as open
         from pgq_node.node_info n
         join pgq_node.local_state s on s.queue_name = n.queue_name and s.consumer_name = n.worker_name
         left join pgq.queue q on q.queue_name = n.queue_name`,
    );
    expect(own?.open, `${node.name} takes events`).toBe(own?.type === 'root');
    if (own?.type === 'root') providers[node.name] = TOP;
    else providers[node.name] = own?.provider ?? 'none';
    const below = await node.query<{ name: string }>(
      'select subscriber_node as name from pgq_node.subscriber_info',
    );
    for (const { name } of below) {
      expect(subscribers[name], `${name} is a subscriber of one node`).toBeUndefined();
      subscribers[name] = node.name;
    }
  }
  const expected = Object.fromEntries(Object.entries(providers).filter(([, provider]) => provider !== TOP));
  expect(subscribers).toEqual(expected);
  return providers;
}

let written = 0;

/** Writes on the root and waits until everybody has it. */
async function expectFlow(
  tree: Tree,
  root: TestNode,
  nodes: readonly TestNode[] = tree.nodes,
): Promise<void> {
  written += 3;
  await root.query("insert into public.counted (v) values ('a'), ('b'), ('c')");
  const others = nodes.filter((node) => node !== root);
  await tree.caughtUp(root, others);
  for (const node of others) expect(await tree.differences(root, node)).toEqual([]);
  const [{ count } = { count: 0n }] = await root.query<{ count: bigint }>(
    'select count(*) as count from public.counted',
  );
  expect(count).toBe(BigInt(written));
}

test('an admin command that is killed at any step is finished by the same command', async () => {
  written = 0;
  await using tree = await openTree({
    nodes: {
      root: { major: 15, isBranch: true },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 15, provider: 'root' },
    },
    tables: TABLES,
  });
  const [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
  expect(await shape(tree)).toEqual({ root: TOP, branch: 'root', leaf: 'root' });

  // The leaf goes to and fro between root and branch.
  let target = branch;
  for (const failpoint of ['move-registered', 'move-changed', 'move-acknowledged']) {
    await leaf.killedAt(failpoint, 'change-provider', target.name);
    await leaf.must('change-provider', target.name);
    expect(await shape(tree), failpoint).toEqual({ root: TOP, branch: 'root', leaf: target.name });
    await expectFlow(tree, root);
    target = target === branch ? root : branch;
  }

  // The two others take the root's place from each other.
  let [taker, holder] = [branch, root];
  const leafProvider = (await shape(tree))['leaf'] as string;
  for (const failpoint of [
    'takeover-closed',
    'takeover-last-tick',
    'takeover-caught-up',
    'takeover-sequences',
    'takeover-promoted',
    'takeover-demoted',
  ]) {
    await holder.query("select nextval('public.down'), nextval('public.down')");
    const before = await sequences(holder);
    await taker.killedAt(failpoint, 'takeover', holder.name);
    await taker.must('takeover', holder.name);
    // The new root goes on exactly where the old one has stopped, which is ahead as every branch.
    expect(await sequences(taker), failpoint).toEqual(before);
    expect(BigInt((await sequences(holder))[0]?.split(' ')[0] ?? 0)).toBeGreaterThan(10_000n);
    expect(await shape(tree), failpoint).toEqual({
      [taker.name]: TOP,
      [holder.name]: taker.name,
      leaf: leafProvider,
    });
    await expectFlow(tree, taker);
    [taker, holder] = [holder, taker];
  }

  // The leaf is dropped; each command before the last is killed one step later.
  for (const failpoint of ['drop-released', 'drop-dropped', 'drop-forgotten', 'drop-unregistered']) {
    await holder.killedAt(failpoint, 'drop-node', 'leaf');
  }
  await holder.must('drop-node', 'leaf');
  const rest = [root, branch];
  expect(await shape(tree, rest)).toEqual({ [holder.name]: TOP, [taker.name]: holder.name });
  await expectFlow(tree, holder, rest);
  for (const node of rest) {
    const members = await node.query<{ name: string }>(
      'select node_name as name from pgq_node.node_location order by 1',
    );
    expect(members.map(({ name }) => name)).toEqual(['branch', 'root']);
  }
});

test('a takeover that cannot catch up lets the root take writes again', async () => {
  written = 0;
  await using tree = await openTree({
    nodes: { root: { major: 15 }, branch: { major: 15, provider: 'root', isBranch: true } },
    tables: TABLES,
  });
  const [root, branch] = tree.nodes as [TestNode, TestNode];
  await branch.stopWorker();
  expect(await branch.run('takeover', 'root', '--timeout=1')).toMatchObject({ exitCode: 3 });
  expect(await shape(tree)).toEqual({ root: TOP, branch: 'root' });
  // Stopped after the root was closed: the worker sees nothing of the last tick.
  const doomed = branch.killedAt('takeover-last-tick', 'takeover', 'root', '--timeout=60');
  branch.startWorker();
  await doomed;
  await branch.stopWorker();
  await expect(root.query("insert into public.counted (v) values ('refused')")).rejects.toThrow(/disallowed/);
  // A worker that starts on a closed root has nothing to do, and goes on.
  await root.stopWorker();
  root.startWorker();
  await waitUntil('the worker of the root has started', () => root.worker?.stderr.includes('Worker started'));
  expect(await branch.run('takeover', 'root', '--timeout=1')).toMatchObject({ exitCode: 3 });
  expect(await shape(tree)).toEqual({ root: TOP, branch: 'root' });
  branch.startWorker();
  // The root gets one more table after it was compared with the branch.
  await root.query('create table public.late (id int primary key)');
  const gate = await root.application();
  await gate.execute('begin; select from pgq_node.node_info for no key update');
  const late = branch.run('takeover', 'root');
  await waitUntil('the takeover is about to close the root', async () => {
    const waiting = await root.query(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'demote_root'`,
    );
    return waiting.length > 0;
  });
  await root.must('add-table', 'late');
  await gate.close();
  expect(await late).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('public.late') });
  expect(await shape(tree)).toEqual({ root: TOP, branch: 'root' });
  await branch.query('create table public.late (id int primary key)');
  await branch.must('add-table', 'late', '--wait-sync');
  // Its session ends in the transaction that makes it the root: the command cannot know whether it is.
  await branch.query(`
    create function public.cut() returns trigger language plpgsql as
      'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
    create constraint trigger cut after update on pgq_node.node_info deferrable initially deferred
      for each row execute procedure public.cut()`);
  expect(await branch.run('takeover', 'root')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('repeat the command'),
  });
  await expect(root.query("insert into public.counted (v) values ('refused')")).rejects.toThrow(/disallowed/);
  await branch.query('drop trigger cut on pgq_node.node_info');
  await branch.must('takeover', 'root');
  expect(await shape(tree)).toEqual({ branch: TOP, root: 'branch' });
  await expectFlow(tree, branch);
  expect(root.worker?.isRunning).toBe(true);
});

test('a takeover of a dead root and its resurrection that are killed at any step are finished by the same commands', async () => {
  written = 0;
  await using tree = await openTree({
    nodes: {
      root: { major: 15 },
      ahead: { major: 16, provider: 'root', isBranch: true },
      branch: { major: 16, provider: 'root', isBranch: true },
      leaf: { major: 16, provider: 'root' },
    },
    tables: TABLES,
    ownServers: true,
  });
  const [root, ahead, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode, TestNode];
  // One branch has got what the one that will take over has not, and something is known to nobody.
  await Promise.all([branch, leaf].map((node) => node.stopWorker()));
  await root.query("insert into public.counted (v) values ('only ahead has it')");
  await tree.caughtUp(root, [ahead]);
  written++;
  await ahead.stopWorker();
  await root.query(
    "insert into public.counted (v) values ('lost'); update public.counted set v = 'lost too' where id = 1",
  );
  await root.query("select pgq.force_tick('app')");
  await root.stopPrograms();
  await root.cluster.kill();
  for (const node of [ahead, branch, leaf]) node.startWorker();

  for (const failpoint of ['takeover-tagged', 'move-changed', 'takeover-caught-up', 'takeover-promoted']) {
    await branch.killedAt(failpoint, 'takeover', 'root', '--dead-root');
  }
  await branch.must('takeover', 'root', '--dead-root');
  const living = [ahead, branch, leaf];
  // Nobody knows which values the dead root has given out: the new one begins where it was published ahead.
  expect(BigInt((await sequences(branch))[0]?.split(' ')[0] ?? 0)).toBeGreaterThan(10_000n);
  for (const node of [ahead, leaf]) {
    expect(await node.query('select provider_node as provider from pgq_node.local_state')).toEqual([
      { provider: 'branch' },
    ]);
  }
  await expectFlow(tree, branch, living);

  await root.cluster.restart();
  root.startTicker();
  root.startWorker();
  for (const failpoint of [
    'resurrect-closed',
    'resurrect-saved',
    'resurrect-rejoined',
    'resurrect-registered',
  ]) {
    await root.killedAt(failpoint, 'resurrect');
  }
  await root.must('resurrect');
  expect(await shape(tree)).toEqual({ branch: TOP, root: 'branch', ahead: 'branch', leaf: 'branch' });
  await expectFlow(tree, branch);
  expect(await branch.query('select node_name from pgq_node.node_location where dead')).toEqual([]);
});

test('a takeover of a dead branch that is killed at any step is finished by the same command', async () => {
  written = 0;
  await using tree = await openTree({
    nodes: {
      root: { major: 15 },
      middle: { major: 16, provider: 'root', isBranch: true },
      branch: { major: 15, provider: 'middle', isBranch: true },
      leaf: { major: 15, provider: 'middle' },
    },
    tables: TABLES,
    ownServers: true,
  });
  const [root, middle, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode, TestNode];
  await middle.stopPrograms();
  await middle.cluster.kill();
  for (const failpoint of ['move-registered', 'move-changed', 'takeover-moved']) {
    await branch.killedAt(failpoint, 'takeover', 'middle', '--dead-branch');
  }
  await branch.must('takeover', 'middle', '--dead-branch');
  const living = [root, branch, leaf];
  const providers = await Promise.all(
    living.map((node) =>
      node.query<{ provider: string }>('select provider_node as provider from pgq_node.local_state'),
    ),
  );
  expect(providers.flat()).toEqual([{ provider: 'root' }, { provider: 'root' }, { provider: 'branch' }]);
  await expectFlow(tree, root, living);

  // Nobody waits for the dead node once it is dropped.
  await root.must('drop-node', 'middle');
  expect(await shape(tree, living)).toEqual({ root: TOP, branch: 'root', leaf: 'branch' });
  await expectFlow(tree, root, living);
});
