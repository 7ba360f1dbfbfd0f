import { describe, expect, test } from 'vitest';
import type { FreshDatabase } from '../support/cluster.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';
import { differences, endIsSeen, Rotations, Writers, writeEvents } from './event-load.js';
import { openQueue, openTickedQueue } from './our-queue.js';
import { readInto } from './sql-reader.js';
import { type StockProgram, startPgqd } from './stock-program.js';

const REGISTER = "select pgq.register_consumer('q', 'c')";
const reason = whyNoStockPackages();

describe.skipIf(reason !== undefined)(stockTitle('the stock pgqd on our SQL', reason), () => {
  describe.concurrent.each([10, 15, 18])('on PostgreSQL %i', (major) => {
    test('it rotates the tables under writers, and a reader gets every event once', async () => {
      await using queue = await openTickedQueue(major);
      const { database, pgqd } = queue;
      await database.query(REGISTER);
      await database.query("select pgq.set_queue_config('q', 'rotation_period', '0.2 s')");
      const rotations = new Rotations(database);
      await using reader = readInto(database);
      await using writers = new Writers(database);
      await rotations.seen(4);
      await writers.stop();
      await endIsSeen(database, () => pgqd.output);
      expect(await differences(database)).toEqual([]);
      // With everything read, each table is emptied when its turn comes.
      await waitUntilSeen(
        'no event is kept',
        () => database.query<{ events: bigint }>('select count(*) as events from pgq.event_1'),
        ([row]) => row?.events === 0n,
      );
      await reader.stop();
      expect(complaints(pgqd)).toEqual([]);
    });

    test('an event that nobody has read outlives its rounds of maintenance', async () => {
      await using queue = await openTickedQueue(major);
      const { database } = queue;
      await database.query(REGISTER);
      const rounds = await countRounds(database);
      await database.query("select pgq.set_queue_config('q', 'rotation_period', '0.1 s')");
      {
        await using _reader = readInto(database);
        await new Rotations(database).seen(3);
      }
      await writeEvents(database, 'kept', 1);
      await rounds.more(6);
      await using _reader = readInto(database);
      await waitUntilSeen(
        'the event is read',
        () => database.query('select data from public.seen'),
        (rows) => rows.length > 0,
      );
      await new Rotations(database).seen(2);
      expect(await differences(database)).toEqual([]);
    });

    test('an event that is to be retried comes again, once', async () => {
      await using queue = await openTickedQueue(major);
      const { database, pgqd } = queue;
      await database.query(REGISTER);
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
      expect(complaints(pgqd)).toEqual([]);
    });

    test('a maintenance function that asks for it is called again at once', async () => {
      await using queue = await openTickedQueue(major);
      const { database, pgqd } = queue;
      await database.query(REGISTER);
      const rounds = await countRounds(database);
      await rounds.more(2);
      const [row] = await database.query<{ calls: bigint }>('select last_value as calls from public.calls');
      // Four times 1 and then 0: each round is five calls.
      expect(row?.calls).toBeGreaterThanOrEqual(10n);
      expect(complaints(pgqd)).toEqual([]);
    });
  });

  test('with autovacuum off, where it stops at the first vacuum, it still rotates', async () => {
    await using database = await openQueue(15);
    await database.query("select pgq.set_queue_config('q', 'rotation_period', '0.1 s')");
    await database.query('alter system set autovacuum = off');
    await database.query('select pg_reload_conf()');
    try {
      await waitUntil('vacuum is due', async () => {
        const rows = await database.query("select 1 from pgq.maint_operations() where func_name = 'vacuum'");
        return rows.length > 0;
      });
      await using pgqd = startPgqd(database.cluster, [database.name]);
      await new Rotations(database).seen(1);
      expect(pgqd.output).not.toContain('step');
    } finally {
      await database.query('alter system reset autovacuum');
      await database.query('select pg_reload_conf()');
    }
  });
});

/** Lets the queue have a maintenance function of its own, which comes after rotation and wants five calls in each round. */
async function countRounds(database: FreshDatabase) {
  await database.query('create sequence public.calls; create sequence public.rounds');
  await database.query(`
    create function public.work(queue_name text) returns integer language plpgsql as $$
    begin
      if nextval('public.calls') % 5 <> 0 then return 1; end if;
      perform nextval('public.rounds');
      return 0;
    end $$`);
  await database.query("update pgq.queue set queue_extra_maint = '{public.work}'");
  const rounds = async () => {
    const [row] = await database.query<{ rounds: bigint }>(
      'select case when is_called then last_value else 0 end as rounds from public.rounds',
    );
    return row?.rounds ?? 0n;
  };
  return {
    /** Waits until maintenance has been done so many times from now on. */
    more: async (count: number) => {
      const before = await rounds();
      await waitUntilSeen(`${count} rounds of maintenance`, rounds, (now) => now >= before + BigInt(count));
    },
  };
}

/** The lines of its log that say more than what it does. */
function complaints(program: StockProgram): string[] {
  return program.output.split('\n').filter((line) => / (WARNING|ERROR|FATAL) /.test(line));
}
