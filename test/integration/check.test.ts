import { expect, test } from 'vitest';
import { sharedCluster } from '../support/cluster.js';
import { openPair } from './command-node.js';
import { EVERY_KIND_OF_10, EVERY_KIND_OF_18, ROLES } from './every-kind.js';

async function makeRoles(major: number): Promise<void> {
  const cluster = await sharedCluster(major);
  for (const role of ROLES) {
    await cluster.query(
      'postgres',
      `do $$ begin create role "${role}"; exception when duplicate_object then null; end $$`,
    );
  }
}

async function openShop(from: number, to: number) {
  await makeRoles(from);
  await makeRoles(to);
  const pair = await openPair(from, to);
  await pair.root.query(EVERY_KIND_OF_10);
  if (from === 18 && to === 18) await pair.root.query(EVERY_KIND_OF_18);
  await pair.root.must('add-table', [], { all: true });
  await pair.root.must('add-seq', [], { all: true });
  return pair;
}

test.for([
  [10, 18],
  [18, 18],
  [18, 10],
] as const)('check finds nothing in what create-schema has made from %i to %i', async ([from, to]) => {
  await using shop = await openShop(from, to);
  const made = await shop.leaf.run('create-schema');
  console.error(made.lines.filter((l) => l.includes('not made')));
  await shop.leaf.must('add-table', [], { all: true });
  await shop.leaf.must('add-seq', [], { all: true });
  for (const options of [{}, { all: true }]) {
    const { exitCode, lines, message } = await shop.leaf.run('check', [], options);
    console.error(options, exitCode, message, lines.join('\n'));
  }
  const { exitCode, lines } = await shop.root.run('check');
  console.error(exitCode, lines.join('\n'));
  expect(exitCode).toBe(0);
});
