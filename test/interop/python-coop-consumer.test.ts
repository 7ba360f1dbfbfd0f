import { describe, expect, test } from 'vitest';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { batchesAreRead, differences, endIsSeen, Writers, writeEvents } from './event-load.js';
import { hangs, openTickedQueue } from './our-queue.js';
import { startPython } from './stock-program.js';

const reason = whyNoStockPackages();

describe.skipIf(reason !== undefined)(
  stockTitle("PgQ's cooperative Python consumers on our SQL", reason),
  () => {
    test.each([10, 15, 18])(
      'two share every event of concurrent writers, and one takes over the batch of another that was killed, on PostgreSQL %i',
      async (major) => {
        await using queue = await openTickedQueue(major);
        const { database } = queue;
        const start = (name: string, keys: Readonly<Record<string, string>> = {}) =>
          startPython('stock-consumer.py', {
            kind: 'coop',
            db: database.conninfo,
            consumer_name: 'reader',
            job_name: name,
            subconsumer_name: name,
            subconsumer_timeout: '1 second',
            ...keys,
          });
        await database.query("select pgq_coop.register_subconsumer('q', 'reader', 'one')");
        await using writers = new Writers(database);
        await using one = start('one');
        await using two = start('two');
        await waitUntilSeen(
          'both have read something',
          async () => ({
            readers: await database.query('select distinct reader from public.seen'),
            output: one.output + two.output,
          }),
          ({ readers }) => readers.length === 2,
        );
        {
          await using killed = start('three', { hang: 'now-1' });
          await one.kill();
          await two.kill();
          await writeEvents(database, 'now', 1);
          await hangs(database, () => killed.output);
          await killed.kill();
        }
        await using four = start('four');
        await batchesAreRead(database, 15n);
        await writers.stop();
        await endIsSeen(database, () => four.output);
        await waitUntilSeen(
          'the batch of the killed one is taken over',
          () => differences(database),
          (rows) => rows.length === 0,
        );
        expect(await database.query("select reader from public.seen where data = 'now-1'")).toEqual([
          { reader: 'four' },
        ]);
      },
    );
  },
);
