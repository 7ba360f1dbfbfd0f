import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { renameAttribute } from '../../src/cascade/rename-on-member.js';
import { CommandNode } from '../integration/command-node.js';
import type { FreshDatabase } from '../support/cluster.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

const TABLES = 'create table public.counted (id bigint generated always as identity primary key, v text)';
const STEPS = [
  'rename-registered',
  'rename-renamed',
  'rename-followed',
  'rename-told',
  'rename-forgotten',
  'rename-unregistered',
];

/** All that a node knows by name. */
async function names(node: TestNode) {
  const [row] = await node.query(
    `select n.node_name as name, s.provider_node as provider,
            array(select node_name from pgq_node.node_location order by 1) as members,
            array(select subscriber_node || ' ' || worker_name || ' ' || watermark_name
                    from pgq_node.subscriber_info order by 1) as subscribers,
            array(select consumer_name collate "C" from pgq.get_consumer_info('app')
                   where left(consumer_name, 1) = '.' order by 1) as marks
       from pgq_node.node_info n
       join pgq_node.local_state s on s.queue_name = n.queue_name and s.consumer_name = n.worker_name`,
  );
  return row;
}

function expected(
  name: string,
  provider: string,
  members: readonly string[],
  subscribers: readonly string[],
) {
  return {
    name,
    provider,
    members: [...members].sort(),
    // Names may change, those of the workers do not.
    subscribers: expect.arrayContaining(
      subscribers.map((subscriber) =>
        expect.stringMatching(new RegExp(`^${subscriber} \\w+ [.]${subscriber}[.]`)),
      ),
    ),
    marks:
      subscribers.length === 0
        ? expect.anything()
        : ['.global_watermark', ...subscribers.map((s) => `.${s}.watermark`)].sort(),
  };
}

test('a node is renamed under load, also by a command that is killed at any step', {
  timeout: 240_000,
}, async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 15 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 15, provider: 'branch' },
      side: { major: 15, provider: 'root' },
    },
    tables: TABLES,
    ini: ['local_wm_publish_period = 0.5', 'global_wm_publish_period = 2'],
  });
  const [root, branch, leaf, side] = tree.nodes as [TestNode, TestNode, TestNode, TestNode];
  const current = { root: 'root', branch: 'branch', leaf: 'leaf', side: 'side' };
  const expectNames = async (what: string) => {
    const members = Object.values(current);
    await waitUntilSeen(
      `all know the names after ${what}`,
      async () => Promise.all(tree.nodes.map(names)),
      (seen) => seen.every((row) => JSON.stringify(row?.['members']) === JSON.stringify([...members].sort())),
    );
    const [atRoot, atBranch, atLeaf, atSide] = await Promise.all(tree.nodes.map(names));
    expect(atRoot, what).toEqual(
      expected(current.root, current.root, members, [current.branch, current.side].sort()),
    );
    expect(atBranch, what).toEqual(expected(current.branch, current.root, members, [current.leaf]));
    expect(atLeaf, what).toMatchObject({ name: current.leaf, provider: current.branch });
    expect(atSide, what).toMatchObject({ name: current.side, provider: current.root });
  };

  // Commands that are not to be killed run in this process, which is faster.
  const here = (node: TestNode) => new CommandNode(node.name, node.database as FreshDatabase);
  const stop = new AbortController();
  let written = 0;
  const load = (async () => {
    await using application = await root.application();
    while (!stop.signal.aborted) {
      await application.query("insert into public.counted (v) values ('a'), ('b')");
      written += 2;
      // Slow: on a busy machine the branch must not fall behind, for what is waited for comes by the queue.
      await sleep(200);
    }
  })();
  try {
    // The branch, by a node that has nothing to do with it; each command is killed one step later.
    for (const step of STEPS) {
      await side.killedAt(step, 'rename-node', 'branch', 'middle');
      if (step === 'rename-renamed') {
        expect((await here(root).run('status')).lines.join()).toMatch(/ANOTHER NAME OF/);
      }
      const before = written;
      await waitUntil('the load goes on', () => written > before);
    }
    await here(side).must('rename-node', ['branch', 'middle']);
    current.branch = 'middle';
    await expectNames('the branch');
    expect((await here(side).must('rename-node', ['branch', 'middle'])).join()).toContain('nothing to do');

    // The root, by itself, and a leaf, by the root; killed where the node itself has changed.
    await root.killedAt('rename-renamed', 'rename-node', 'root', 'top');
    await here(root).must('rename-node', ['root', 'top']);
    current.root = 'top';
    await expectNames('the root');
    await root.killedAt('rename-registered', 'rename-node', 'leaf', 'end');
    await here(leaf).must('rename-node', ['leaf', 'end']);
    current.leaf = 'end';
    await expectNames('the leaf');

    // A node that cannot be reached hears of it by the queue; one that is needed is waited for by nobody.
    await root.query(`alter database ${side.database.name} allow_connections false`);
    expect((await here(root).must('rename-node', ['end', 'tail'])).join()).toContain(
      'when they can be reached: side',
    );
    current.leaf = 'tail';
    await expectNames('a node that could not be told');
    expect(await here(root).run('rename-node', ['top', 'summit'])).toMatchObject({
      code: 'PC312',
      message: expect.stringContaining('Missing: side'),
    });
    await root.query(`alter database ${side.database.name} allow_connections true`);

    // A name in use, one that nobody has, and one of an earlier node.
    expect(await here(root).run('rename-node', ['tail', 'side'])).toMatchObject({ code: 'PC301' });
    expect(await here(root).run('rename-node', ['nobody', 'new'])).toMatchObject({ code: 'PC311' });
    await expectNames('refusals');
    await here(leaf).must('rename-node', ['tail', 'leaf']);
    current.leaf = 'leaf';
    await expectNames('a name that was used before');
  } finally {
    stop.abort();
    await load;
  }
  await tree.caughtUp(root, [branch, leaf, side]);
  for (const node of [branch, leaf, side]) expect(await tree.differences(root, node)).toEqual([]);
  const [{ count } = { count: 0n }] = await leaf.query<{ count: bigint }>(
    'select count(*) from public.counted',
  );
  expect(count).toBe(BigInt(written));

  // What goes over the queue is what Londiste knows.
  const told = await root.query<{ event: string }>(
    `select concat_ws(' ', ev_type, ev_data, ev_extra1, ev_extra3) as event from pgq.event_1
      where ev_type like 'pgq.%location%' and ev_data in ('branch', 'middle') order by ev_id`,
  );
  expect(told.map(({ event }) => event)).toEqual([
    'pgq.location-info branch app false',
    'pgq.location-info middle app false',
    'pgq.unregister-location branch app',
  ]);

  // The names hold for the commands that follow.
  await here(leaf).must('change-provider', ['top']);
  await here(branch).must('takeover', ['top']);
  await tree.caughtUp(branch, [root, leaf, side]);
});

test('the other names in an attribute stay', () => {
  const names = { oldName: 'b', newName: 'x,y' };
  expect(renameAttribute('sync_watermark=a%2Cb&other=b', 'sync_watermark', names)).toBe(
    'sync_watermark=a%2Cx%2Cy&other=b',
  );
  expect(renameAttribute('copy_node=bb&copy_node', 'copy_node', names)).toBe('copy_node=bb&copy_node');
});
