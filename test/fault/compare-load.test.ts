import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';

/** PGCASCADE_COMPARE_LOAD_SECONDS=60 is the full test: 20 compares under 1,000 rows a second; a few seconds in CI. */
const SECONDS = Number(process.env['PGCASCADE_COMPARE_LOAD_SECONDS'] ?? 6);
const COMPARES = Math.max(2, Math.round(SECONDS / 3));
const ROWS_PER_SECOND = 1_000;
const ROWS_PER_WRITE = 20;
const WRITERS = 2;

const TABLES = `create table public.load (id bigint primary key, v integer, t text);
create table public.load_log (at timestamptz, n integer);`;
const ROWS = "insert into public.load select g, 0, repeat('x', 50) from generate_series(1, 20000) as g";

test('compares under a load of writes are all equal and hold up no writer; one change behind the back is found', async () => {
  await using chain = await openChain({ from: 10, to: 18, tables: TABLES, rows: ROWS });
  const load = {
    rows: 0,
    longestMs: 0,
    total: 0,
    count: 0,
    isStopped: false,
    isComparing: false,
    longestInCompareMs: 0,
  };
  const startedAt = performance.now();
  const write = async (writer: number) => {
    await using session = await chain.root.application();
    for (let i = writer; !load.isStopped; i += WRITERS) {
      const from = (i * ROWS_PER_WRITE) % 20_000;
      const before = performance.now();
      await session.execute(`update public.load set v = v + 1 where id > ${from} and id <= ${from + ROWS_PER_WRITE - 2};
        insert into public.load_log values (now(), ${i}); delete from public.load_log where n = ${i - 50}`);
      const ms = performance.now() - before;
      load.longestMs = Math.max(load.longestMs, ms);
      if (load.isComparing) load.longestInCompareMs = Math.max(load.longestInCompareMs, ms);
      load.rows += ROWS_PER_WRITE;
      const dueAt = startedAt + (load.rows / ROWS_PER_SECOND) * 1000;
      if (dueAt > performance.now()) await sleep(dueAt - performance.now());
    }
  };
  const writers = Promise.all(Array.from({ length: WRITERS }, (_, i) => write(i)));
  // Nobody waits for a lock of a compare: who does is seen by the server.
  const waits: string[] = [];
  const watch = (async () => {
    await using session = await chain.root.connect();
    while (!load.isStopped) {
      const blocked = await session.query<{ waiting: string; by: string }>(
        `select w.application_name as waiting, b.application_name as by
           from pg_stat_activity as w
          cross join lateral unnest(pg_blocking_pids(w.pid)) as p(pid)
           join pg_stat_activity as b on b.pid = p.pid
          where w.wait_event_type = 'Lock' and b.application_name like '%compare/%'
            and now() - w.query_start > interval '100 milliseconds' and w.application_name not like '%ticker%'`,
      );
      waits.push(...blocked.map(({ waiting, by }) => `${waiting} waits for ${by}`));
      await sleep(20);
    }
  })();
  try {
    for (let round = 0; round < COMPARES; round++) {
      load.isComparing = true;
      const compared = await chain.leaf.must('compare');
      load.isComparing = false;
      expect(compared.stdout).toMatch(/2 tables compared at tick \d+: all equal/);
      const pause = (SECONDS * 1000 * (round + 1)) / COMPARES - (performance.now() - startedAt);
      if (pause > 0) await sleep(pause);
    }
    await chain.leaf.query(
      'set session_replication_role = replica; update public.load set t = null where id = 20000; reset session_replication_role',
    );
    const found = await chain.leaf.run('compare');
    // The load leaves the last two rows of each twenty alone: an update of the whole row would mend it.
    expect(found.stdout).toMatch(/changed: 1 row, key 20000\b/);
    expect(found.exitCode).toBe(2);
  } finally {
    load.isStopped = true;
    await Promise.all([writers, watch]);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(
    `${COMPARES} compares, ${Math.round(load.rows / seconds)} rows/s written, longest write ${Math.round(load.longestMs)} ms, ` +
      `while a compare ran ${Math.round(load.longestInCompareMs)} ms\n`,
  );
  expect(waits).toEqual([]);
});
