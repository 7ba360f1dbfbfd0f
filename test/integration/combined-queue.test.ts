import { expect, test } from 'vitest';
import { waitUntilCaughtUp } from '../support/caught-up.js';
import { openShards, type Shards } from '../support/shards.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntil } from '../support/wait-until.js';

const TABLES = `
  create table public.item (id bigint primary key, v text, n int not null default 0);
  create table public.log (shard int, text text);`;

function rows(shard: number): string {
  return `
    insert into public.item select g * 10 + ${shard}, 'row ' || g from generate_series(1, 500) as g;
    insert into public.log select ${shard}, 'old' from generate_series(1, 20);`;
}

function write(shard: number, round: number): string {
  const id = (10_000 + round) * 10 + shard;
  return `
    insert into public.item values (${id}, 'new', ${round}) on conflict (id) do update set n = item.n + 1;
    update public.item set n = n + 1 where id % 700 = ${(round * 10 + shard) % 700};
    delete from public.item where id = ${round * 10 + shard};
    insert into public.log values (${shard}, 'same'), (${shard}, 'same');`;
}

/** Expects that nodes of the combined queue hold the rows of all shards. */
async function expectAll(
  shards: Shards,
  root: TestNode,
  parts: TestNode[],
  nodes: TestNode[],
): Promise<void> {
  for (const [index, shard] of shards.shards.entries()) {
    await waitUntilCaughtUp(shard.queue, shard.root, [parts[index] as TestNode]);
  }
  await waitUntilCaughtUp('all', root, nodes);
  for (const node of [root, ...nodes]) {
    await shards.expectUnion('public.item', node);
    await shards.expectUnion('public.log', node);
  }
}

test('a combined queue feeds leaves with the union of its parts, and a standby takes its place under writes', async () => {
  await using shards = await openShards({ from: [10, 15], to: 18, tables: TABLES, rows, combined: 'all' });
  const { meeting } = shards;
  const parts = shards.shards.map(({ leaf }) => leaf);
  const [one] = [shards.shard(1)];
  shards.startWriting(write);

  const lower = await shards.openNode('lower', 'all', await shards.openDatabase(13, 'lower'));
  await lower.query(TABLES);
  await lower.must(
    'create-leaf',
    'lower',
    lower.database.conninfo,
    `--provider=${meeting.database.conninfo}`,
  );
  lower.startWorker();
  await one.leaf.must('add-table', '--all', '--merge-all');
  await waitUntil('the lower leaf knows the tables', async () => {
    const known = await lower.query('select from londiste.table_info');
    return known.length === 2;
  });
  await lower.must('add-table', '--all');
  for (const node of [...parts, lower]) await node.must('wait-sync');
  await shards.stopWriting();
  await expectAll(shards, meeting, parts, [lower]);
  expect(await lower.run('compare')).toMatchObject({ exitCode: 0 });
});
