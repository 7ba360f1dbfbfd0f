import { expect, test } from 'vitest';
import { CommandNode } from '../integration/command-node.js';
import { waitUntilCaughtUp } from '../support/caught-up.js';
import type { FreshDatabase } from '../support/cluster.js';
import { openShards, type Shards } from '../support/shards.js';
import type { TestNode } from '../support/test-node.js';

const PATIENCE_MS = 200_000;
/** Keys of shard n end in n; the log has no key, so a row that came twice stays. */
const TABLES = `
  create table public.item (id bigint primary key, n int not null default 0);
  create table public.log (shard int, text text);`;

function rows(shard: number): string {
  return `
    insert into public.item select g * 10 + ${shard}, 0 from generate_series(1, 300) as g;
    insert into public.log select ${shard}, 'old' from generate_series(1, 20);`;
}

function write(shard: number, round: number): string {
  const id = (10_000 + round) * 10 + shard;
  return `
    insert into public.item values (${id}, ${round});
    update public.item set n = n + 1 where id % 70 = ${(round * 10 + shard) % 70};
    delete from public.item where id = ${round * 10 + shard};
    insert into public.log values (${shard}, 'same'), (${shard}, 'same');`;
}

/** What the database knows of the second shard's tables: handler and triggers of those that are added. */
async function partOf(shards: Shards): Promise<string[]> {
  const found = await shards.meeting.query<{ part: string }>(
    `select concat_ws(' ', t.table_name, t.table_attrs, p.purpose) as part
       from londiste.table_info as t
       left join pgcascade.capture_plan as p using (queue_name, table_name)
      where t.queue_name = 'q2'
        and t.local
      order by 1`,
  );
  return found.map(({ part }) => part);
}

test('a part is added to a merged table under writes, and its handler changed, by commands that are killed before and after their transaction', {
  timeout: 300_000,
}, async () => {
  await using shards = await openShards({ from: [10, 10], to: 18, tables: TABLES, rows, combined: 'all' });
  const { meeting } = shards;
  const [one, two] = [shards.shard(1), shards.shard(2)];
  const here = (node: TestNode, queueName: string) =>
    new CommandNode(node.name, node.database as FreshDatabase, { queueName }, node.isInstalled);
  await here(one.leaf, 'q1').must('add-table', ['item', 'log'], { merge: false });
  await waitUntilCaughtUp('q1', one.root, [one.leaf], PATIENCE_MS);
  const lower = await shards.openNode('lower', 'all', await shards.openDatabase(10, 'lower'));
  await lower.query(TABLES);
  const provider = meeting.database.conninfo;
  await here(lower, 'all').must('create-branch', ['lower', lower.database.conninfo], { provider });
  await here(lower, 'all').must('add-table', [], { all: true });
  lower.startWorker();
  await waitUntilCaughtUp('all', meeting, [lower], PATIENCE_MS);

  const expectUnion = async () => {
    await shards.stopWriting();
    await shards.caughtUp();
    await waitUntilCaughtUp('all', meeting, [lower], PATIENCE_MS);
    for (const node of [meeting, lower]) {
      for (const table of ['public.item', 'public.log']) await shards.expectUnion(table, node);
      expect(await node.query('select * from pgcascade.table_error')).toEqual([]);
    }
    expect(await meeting.query('select * from pgcascade.empty_part')).toEqual([]);
  };

  shards.startWriting(write);
  await two.leaf.stopWorker();
  const add = ['add-table', '--all', '--merge-all'];
  await two.leaf.killedAt('add-table-registered', ...add);
  expect(await partOf(shards)).toEqual([]);
  await two.leaf.killedAt('add-table-added', ...add);
  expect(await partOf(shards)).toHaveLength(1);
  await two.leaf.must(...add);
  expect(await partOf(shards)).toEqual(['public.item deny', 'public.log deny']);
  const refused = 'has not copied public.item of the queue "q2", public.log of the queue "q2" yet';
  await expect(here(lower, 'all').must('takeover', ['meeting'])).rejects.toThrow(refused);
  // What was written since is of no use to a node that has not got those rows, and does not hurt it.
  two.leaf.startWorker();
  await expectUnion();

  shards.startWriting((shard, round) => write(shard, 1_000 + round));
  for (const table of ['item', 'log']) {
    const change = ['change-handler', table, '--handler-arg=ignore_truncate=1'];
    const before = await partOf(shards);
    await two.leaf.killedAt('change-handler-set', ...change);
    expect(await partOf(shards)).toEqual(before);
    await two.leaf.killedAt('change-handler-committed', ...change);
    const changed = await partOf(shards);
    expect(changed.filter((part) => part.includes('handler='))).toHaveLength(table === 'item' ? 1 : 2);
    await two.leaf.must(...change);
    expect(await partOf(shards)).toEqual(changed);
  }
  await expectUnion();
});
