import { afterAll, describe, expect, test } from 'vitest';
import { openTickSnapshot } from '../../src/copy/tick-snapshot.js';
import { openConnection } from '../../src/db/connect.js';
import type { Connection } from '../../src/db/connection.js';
import type { FreshDatabase } from '../support/cluster.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { Writers, writeEvents } from './event-load.js';
import { startOurTicker } from './our-ticker.js';
import { startPgqd } from './stock-program.js';
import { openStockQueue, stopStockServer, unpackage } from './stock-queue.js';

const reason = whyNoStockPackages();
const ROUNDS = 15;

const startStockTicker = (database: FreshDatabase) => startPgqd(database.cluster, [database.name]);

describe.skipIf(reason !== undefined)(
  stockTitle('a tick that is a snapshot on the stock extension', reason),
  () => {
    afterAll(stopStockServer);

    test.each([
      ['our ticker', startOurTicker, true],
      ['the stock pgqd', startStockTicker, true],
      ['the stock pgqd, nothing of ours there', startStockTicker, false],
    ])(
      'with %s and writers the batches up to it are the rows of its readers',
      async (_name, startTicks, withOurs) => {
        await using database = await openStockQueue({ withOurs });
        await database.query("select pgq.register_consumer('q', 'c')");
        await using _ticker = startTicks(database);
        await using provider = await database.connect();
        await using reader = await database.connect();
        await using consumer = await database.connect();
        await using _writers = new Writers(database, 3);
        const read: string[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          const tick = await openTickSnapshot(provider, { queueName: 'q', readers: [reader] });
          const rows = await reader.query<{ data: string }>('select data from public.written');
          await reader.execute('rollback');
          read.push(...(await readUpTo(consumer, tick)));
          expect(read.toSorted()).toEqual(rows.map(({ data }) => data).toSorted());
        }
        expect(read.length).toBeGreaterThan(20);
        expect(await disorder(database)).toEqual([]);
      },
    );

    test.each([
      ['the extension', async () => undefined],
      ['PgQ that is no extension', unpackage],
    ])(
      'the ticker of %s waits until the readers have it, and its own tick comes after',
      async (_name, change) => {
        await using database = await openStockQueue({ withOurs: true });
        await change(database);
        await using provider = await database.connect();
        await using reader = await database.connect();
        await using ticker = await database.connect();
        await ticker.query("select pgq.ticker('q')");
        await writeEvents(database, 'before', 3);
        let ticking: Promise<unknown> = Promise.resolve();
        await openTickSnapshot(provider, {
          queueName: 'q',
          readers: [reader],
          beforeCommit: async () => {
            ticking = ticker.query("select pgq.ticker('q')");
            await waitUntilSeen(
              'the ticker waits',
              () =>
                database.query<{ locks: string[] }>(
                  `select l.mode from pg_locks as l where not l.granted and l.relation = 'pgq.tick'::regclass`,
                ),
              (rows) => rows.length === 1,
            );
            await writeEvents(database, 'after', 2);
          },
        });
        await ticking;
        expect(await reader.query('select data from public.written')).toHaveLength(3);
        await reader.execute('rollback');
        expect(await disorder(database)).toEqual([]);
      },
    );

    test.each([
      ['with our SQL beside it', true],
      ['without', false],
    ])(
      'a role makes one when it is in pgq_admin, and hears that it must be when it is not, %s',
      async (_name, withOurs) => {
        await using database = await openStockQueue({ withOurs });
        await database.query(`create role plain_reader_${withOurs} login in role pgq_reader`);
        await database.query(`create role plain_admin_${withOurs} login in role pgq_admin`);
        const attempt = async (user: string) => {
          const { cluster, name } = database;
          const parameters = { host: '127.0.0.1', port: cluster.port, database: name, user };
          await using provider = await openConnection(parameters, { application: 'test' });
          await using reader = await openConnection(parameters, { application: 'test' });
          return await openTickSnapshot(provider, { queueName: 'q', readers: [reader] });
        };
        await expect(attempt(`plain_reader_${withOurs}`)).rejects.toMatchObject({
          code: 'PC204',
          message: expect.stringContaining('pgq_admin'),
        });
        expect(await attempt(`plain_admin_${withOurs}`)).toBeGreaterThan(0n);
      },
    );
  },
);

/** Reads batches up to and with the one that ends at a tick; returns the data of their events. */
async function readUpTo(consumer: Connection, tick: bigint): Promise<string[]> {
  const read: string[] = [];
  for (;;) {
    const batch = await consumer.one<{ id: bigint; end: bigint }>(
      "select batch_id as id, cur_tick_id as end from pgq.next_batch_info('q', 'c')",
    );
    const events = await consumer.query<{ data: string }>(
      'select ev_data as data from pgq.get_batch_events($1)',
      [batch.id],
    );
    read.push(...events.map(({ data }) => data));
    await consumer.query('select pgq.finish_batch($1)', [batch.id]);
    if (batch.end >= tick) return read;
  }
}

/** Ticks with an earlier snapshot than the tick before them. */
async function disorder(database: FreshDatabase): Promise<unknown[]> {
  return database.query(
    `select * from (
        select tick_id, tick_snapshot as snapshot, lag(tick_snapshot) over (order by tick_id) as before
          from pgq.tick) as t
      where txid_snapshot_xmax(snapshot) < txid_snapshot_xmax(before) or txid_snapshot_xmin(snapshot) < txid_snapshot_xmin(before)`,
  );
}
