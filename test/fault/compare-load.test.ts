import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { LockWatch } from '../support/lock-watch.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntil } from '../support/wait-until.js';

/** PGCASCADE_COMPARE_LOAD_SECONDS=60 is the full test: 20 compares under 1,000 rows a second; a few seconds in CI. */
const SECONDS = Number(process.env['PGCASCADE_COMPARE_LOAD_SECONDS'] ?? 6);
const COMPARES = Math.max(2, Math.round(SECONDS / 3));
const ROWS_PER_SECOND = 1_000;
const ROWS_PER_WRITE = 20;
const WRITERS = 2;

const TABLES = `create table public.load (id bigint primary key, v integer, t text);
create table public.load_log (at timestamptz, n integer);`;
const ROWS = "insert into public.load select g, 0, repeat('x', 50) from generate_series(1, 20000) as g";

/** Modes that conflict with that of INSERT, UPDATE and DELETE. */
const HOLDS_UP_WRITERS = / (Share|ShareRowExclusive|Exclusive|AccessExclusive)Lock$/;

test('compares under a load of writes are all equal and hold up no writer by a lock; one change behind the back is found', async () => {
  await using chain = await openChain({ from: 10, to: 18, tables: TABLES, rows: ROWS });
  const { root, leaf } = chain;
  const load = { rows: 0, isStopped: false, isComparing: false, msAlone: [0], msInCompare: [0] };
  let startedAt = performance.now();
  const write = async (writer: number) => {
    await using session = await root.application();
    for (let i = writer; !load.isStopped; i += WRITERS) {
      const from = (i * ROWS_PER_WRITE) % 20_000;
      const [before, phase] = [performance.now(), load.isComparing];
      await session.execute(`update public.load set v = v + 1 where id > ${from} and id <= ${from + ROWS_PER_WRITE - 2};
        insert into public.load_log values (now(), ${i}); delete from public.load_log where n = ${i - 50}`);
      const times = phase || load.isComparing ? load.msInCompare : load.msAlone;
      times.push(performance.now() - before);
      load.rows += ROWS_PER_WRITE;
      const dueAt = startedAt + (load.rows / ROWS_PER_SECOND) * 1000;
      if (dueAt > performance.now()) await sleep(dueAt - performance.now());
    }
  };
  const writers = Promise.all(Array.from({ length: WRITERS }, (_, i) => write(i)));
  await using watch = await LockWatch.open(root, 'pgcascade/compare/');
  let seconds = 0;
  try {
    // The same load by itself, to compare with; no figure of it decides anything.
    await waitUntil('the load has been alone for a while', () => load.msAlone.length > 60 * WRITERS);
    startedAt = performance.now();
    load.rows = 0;
    for (let round = 0; round < COMPARES; round++) {
      load.isComparing = true;
      const compared = await leaf.must('compare');
      load.isComparing = false;
      expect(compared.stdout).toMatch(/2 tables compared at tick \d+: all equal/);
      const pause = (SECONDS * 1000 * (round + 1)) / COMPARES - (performance.now() - startedAt);
      if (pause > 0) await sleep(pause);
    }
    await leaf.query(
      'set session_replication_role = replica; update public.load set t = null where id = 20000; reset session_replication_role',
    );
    const found = await leaf.run('compare');
    // The load leaves the last two rows of each twenty alone: an update of the whole row would mend it.
    expect(found.stdout).toMatch(/changed: 1 row, key 20000\b/);
    expect(found.exitCode).toBe(2);
  } finally {
    seconds = (performance.now() - startedAt) / 1000;
    load.isStopped = true;
    await writers;
  }
  const { held, waits } = watch;
  process.stdout.write(
    `${COMPARES} compares, ${Math.round(load.rows / seconds)} rows/s written; a write took ${spread(load.msAlone)} alone, ` +
      `${spread(load.msInCompare)} while a compare ran; locks of compares beyond reading: ${held.filter((lock) => !lock.endsWith(' AccessShareLock')).join(', ')}\n`,
  );
  expect(waits).toEqual([]);
  // Those of the tables are there, so the watch sees what a compare holds; and none keeps a writer from its work.
  expect(held).toContain('public.load AccessShareLock');
  expect(held.filter((lock) => HOLDS_UP_WRITERS.test(lock))).toEqual([]);
  await expectSeen(chain.root, watch);
});

/** The watch would have seen it: a session that calls itself a compare and holds up a writer. */
async function expectSeen(root: TestNode, watch: LockWatch): Promise<void> {
  await using blocking = await root.application();
  await using waiting = await root.application();
  await blocking.execute(
    "set application_name = 'pgcascade/compare/control'; begin; lock table public.load in exclusive mode",
  );
  const write = waiting.execute("set application_name = 'writer'; update public.load set v = 0 where id = 1");
  await waitUntil('the watch sees the wait', () => watch.waits.length > 0);
  expect(watch.waits).toEqual(['writer waits for pgcascade/compare/control']);
  await blocking.execute('rollback');
  await write;
}

function spread(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
  return `${at(0.5)} ms (99 in 100: ${at(0.99)}, longest ${at(1)})`;
}
