import { expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';

const TABLES = 'create table public.counted (id bigint generated always as identity primary key, v text)';
const INSTALL_STEPS = ['install-pgq', 'install-pgcascade'];
const CREATE_STEPS = ['create-located', 'create-told', 'create-registered', 'create-filled', 'create-made'];

/** The consumers of the queue of a node, with what it knows of members and subscribers. */
async function registered(node: TestNode) {
  const [row] = await node.query<{ consumers: string[]; members: string[]; subscribers: string[] }>(
    `select array(select consumer_name from pgq.get_consumer_info('app') order by 1) as consumers,
            array(select node_name from pgq_node.node_location order by 1) as members,
            array(select subscriber_node from pgq_node.subscriber_info order by 1) as subscribers`,
  );
  return row;
}

async function openPair(): Promise<{ tree: Tree; root: TestNode; branch: TestNode }> {
  const tree = await openTree({
    nodes: { root: { major: 15 }, branch: { major: 15, provider: 'root', isBranch: true } },
    tables: TABLES,
    ini: ['local_wm_publish_period = 0'],
  });
  const [root, branch] = tree.nodes as [TestNode, TestNode];
  return { tree, root, branch };
}

test('a create command that is killed at any step is finished by the same command, or undone by drop-node', {
  timeout: 240_000,
}, async () => {
  const { tree, root, branch } = await openPair();
  await using _ = tree;

  // A root, in a database of its own.
  const other = await tree.addDatabase('other', 15);
  for (const failpoint of [...INSTALL_STEPS, 'create-filled', 'create-made']) {
    await other.killedAt(failpoint, 'create-root', 'other', other.database.conninfo);
  }
  expect((await other.must('create-root', 'other', other.database.conninfo)).stdout).toContain(
    'nothing to do',
  );
  expect(await registered(other)).toEqual({
    consumers: ['.global_watermark'],
    members: ['other'],
    subscribers: [],
  });

  // A leaf and a branch, below a branch; each command is killed one step later than the one before.
  await root.query("insert into public.counted (v) select 'first' from generate_series(1, 100)");
  for (const [name, verb] of [
    ['leaf', 'create-leaf'],
    ['second', 'create-branch'],
  ] as const) {
    const node = await tree.addDatabase(name, 15);
    await node.query(TABLES);
    const words = [verb, name, node.database.conninfo, `--provider=${branch.database.conninfo}`] as const;
    // What a leaf and a branch do differently is one transaction.
    const steps = verb === 'create-leaf' ? [...INSTALL_STEPS.slice(-1), ...CREATE_STEPS] : ['create-filled'];
    for (const failpoint of steps) {
      await node.killedAt(failpoint, ...words);
    }
    expect((await node.must(...words)).stdout).toContain(
      verb === 'create-leaf' ? 'nothing to do' : 'created',
    );
    if (verb === 'create-branch') node.startTicker();
    node.startWorker();
    await node.must('add-table', '--all');
    await node.must('wait-sync', '--timeout=60');
    await tree.caughtUp(root, [branch, node]);
    expect(await tree.differences(root, node), name).toEqual([]);
  }
  expect(await registered(branch)).toEqual({
    consumers: ['.global_watermark', '.leaf.watermark', '.second.watermark', 'leaf_worker', 'second_worker'],
    members: ['branch', 'leaf', 'root', 'second'],
    subscribers: ['leaf', 'second'],
  });

  // Given up at any step and never repeated: it is seen, and the root can clear it away.
  const before = { root: await registered(root), branch: await registered(branch) };
  const ghost = await tree.addDatabase('ghost', 15);
  const words = [
    'create-leaf',
    'ghost',
    ghost.database.conninfo,
    `--provider=${branch.database.conninfo}`,
  ] as const;
  for (const failpoint of ['create-located', 'create-told', 'create-registered']) {
    await ghost.killedAt(failpoint, ...words);
    const { stdout } = await root.run('status');
    expect(stdout, failpoint).toContain('ghost (NO NODE)');
    expect(stdout.includes('"branch" keeps events for it'), failpoint).toBe(
      failpoint === 'create-registered',
    );
    expect(stdout, failpoint).toContain('drop-node ghost');
    const dropped = await root.must('drop-node', 'ghost');
    expect(dropped.stdout).toContain('it was never made');
    expect({ root: await registered(root), branch: await registered(branch) }, failpoint).toEqual(before);
  }

  // Once more below a branch that has not heard yet that the earlier one is gone.
  await ghost.killedAt('create-registered', ...words);
  await branch.stopWorker();
  await root.must('drop-node', 'ghost');
  const creating = ghost.run(...words);
  branch.startWorker();
  expect((await creating).stdout).toContain('created');
  await root.query("insert into public.counted (v) select 'last' from generate_series(1, 100)");
  ghost.startWorker();
  await tree.caughtUp(root, [branch, ghost]);
  expect((await registered(branch))?.subscribers).toEqual(['ghost', 'leaf', 'second']);
});
