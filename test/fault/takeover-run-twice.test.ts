import { expect, test } from 'vitest';
import { startReplicate } from '../support/programs.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';

test('of two takeovers of a root at the same time one is refused, and the other succeeds', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, branch: { major: 15, provider: 'root', isBranch: true } },
    tables: 'create table public.t (id bigint primary key)',
  });
  const [root, branch] = tree.nodes as [TestNode, TestNode];
  // Until it goes on, neither comes to its end by succeeding.
  branch.worker?.signal('SIGSTOP');
  const start = () => startReplicate([branch.ini, 'takeover', 'root'], { folder: tree.folder });
  await using one = start();
  await using other = start();
  const refused = await Promise.race([one.ended, other.ended]);
  branch.worker?.signal('SIGCONT');
  expect(refused).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('resurrect is at work on node "root" (server process'),
  });
  const outcomes = await Promise.all([one.ended, other.ended]);
  expect(outcomes.map(({ exitCode }) => exitCode).sort()).toEqual([0, 3]);
  await branch.query('insert into public.t values (1)');
  await tree.caughtUp(branch, [root]);
  expect(await tree.differences(branch, root)).toEqual([]);
});

test('a node gets another place by one command at a time', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 15 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 15, provider: 'branch' },
    },
    tables: 'create table public.t (id bigint primary key)',
  });
  const [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
  // As a command that is at work has it.
  const holders = await Promise.all([branch, leaf].map((node) => node.connect()));
  for (const holder of holders) await holder.execute("select pg_advisory_lock(1885827456, hashtext('app'))");
  const outcomes = await Promise.all([
    leaf.run('change-provider', 'root'),
    leaf.run('takeover', 'branch'),
    branch.run('takeover', 'root'),
    branch.run('takeover', 'root', '--dead-root'),
    branch.run('takeover', 'leaf', '--dead-branch'),
    leaf.run('resurrect'),
  ]);
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(
        /at work on node "(branch|leaf)" \(server process \d+, pgcascade\/test\)/,
      ),
    });
  }
  expect(await root.query('select from pgq_node.node_location where dead')).toEqual([]);
  for (const holder of holders) await holder.close();
  await leaf.must('change-provider', 'root');
  await root.query('insert into public.t values (1)');
  await tree.caughtUp(root, [branch, leaf]);
});
