import { afterAll, describe, expect, test } from 'vitest';
import type { FreshDatabase } from '../support/cluster.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';
import { differences, endIsSeen, Rotations, Writers, writeEvents } from './event-load.js';
import { startOurTicker } from './our-ticker.js';
import { readInto } from './sql-reader.js';
import { openStockQueue, stopStockServer, unpackage } from './stock-queue.js';

const reason = whyNoStockPackages();
const REGISTER = "select pgq.register_consumer('q', 'c')";

describe.skipIf(reason !== undefined)(stockTitle('our ticker on the stock extension', reason), () => {
  afterAll(stopStockServer);

  test('it ticks as soon as max_count events are there, and not before', async () => {
    await using database = await openStockQueue();
    await database.query(
      "update pgq.queue set queue_ticker_max_count = 10, queue_ticker_max_lag = '1 h', queue_ticker_idle_period = '1 h'",
    );
    // PgQ does not count the first event of a queue: its sequence reads the same before and after.
    await writeEvents(database, 'first', 1);
    await using ticker = startOurTicker(database);
    await looksAgain(database);
    const before = await ticks(database);
    await writeEvents(database, 'event', 9);
    await looksAgain(database);
    expect(await ticks(database)).toBe(before);
    await writeEvents(database, 'tenth', 1);
    await waitUntilSeen(
      'the tick is there',
      () => ticks(database),
      (now) => now === before + 1n,
    );
    expect(ticker.program.isRunning).toBe(true);
  });

  test('it tells a listener of a tick', async () => {
    await using database = await openStockQueue();
    await using listener = await database.connect();
    let heard = 0;
    await listener.listen('pgcascade_tick', () => heard++);
    await using _ticker = startOurTicker(database);
    await waitUntil('a notification came', () => heard > 0);
  });

  test.each([
    ['the extension', async () => undefined],
    ['PgQ that is no extension', unpackage],
  ])(
    'it rotates the tables of %s under writers, and a reader gets every event once',
    async (_what, change) => {
      await using database = await openStockQueue();
      await change(database);
      await database.query(REGISTER);
      await database.query("select pgq.set_queue_config('q', 'rotation_period', '0.2 s')");
      await using ticker = startOurTicker(database);
      await using reader = readInto(database);
      await using writers = new Writers(database);
      await new Rotations(database).seen(4);
      await writers.stop();
      await endIsSeen(database, () => ticker.program.stderr);
      await reader.stop();
      expect(await differences(database)).toEqual([]);
      expect(ticker.complaints()).toEqual([]);
    },
  );

  test('it brings back an event that is to be retried, once', async () => {
    await using database = await openStockQueue();
    await database.query(REGISTER);
    await using ticker = startOurTicker(database);
    await writeEvents(database, 'event', 3);
    await using reader = readInto(database, { retry: 'event-2' });
    await waitUntilSeen(
      'the event came again',
      () => database.query('select data from public.seen where retry > 0'),
      (rows) => rows.length > 0,
    );
    await writeEvents(database, 'end', 1);
    await endIsSeen(database);
    await reader.stop();
    expect(await database.query('select data, retry from public.seen order by data, retry')).toEqual([
      { data: 'end-1', retry: 0 },
      { data: 'event-1', retry: 0 },
      { data: 'event-2', retry: 0 },
      { data: 'event-2', retry: 1 },
      { data: 'event-3', retry: 0 },
    ]);
    expect(ticker.complaints()).toEqual([]);
  });
});

async function ticks(database: FreshDatabase): Promise<bigint> {
  const [row] = await database.query<{ ticks: bigint }>('select count(*) as ticks from pgq.tick');
  return row?.ticks ?? 0n;
}

/** Waits until the ticker has called pgq.ticker() at least twice from now on. */
async function looksAgain(database: FreshDatabase): Promise<void> {
  const seen = new Set<string>();
  await waitUntilSeen(
    'the ticker has looked',
    async () => {
      const rows = await database.query<{ at: string }>(
        `select query_start::text as at from pg_stat_activity
          where datname = current_database() and query like '%pgq.ticker()%' and pid <> pg_backend_pid()`,
      );
      for (const { at } of rows) seen.add(at);
      return seen.size;
    },
    (looks) => looks >= 4,
  );
}
