import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';

const TICKS = 40;

let tree: Tree;
let root: TestNode;
let leaf: TestNode;
let branch: TestNode;
let lastTick: bigint | undefined;

beforeAll(async () => {
  tree = await openTree({
    nodes: {
      root: { major: 18 },
      leaf: { major: 18, provider: 'root' },
      branch: { major: 18, provider: 'root', isBranch: true },
    },
    tables: 'create table public.t (id int primary key, v text)',
  });
  [root, leaf, branch] = tree.nodes as [TestNode, TestNode, TestNode];
  await root.query(`
    create table public.batches (consumer int, tick bigint);
    create function public.note_batch() returns trigger language plpgsql security definer set search_path = public as $$ begin
      insert into batches values (new.sub_consumer, new.sub_next_tick);
      return null;
    end $$;
    create trigger note_batch after update on pgq.subscription for each row
      when (new.sub_batch is not null and old.sub_batch is null) execute function public.note_batch()`);
});

afterAll(async () => {
  await tree?.[Symbol.asyncDispose]();
});

/** Ticks an hour ago, a tenth of a second apart, with a row in each, which a stopped node has still to take up. */
async function writeBacklog(first: number): Promise<void> {
  await root.query("select pgq.set_queue_config('app', 'ticker_paused', 'true')");
  const from = await newestTick();
  for (let i = 0; i < TICKS; i++) {
    await root.query('insert into t values ($1, $2)', [first + i, 'a']);
    await root.query("update t set v = v || 'b' where id = $1", [first + i - 1]);
    // As the ticker does, which is paused.
    await root.query(`
      insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
      select queue_id, nextval(queue_tick_seq), now() - interval '1 hour', pgq.seq_getval(queue_event_seq) from pgq.queue`);
  }
  await root.query(
    "update pgq.tick set tick_time = now() - interval '1 hour' + tick_id * interval '0.1 s' where tick_id > $1",
    [from],
  );
  lastTick = await newestTick();
  await root.query("select pgq.set_queue_config('app', 'ticker_paused', 'false'); truncate batches");
}

const newestTick = async () =>
  (await root.query<{ id: bigint }>('select max(tick_id) as id from pgq.tick'))[0]?.id;

/** Batches of the backlog. */
async function batchesOf(node: TestNode): Promise<number> {
  const [row] = await root.query<{ count: number }>(
    `select count(distinct tick)::int as count from batches join pgq.consumer on co_id = consumer where co_name = $1 and tick <= $2`,
    [`${node.name}_worker`, lastTick],
  );
  return row?.count ?? 0;
}

test('a leaf that is behind takes several ticks at once, and has all rows; a branch has every tick of the root', async () => {
  await Promise.all([leaf.stopWorker(), branch.stopWorker()]);
  await writeBacklog(1);
  leaf.startWorker();
  branch.startWorker();
  await tree.caughtUp(root, [leaf, branch]);
  expect(await batchesOf(leaf)).toBeLessThan(TICKS / 2);
  expect(await batchesOf(branch)).toBeGreaterThanOrEqual(TICKS);
  expect(await tree.differences(root, leaf)).toEqual(['"public"."batches": is not on the other side']);
  const missing = await branch.query(
    'select from generate_series(1, $1::int) as i where not exists (select from t where id = i)',
    [TICKS],
  );
  expect(missing).toEqual([]);
});

test('a compare that is begun meanwhile finds the leaf at its tick', async () => {
  await leaf.stopWorker();
  await writeBacklog(1000);
  const compare = leaf.run('compare', 'public.t');
  leaf.startWorker();
  expect(await compare).toMatchObject({ exitCode: 0 });
});
