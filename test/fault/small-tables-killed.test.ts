import { expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { sleep } from '../../src/runtime/sleep.js';
import { type Chain, openChain } from '../support/chain.js';
import { waitUntilSeen } from '../support/wait-until.js';

const PATIENCE = { timeoutMs: 120_000 };
const PLAIN = Array.from({ length: 12 }, (_, i) => `public.t_${i}`);
/** Names and shapes of their own, among them one that is never small and one without a key. */
const TABLES = [
  ...PLAIN.map((name) => `create table ${name} (id int primary key, v text)`),
  `create table public."odd, ""only"" Name" (id int primary key, v text)`,
  'create table public.keyless (id int, v text)',
  'create table public.computed (id int generated always as identity primary key, v text)',
  'create table public.empty (id int primary key, v text)',
  'create table public.nothing ()',
  'create table public.large (id int primary key, v text)',
  'create table public.parts (id int primary key, v text) partition by range (id)',
  'create table public.part_1 partition of public.parts for values from (0) to (1000)',
  'create table public.child (id int primary key, v text, t_id int references public.t_0)',
  'create table public.busy (id int primary key, v text)',
  'create table public.wrong (id int primary key, v text)',
].join(';');
const WRITTEN = [...PLAIN, 'public."odd, ""only"" Name"', 'public.keyless', 'public.parts', 'public.child'];
const ROWS = [
  ...WRITTEN.map(
    (name) => `insert into ${name} (id, v) select g, 'row ' || g from generate_series(1, 20) as g`,
  ),
  "insert into public.computed (v) values ('a'), ('b')",
  "insert into public.large select g, repeat('x', 500) from generate_series(1, 12000) as g",
  "insert into public.busy values (1, 'busy')",
  "insert into public.wrong values (1, 'wrong')",
  'analyze',
].join(';');

/** Writes to every table, again and again, until told to stop. */
function hammer(session: Connection): { round(): number; stop(): Promise<void> } {
  let goesOn = true;
  let round = 100;
  const writing = (async () => {
    for (; goesOn; round++) {
      for (const name of WRITTEN) {
        if (!goesOn) break;
        await sleep(20);
        await session.execute(
          `insert into ${name} (id, v) values (${round}, 'new'); update ${name} set v = v || '.' where id % 7 = ${round % 7}; delete from ${name} where id = ${round - 90}`,
        );
      }
    }
  })();
  return {
    round: () => round,
    stop: async () => {
      goesOn = false;
      await writing;
    },
  };
}

const states = (chain: Chain) =>
  chain.leaf.query<{ table_name: string; merge_state: string | null; error_code: string | null }>(
    `select t.table_name, t.merge_state, e.error_code
       from londiste.table_info as t
       left join pgcascade.table_error as e using (queue_name, table_name)
      where t.local and t.merge_state is distinct from 'ok'
      order by 1`,
  );

test('small tables are copied together: what is killed begins again, one that is busy or wrong holds up no other', async () => {
  await using chain = await openChain({ from: 15, to: 18 });
  for (const node of [chain.root, chain.leaf]) await node.query(TABLES);
  await chain.root.query(ROWS);
  // What is here already is replaced.
  await chain.leaf.query("insert into public.t_3 values (1, 'stale'), (5000, 'stale')");
  await chain.leaf.query("alter table public.wrong add check (v <> 'wrong')");
  await chain.leaf.stopWorker();
  for (const node of [chain.root, chain.leaf]) await node.prepare('add-table', '--all');
  await using session = await chain.root.application();
  const writing = hammer(session);
  await using _ = { [Symbol.asyncDispose]: () => writing.stop() };
  for (const failpoint of ['copy-snapshot-taken', 'copy-data-written', 'copy-committed']) {
    const doomed = chain.leaf.startWorker({ PGCASCADE_FAILPOINTS: `${failpoint}=exit` });
    expect((await doomed.ended).signal).toBe('SIGKILL');
  }
  await using blocker = await chain.leaf.application();
  await blocker.execute('begin; lock table public.busy, public.child in access share mode');
  await chain.leaf.prepare('resync', 't_3', 'busy', 'child');
  const worker = chain.leaf.startWorker();
  await waitUntilSeen(
    'all but the busy tables and the wrong one are in sync',
    () => states(chain),
    (left) => left.map(({ table_name }) => table_name).join() === 'public.busy,public.child,public.wrong',
    PATIENCE,
  );
  await blocker.execute('rollback');
  await waitUntilSeen(
    'only the wrong table is left, and parked',
    () => states(chain),
    (left) => left.length === 1 && left[0]?.error_code === 'PC502',
    PATIENCE,
  );
  await chain.leaf.prepare('remove-table', 'wrong');
  // Kept from ending until the worker has passed its tick: what comes meanwhile is caught up with.
  await chain.caughtUp(PATIENCE.timeoutMs);
  await chain.leaf.stopWorker();
  await chain.leaf.prepare('resync', 't_0', 't_1', 't_2', 'keyless', 'empty');
  await blocker.execute(
    `begin; insert into pgq_node.local_state (queue_name, consumer_name, provider_node, last_tick_id)
            values ('app', 'leaf_worker.copy.public.t_0', 'root', 1)`,
  );
  chain.leaf.startWorker();
  let roundThen = writing.round();
  await waitUntilSeen(
    'the worker has passed the tick of the copies',
    async () => {
      const [copies] = await chain.root.query<{ tick: bigint | null }>(
        `select max(last_tick) as tick from pgq.get_consumer_info('app') where consumer_name like '%.copy.%'`,
      );
      const position = await chain.leaf.position('app');
      return { copies: copies?.tick ?? null, worker: position.tick, round: writing.round() };
    },
    ({ copies, worker, round }) => {
      if (copies === null || worker === null || worker <= copies) roundThen = round;
      // All tables have been written to since, and the worker has that.
      return round > roundThen + 2;
    },
    PATIENCE,
  );
  await blocker.execute('rollback');
  await waitUntilSeen(
    'all are in sync once more',
    () => states(chain),
    (left) => left.length === 0,
    PATIENCE,
  );
  await writing.stop();
  expect(worker.stdout + worker.stderr).toContain('"together":');
  await chain.root.prepare('remove-table', 'wrong');
  await chain.root.query('drop table public.wrong');
  await chain.leaf.query('drop table public.wrong');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  await chain.foreignKeysBack(1);
  await waitUntilSeen(
    'no copy consumer is left on the root',
    () => chain.root.query(`select co_name from pgq.consumer where co_name like '%.copy.%'`),
    (consumers) => consumers.length === 0,
  );
}, 300_000);

test('small tables can be read while their copy waits for a registration beside them that is not committed', async () => {
  const names = ['public.t_0', 'public.t_1', 'public.t_2', 'public.beside'];
  await using chain = await openChain({
    from: 18,
    to: 18,
    tables: names.map((name) => `create table ${name} (id int primary key, v text)`).join(';'),
    rows: names.map((name) => `insert into ${name} values (1, 'x')`).join(';'),
  });
  const { leaf } = chain;
  await leaf.stopWorker();
  await leaf.must('resync', ...names.slice(0, 3));
  // What another session changes meanwhile is in the way of the group's own states, which it writes last.
  leaf.startWorker({ PGCASCADE_FAILPOINTS: 'copy-snapshot-taken=sleep:4000' });
  await waitUntilSeen(
    'the copy has its locks',
    () =>
      leaf.query(
        "select from pg_locks where relation = 'public.t_1'::regclass and mode = 'AccessExclusiveLock' and granted",
      ),
    (locks) => locks.length === 1,
  );
  await using beside = await leaf.connect();
  await beside.execute(
    "begin; update londiste.table_info set dest_table = dest_table where table_name = 'public.beside'",
  );
  await using reader = await leaf.application();
  await reader.execute("set lock_timeout = '30s'");
  expect(await reader.query('select from public.t_1')).toHaveLength(1);
  await beside.execute('commit');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
});
