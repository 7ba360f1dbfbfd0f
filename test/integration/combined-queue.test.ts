import { expect, test } from 'vitest';
import { waitUntilCaughtUp } from '../support/caught-up.js';
import { openShards, type Shards } from '../support/shards.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntil } from '../support/wait-until.js';

const PATIENCE_MS = 200_000;
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
    await waitUntilCaughtUp(shard.queue, shard.root, [parts[index] as TestNode], PATIENCE_MS);
  }
  await waitUntilCaughtUp('all', root, nodes, PATIENCE_MS);
  for (const node of [root, ...nodes]) {
    await shards.expectUnion('public.item', node);
    await shards.expectUnion('public.log', node);
  }
}

/** Shards that are merged into the queue "all" and under writes. */
async function openMerged(): Promise<Shards> {
  const shards = await openShards({ from: [10, 15], to: 18, tables: TABLES, rows, combined: 'all' });
  shards.startWriting(write);
  await shards.shard(1).leaf.must('add-table', '--all', '--merge-all');
  return shards;
}

test('a combined queue feeds a leaf with the union of its parts', { timeout: 300_000 }, async () => {
  await using shards = await openMerged();
  const { meeting } = shards;
  const parts = shards.shards.map(({ leaf }) => leaf);
  const lower = await shards.openNode('lower', 'all', await shards.openDatabase(13, 'lower'));
  await lower.query(TABLES);
  await lower.must(
    'create-leaf',
    'lower',
    lower.database.conninfo,
    `--provider=${meeting.database.conninfo}`,
  );
  await lower.must('add-table', '--all');
  lower.startWorker();
  await shards.caughtUp();
  await shards.stopWriting();
  await expectAll(shards, meeting, parts, [lower]);

  // A TRUNCATE at one source: nothing is lost below, and one resync above mends all.
  const two = shards.shard(2);
  await two.root.query("truncate public.log; insert into public.log values (2, 'after')");
  await waitUntil('the part is parked', async () => {
    const parked = await meeting.query("select from pgcascade.table_error where queue_name = 'q2'");
    return parked.length === 1;
  });
  expect(await lower.query('select from public.log where shard = 1 limit 1')).toHaveLength(1);
  await two.leaf.must('resync', 'log');
  await expectAll(shards, meeting, parts, [lower]);
});

test('a stand-by of a combined queue takes its place under writes', { timeout: 300_000 }, async () => {
  await using shards = await openMerged();
  const { meeting } = shards;
  const database = await shards.openDatabase(16, 'standby');
  await database.query(TABLES);
  const standby = await shards.openNode('standby', 'all', database);
  await standby.must(
    'create-branch',
    'standby',
    database.conninfo,
    `--provider=${meeting.database.conninfo}`,
  );
  await standby.must('add-table', '--all');
  standby.startTicker();
  standby.startWorker();
  await shards.caughtUp();
  await waitUntilCaughtUp('all', meeting, [standby], PATIENCE_MS);
  expect(await standby.run('takeover', 'meeting')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('have no leaf in the database of "standby": q1, q2'),
  });

  const following: TestNode[] = [];
  for (const { queue, number, root } of shards.shards) {
    const leaf = await shards.openNode(`standby${number}`, queue, database);
    const provider = `--provider=${root.database.conninfo}`;
    await leaf.must('create-leaf', leaf.name, database.conninfo, provider, '--merge=all');
    leaf.startWorker();
    following.push(leaf);
  }
  const [first] = following as [TestNode];
  expect(await standby.run('takeover', 'meeting')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('Node "standby1" of the queue "q1"'),
  });
  // The other part's leaf takes part in the tables too then.
  await first.must('add-table', '--all');
  expect(await first.run('resync', '--all')).toMatchObject({ exitCode: 1 });

  await standby.must('takeover', 'meeting');
  await shards.stopWriting();
  await expectAll(shards, standby, following, [meeting]);
  expect(await meeting.query('select * from pgcascade.table_error')).toEqual([]);
});
