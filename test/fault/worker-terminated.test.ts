import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Chain, openChain } from '../support/chain.js';
import { GATED_LOCK, Gate, gated, gatedIndex } from '../support/gate.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `
  create table public.counted (id bigint generated always as identity primary key, v text);
  create table public.log (v text);
  create table public.big (id int primary key, n int, v text);
  create index big_n on public.big (n);`;
const ROWS = `insert into public.big select g, g, 'row ' || g from generate_series(1, 12000) as g`;
/** Several blocks; the gate is in the middle of them. */
const BATCH = `insert into public.counted (v) select case g when 500 then 'gate' else 'row ' || g end from generate_series(1, 1000) as g;
  insert into public.log select 'same' from generate_series(1, 300)`;
const POSITION = `select from pgq_node.local_state where queue_name = 'app' and consumer_name = 'leaf_worker' for update`;

let chain: Chain;
let batches = 0;

beforeAll(async () => {
  chain = await openChain({
    from: 15,
    to: 16,
    tables: TABLES,
    rows: `${ROWS}; analyze`,
    ini: ['max_block_rows = 100', 'copy_split_size = 64kB'],
  });
  await chain.leaf.stopWorker();
  await chain.leaf.query(
    gated('public.counted', "new.v = 'gate'") +
      gated('public.big', 'new.id = 7000') +
      gatedIndex('big_gated', 'public.big', 'n', 8000),
  );
});

afterAll(async () => {
  await chain?.[Symbol.asyncDispose]();
});

async function write(): Promise<void> {
  batches++;
  await chain.root.query(BATCH);
  await chain.root.query("select pgq.force_tick('app')");
}

async function resync(): Promise<void> {
  await chain.leaf.prepare('resync', 'big');
}

const eventTable = async () =>
  (await chain.root.query<{ name: string }>("select pgq.current_event_table('app') as name"))[0]?.name;

const gateOnLeaf = (sql: string) => Gate.close(chain.leaf, sql);

/** A gate that the worker stands before, in the step. `begin` is called with no worker running and starts it. */
const STEPS: readonly [step: string, begin: () => Promise<Gate>][] = [
  [
    'a batch is read',
    async () => {
      await write();
      const gate = await Gate.close(chain.root, `lock table ${await eventTable()} in access exclusive mode`);
      chain.leaf.startWorker();
      await gate.isReached('copy');
      return gate;
    },
  ],
  [
    'some blocks of a batch are applied',
    async () => {
      await write();
      const gate = await gateOnLeaf(GATED_LOCK);
      chain.leaf.startWorker();
      await gate.isReached();
      return gate;
    },
  ],
  [
    'a batch is applied and not committed',
    async () => {
      await write();
      const gate = await gateOnLeaf(POSITION);
      chain.leaf.startWorker();
      await gate.isReached('set_consumer_completed');
      return gate;
    },
  ],
  [
    'a batch is committed and not finished',
    async () => {
      await write();
      const before = await gateOnLeaf(POSITION);
      chain.leaf.startWorker();
      await before.isReached('set_consumer_completed');
      const gate = await Gate.close(
        chain.root,
        "select from pgq.subscription join pgq.consumer on co_id = sub_consumer where co_name = 'leaf_worker' for update",
      );
      await before.open();
      await gate.isReached('finish_batch');
      return gate;
    },
  ],
  [
    'the rows of a table are copied',
    async () => {
      await resync();
      const gate = await gateOnLeaf(GATED_LOCK);
      chain.leaf.startWorker();
      await gate.isReached('copy');
      return gate;
    },
  ],
  [
    'the indexes of a copied table are built',
    async () => {
      await chain.leaf.query('drop trigger gate on public.big');
      await resync();
      const gate = await gateOnLeaf(GATED_LOCK);
      chain.leaf.startWorker();
      await gate.isReached('create index');
      return gate;
    },
  ],
  [
    'a copied table is handed over',
    async () => {
      await write();
      const worker = await gateOnLeaf(GATED_LOCK);
      await chain.leaf.query(
        `create or replace function public.gate_key(p int) returns int language sql immutable as 'select p'`,
      );
      await resync();
      chain.leaf.startWorker();
      await worker.isReached();
      await waitUntilSeen(
        'the table is copied, and the worker in a batch',
        () => chain.leaf.position('app'),
        ({ notReady }) => notReady === 'public.big catching-up',
      );
      const gate = await gateOnLeaf(
        "select from londiste.table_info where table_name = 'public.big' for update",
      );
      await worker.open();
      await gate.isReached();
      return gate;
    },
  ],
];

/** What only a running worker has: sessions and the locks of sessions. */
async function heldOn(node: TestNode): Promise<string[]> {
  const rows = await node.query<{ held: string }>(
    `select application_name || ' ' || state as held from pg_stat_activity
      where datname = current_database() and application_name like 'pgcascade/%/leaf_worker%'
      union all
     select 'prepared transaction ' || gid from pg_prepared_xacts
      union all
     select 'snapshot request ' || request_id from pgcascade.snapshot_request`,
  );
  return rows.map(({ held }) => held);
}

async function endsInGoodOrder(gate: Gate, isOpened: boolean): Promise<void> {
  const worker = chain.leaf.worker;
  worker?.signal('SIGTERM');
  if (isOpened) {
    // Not to be in its way before the signal is; nothing depends on it.
    await sleep(100);
    await gate.open();
  }
  const outcome = await worker?.ended;
  await gate.open();
  expect(outcome, outcome?.stderr).toMatchObject({ exitCode: 0, signal: null });
  expect(
    outcome?.stderr.split('\n').filter((line) => /"level":"(error|fatal)"|ERROR|FATAL/.test(line)),
  ).toEqual([]);
  expect(existsSync(join(chain.folder, 'leaf.pid'))).toBe(false);
  for (const node of [chain.root, chain.leaf]) {
    await waitUntilSeen(
      `nothing of the worker is left on ${node.name}`,
      () => heldOn(node),
      (held) => held.length === 0,
    );
  }
}

test.each(STEPS)(
  'SIGTERM to a worker while %s: it ends with 0 and leaves nothing behind',
  async (_step, begin) => {
    await endsInGoodOrder(await begin(), true);
  },
);

test('a worker that has got SIGTERM does not wait without end for a lock that somebody holds', async () => {
  await write();
  await using gate = await gateOnLeaf(POSITION);
  chain.leaf.startWorker();
  await gate.isReached('set_consumer_completed');
  await endsInGoodOrder(gate, false);
});

test('after all these ends the worker goes on where it was: every row is there once, and indexes and consumers are as before', async () => {
  chain.leaf.startWorker();
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  const [counts] = await chain.leaf.query(
    `select (select count(*) from public.counted)::int as counted, (select count(*) from public.log)::int as log,
            (select string_agg(indexrelid::regclass::text, ', ' order by indexrelid::regclass::text) from pg_index
              where indrelid = 'public.big'::regclass and indisvalid and not indisprimary) as indexes`,
  );
  expect(counts).toEqual({ counted: 1000 * batches, log: 300 * batches, indexes: 'big_gated, big_n' });
  await waitUntilSeen(
    'no consumer of a copy is left',
    () =>
      chain.root.query<{ name: string }>(
        "select consumer_name as name from pgq.get_consumer_info('app') where consumer_name like '%.copy.%'",
      ),
    (consumers) => consumers.length === 0,
  );
});
