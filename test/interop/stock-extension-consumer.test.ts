import pg from 'pg';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Consumer } from '../../src/queue/consumer.js';
import type { ConsumerBatch } from '../../src/queue/consumer-batch.js';
import { setFailpoints } from '../../src/runtime/failpoint.js';
import type { FreshDatabase } from '../support/cluster.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { batchesAreRead, differences, endIsSeen, seenSoFar, Writers, writeEvents } from './event-load.js';
import { openQueue } from './our-queue.js';
import { type OurTicker, startOurTicker } from './our-ticker.js';
import { type StockProgram, startPgqd } from './stock-program.js';
import { openStockQueue, stopStockServer } from './stock-queue.js';

const reason = whyNoStockPackages();
const INSERT = 'insert into public.seen (data, retry, batch) values ($1, $2, $3)';

describe.skipIf(reason !== undefined)(stockTitle('our consumer on the stock extension', reason), () => {
  afterEach(() => setFailpoints(new Map()));
  afterAll(stopStockServer);

  const tickers: [string, (database: FreshDatabase) => OurTicker | StockProgram][] = [
    ['our ticker', startOurTicker],
    ['the stock pgqd', (database) => startPgqd(database.cluster, [database.name])],
  ];
  for (const [name, startTicks] of tickers) {
    test(`with ${name} and writers it gets every event once in transactions of which some fail`, async () => {
      await using database = await openStockQueue();
      const consumer = consumerOf(database);
      expect(await consumer.register()).toBe(true);
      expect(await consumer.register()).toBe(false);
      await using _ticker = startTicks(database);
      await using writers = new Writers(database);
      const attempts = failingAtTimes((batch) =>
        batch.transaction(async (tx) => {
          for await (const event of batch.events()) {
            await tx.execute(INSERT, [event.data, event.retryCount, batch.id]);
          }
        }),
      );
      await using _running = run(consumer, attempts.work);
      await batchesAreRead(database, 8n);
      await writers.stop();
      await endIsSeen(database);
      expect(await differences(database)).toEqual([]);
      expect((await seenSoFar(database)).events).toBeGreaterThan(30n);
      expect(attempts.failures()).toBeGreaterThan(3);
    });
  }

  test('an event that it asks for again comes once more, and no other', async () => {
    await using database = await openStockQueue();
    const consumer = consumerOf(database);
    await consumer.register();
    await using _ticker = startOurTicker(database);
    await writeEvents(database, 'event', 3);
    await using _running = run(consumer, (batch) =>
      batch.transaction(async (tx) => {
        for await (const event of batch.events()) {
          await tx.execute(INSERT, [event.data, event.retryCount, batch.id]);
          if (event.retryCount > 0) await tx.query("select pgq.insert_event('q', 'type', 'end-1')");
          else if (event.data === 'event-2') await batch.retry(event, 0);
        }
      }),
    );
    await endIsSeen(database);
    expect(await database.query('select data, retry from public.seen order by data, retry')).toEqual([
      { data: 'end-1', retry: 0 },
      { data: 'event-1', retry: 0 },
      { data: 'event-2', retry: 0 },
      { data: 'event-2', retry: 1 },
      { data: 'event-3', retry: 0 },
    ]);
  });

  // Debian packages no pgq_ext, so the target has ours.
  test('it writes every event once into another database, whether it dies before or after its commit there', async () => {
    await using database = await openStockQueue();
    await using target = await openQueue(18);
    const consumer = consumerOf(database);
    await consumer.register();
    await using _ticker = startOurTicker(database);
    await using writers = new Writers(database);
    const client = new pg.Client({ connectionString: target.url });
    await client.connect();
    let skipped = 0;
    const attempts = failingAtTimes(
      async (batch) => {
        const done = await batch.exactlyOnce(client, async (tx) => {
          for await (const event of batch.events()) {
            await tx.query(INSERT, [event.data, event.retryCount, batch.id]);
          }
          return 'done';
        });
        if (done === undefined) skipped++;
      },
      ['consumer-target-before-commit', 'consumer-target-after-commit'],
    );
    try {
      await using _running = run(consumer, attempts.work);
      await batchesAreRead(target, 8n);
      await writers.stop();
      await endIsSeen(target);
    } finally {
      await client.end();
    }
    await target.query('insert into public.written select unnest($1::text[])', [
      (await database.query<{ data: string }>('select data from public.written')).map(({ data }) => data),
    ]);
    expect(await differences(target)).toEqual([]);
    expect(skipped).toBeGreaterThan(0);
  });
});

function consumerOf(database: FreshDatabase): Consumer {
  return new Consumer({
    conninfo: database.conninfo,
    queue: 'q',
    name: 'c',
    pollIntervalMs: 20,
    reconnectLimitMs: 50,
  });
}

/** Does the work of each batch, but every second time the process fails at one of the places, in turn. */
function failingAtTimes(
  work: (batch: ConsumerBatch) => Promise<void>,
  places = ['consumer-before-commit', 'consumer-after-commit'],
) {
  let calls = 0;
  let failures = 0;
  return {
    work: async (batch: ConsumerBatch) => {
      const place = places[(calls++ >> 1) % places.length] as string;
      setFailpoints(calls % 2 === 0 ? new Map() : new Map([[place, { kind: 'error' }]]));
      try {
        await work(batch);
      } catch (error) {
        failures++;
        throw error;
      }
    },
    failures: () => failures,
  };
}

/** Runs the consumer, and begins anew when the work fails, as a supervisor does. Disposing ends it. */
function run(consumer: Consumer, work: (batch: ConsumerBatch) => Promise<void>): AsyncDisposable {
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        await consumer.run(work, { signal: stop.signal });
      } catch (error) {
        if (!String(error).includes('Failpoint')) throw error;
      }
    }
  })();
  running.catch(() => undefined);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
