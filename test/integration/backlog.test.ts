import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

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
async function writeBacklog(first: number, meanwhile?: (no: number) => Promise<void>): Promise<void> {
  await root.query("select pgq.set_queue_config('app', 'ticker_paused', 'true')");
  const from = await newestTick();
  for (let i = 0; i < TICKS; i++) {
    await root.query('insert into t values ($1, $2)', [first + i, 'a']);
    await root.query("update t set v = v || 'b' where id = $1", [first + i - 1]);
    await meanwhile?.(i);
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

/** Batches of the backlog; null for those of consumers that have gone. */
async function batchesOf(consumer: string | null): Promise<number> {
  const [row] = await root.query<{ count: number }>(
    `select count(distinct tick)::int as count from batches left join pgq.consumer on co_id = consumer where co_name is not distinct from $1 and tick <= $2`,
    [consumer, lastTick],
  );
  return row?.count ?? 0;
}

test('a leaf that is behind takes several ticks at once, and has all rows; a branch has every tick of the root', async () => {
  await Promise.all([leaf.stopWorker(), branch.stopWorker()]);
  await writeBacklog(1);
  leaf.startWorker();
  branch.startWorker();
  await tree.caughtUp(root, [leaf, branch]);
  expect(await batchesOf('leaf_worker')).toBeLessThan(TICKS / 2);
  expect(await batchesOf('branch_worker')).toBeGreaterThanOrEqual(TICKS);
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

test('a tick that somebody asks for when the worker has looked already is not passed', async () => {
  await leaf.stopWorker();
  const completed = async () =>
    (
      await leaf.query<{ tick: bigint }>(
        "select completed_tick as tick from pgq_node.get_consumer_state('app', 'leaf_worker')",
      )
    )[0]?.tick as bigint;
  const before = await completed();
  await writeBacklog(3000);
  leaf.startWorker({ PGCASCADE_FAILPOINTS: 'worker-skips-ticks=sleep:10000' });
  await waitUntil('it is about to take several ticks', async () => (await completed()) >= before + 3n);
  await using asking = await leaf.connect();
  const { id } = await asking.one<{ id: bigint }>('select pgcascade.begin_snapshot_request() as id');
  const tick = (await completed()) + 4n;
  await asking.query("select pgcascade.request_snapshot($1, 'app', $2)", [id, tick]);
  const { state } = await waitUntilSeen(
    'the worker is there',
    () => asking.one<{ state: string }>('select state from pgcascade.get_snapshot_request($1)', [id]),
    (seen) => seen.state !== 'waiting',
  );
  expect(state).toBe('ready');
  expect(await completed()).toBe(tick);
  await leaf.killWorker();
  leaf.startWorker();
});

test('a table that does not fit in the middle of many ticks goes on where it stopped, also with rows that were written in one tick and committed in the next', async () => {
  for (const node of [root, leaf]) {
    await node.query('create table public.log (v text)');
    await node.must('add-table', 'public.log');
  }
  await leaf.must('wait-sync');
  await leaf.stopWorker();
  let open: Connection | undefined;
  await writeBacklog(2000, async (i) => {
    if (i >= 15 && i < 25) {
      const next = await root.application();
      await next.execute(`begin; insert into public.log values ('across ${i}')`);
      await root.query("insert into public.log values ('within')");
      await open?.execute('commit');
      await open?.close();
      open = next;
    } else if (i === 25) {
      await open?.execute('commit');
      await open?.close();
      await root.query("alter table public.log add more int; insert into public.log values ('altered', 1)");
    } else if (i > 25) await root.query(`insert into public.log values ('after', ${i})`);
  });
  leaf.startWorker();
  await waitUntil('the table waits, and all others have their rows', async () => {
    const rows = await leaf.query(
      `select from pgcascade.table_error where error_code = 'PC403'
          and (select completed_tick from pgq_node.get_consumer_state('app', 'leaf_worker')) >= $1`,
      [lastTick],
    );
    return rows.length === 1;
  });
  await root.query('truncate batches');
  await leaf.query('alter table public.log add more int');
  await tree.caughtUp(root, [leaf]);
  // Some fifteen ticks are left to the table's own consumer.
  const catchingUp = await batchesOf(null);
  expect(catchingUp).toBeGreaterThan(0);
  expect(catchingUp).toBeLessThan(9);
  expect(await tree.differences(root, leaf)).toEqual(['"public"."batches": is not on the other side']);
});
