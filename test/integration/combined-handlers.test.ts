import { expect, test } from 'vitest';
import { waitUntilCaughtUp } from '../support/caught-up.js';
import type { FreshDatabase } from '../support/cluster.js';
import { openShards } from '../support/shards.js';
import type { TestNode } from '../support/test-node.js';
import { CommandNode } from './command-node.js';

const PATIENCE_MS = 200_000;
/** The log has no key: its events carry the old row. */
const TABLES = `
  create table public.item (id bigint primary key, n int, note text default 'none');
  create table public.log (n int, text text, note text default 'none');`;

const ROWS = `
  insert into public.item select g, 0, 'of the shard' from generate_series(1, 50) as g;
  insert into public.log select g, 'old', 'of the shard' from generate_series(1, 50) as g;`;

function write(first: number): string {
  return `
    insert into public.item select g, 1, 'of the shard' from generate_series(${first}, ${first} + 9) as g;
    update public.item set n = n + 1, note = 'changed' where id % 7 = 0;
    update public.item set id = id + 100000 where id = ${first};
    delete from public.item where id % 11 = 0;
    insert into public.log select g, 'new', 'of the shard' from generate_series(${first}, ${first} + 9) as g;
    update public.log set text = 'changed', note = 'changed' where n % 7 = 0;
    delete from public.log where n % 11 = 0;`;
}

async function readAll(node: TestNode, note: string): Promise<string[]> {
  const found = await node.query<{ row: string }>(
    `select concat_ws(' ', 'item', id, n, ${note}) as row from public.item
      union all select concat_ws(' ', 'log', n, text, ${note}) from public.log`,
  );
  return found.map(({ row }) => row).sort();
}

test('the nodes of a combined queue have what the handler of a part leaves, also after a takeover', {
  timeout: 300_000,
}, async () => {
  await using shards = await openShards({
    from: [18],
    to: 18,
    tables: TABLES,
    rows: () => ROWS,
    combined: 'all',
  });
  const { meeting } = shards;
  const { root, leaf } = shards.shard(1);
  const here = (node: TestNode, queueName: string) =>
    new CommandNode(node.name, node.database as FreshDatabase, { queueName }, node.isInstalled);
  const columns = {
    item: { handlerArg: ['columns=id,n'] },
    log: { handlerArg: ['columns=n,text'] },
  };
  const standby = await shards.openNode('standby', 'all', await shards.openDatabase(18, 'standby'));
  await standby.query(TABLES);
  await here(standby, 'all').must('create-branch', ['standby', standby.database.conninfo], {
    provider: meeting.database.conninfo,
  });
  standby.startTicker();
  standby.startWorker();

  // Nodes below could not tell which rows came into a condition and left it.
  const refused = 'goes without a condition';
  const shard = { handler: 'shard', handlerArg: ['key=id', 'shard=0', 'count=2'] };
  for (const options of [{ handlerArg: ['where=n > 0'] }, shard]) {
    await expect(here(leaf, 'q1').must('add-table', ['item'], options)).rejects.toThrow(refused);
  }
  await here(leaf, 'q1').must('add-table', ['item'], columns.item);
  await here(leaf, 'q1').must('add-table', ['log'], columns.log);
  await expect(
    here(leaf, 'q1').must('change-handler', ['item'], { handlerArg: ['where=n > 0'] }),
  ).rejects.toThrow(refused);
  await here(standby, 'all').must('add-table', [], { all: true });

  const expectSame = async (merging: TestNode, holder: TestNode, below: TestNode) => {
    await waitUntilCaughtUp('q1', root, [merging], PATIENCE_MS);
    await waitUntilCaughtUp('all', holder, [below], PATIENCE_MS);
    const wanted = await readAll(root, "'none'");
    for (const node of [holder, below]) {
      expect(await readAll(node, 'note'), node.name).toEqual(wanted);
      expect(await node.query('select * from pgcascade.table_error')).toEqual([]);
    }
  };
  await expectSame(leaf, meeting, standby);
  await root.query(write(1001));
  await expectSame(leaf, meeting, standby);

  // The leaf beside the branch gets its handlers too; there is nothing to copy, for its rows are there.
  const beside = await shards.openNode('beside', 'q1', standby.database as FreshDatabase);
  await here(beside, 'q1').must('create-leaf', ['beside', standby.database.conninfo], {
    provider: root.database.conninfo,
    merge: 'all',
  });
  beside.startWorker();
  await here(beside, 'q1').must('add-table', [], { all: true });
  for (const [table, options] of Object.entries(columns)) {
    const changed = await here(beside, 'q1').must('change-handler', [table], options);
    expect(changed.at(-1)).toBe(`public.${table}: its rows come by the queue "all", so nothing is copied`);
  }
  expect(await beside.position('q1')).toMatchObject({ notReady: null });
  await here(standby, 'all').must('takeover', ['meeting']);
  await root.query(write(2001));
  await expectSame(beside, standby, meeting);
});
