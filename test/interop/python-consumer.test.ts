import { describe, expect, test } from 'vitest';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { batchesAreRead, differences, endIsSeen, seenSoFar, Writers, writeEvents } from './event-load.js';
import { hangs, openTickedQueue } from './our-queue.js';
import { startPython } from './stock-program.js';

const reason = whyNoStockPackages();
const SCRIPT = 'stock-consumer.py';

describe.skipIf(reason !== undefined)(stockTitle("PgQ's Python consumer on our SQL", reason), () => {
  describe.each([10, 15, 18])('on PostgreSQL %i', (major) => {
    test('it registers, gets every event of concurrent writers once although it is killed, and unregisters', async () => {
      await using queue = await openTickedQueue(major);
      const { database } = queue;
      const run = async (option: string) => {
        await using program = startPython(SCRIPT, { db: database.conninfo }, [option]);
        return { exitCode: await program.exitCode(), output: program.output };
      };
      const consumers = () =>
        database.query("select consumer_name from pgq.get_consumer_info('q') where consumer_name = 'reader'");
      expect(await run('--register')).toMatchObject({ exitCode: 0 });
      expect(await consumers()).toEqual([{ consumer_name: 'reader' }]);

      await using writers = new Writers(database);
      {
        await using killed = startPython(SCRIPT, { db: database.conninfo, hang: 'now-1' });
        await batchesAreRead(database, 3n);
        await writeEvents(database, 'now', 1);
        await hangs(database, () => killed.output);
        await killed.kill();
      }
      await using program = startPython(SCRIPT, { db: database.conninfo });
      await batchesAreRead(database, 10n);
      await writers.stop();
      await endIsSeen(database, () => program.output);
      expect(await differences(database)).toEqual([]);
      expect((await seenSoFar(database)).events).toBeGreaterThan(50n);

      expect(await run('--unregister')).toMatchObject({ exitCode: 0 });
      expect(await consumers()).toEqual([]);
    });

    test('an event that it asks for again comes once more, and no other', async () => {
      await using queue = await openTickedQueue(major);
      const { database } = queue;
      await database.query("select pgq.register_consumer('q', 'reader')");
      await using program = startPython(SCRIPT, { db: database.conninfo, retry: 'event-2' });
      await writeEvents(database, 'event', 3);
      const seen = () => database.query('select data, retry from public.seen order by data, retry');
      await waitUntilSeen(
        'the event came again',
        async () => ({ rows: await seen(), output: program.output }),
        ({ rows }) => rows.length > 3,
      );
      await writeEvents(database, 'end', 1);
      await endIsSeen(database);
      expect(await seen()).toEqual([
        { data: 'end-1', retry: 0 },
        { data: 'event-1', retry: 0 },
        { data: 'event-2', retry: 0 },
        { data: 'event-2', retry: 1 },
        { data: 'event-3', retry: 0 },
      ]);
    });

    test('what its package writes, by one and by COPY, is what it reads', async () => {
      await using queue = await openTickedQueue(major);
      const { database } = queue;
      await database.query("select pgq.register_consumer('q', 'reader')");
      {
        await using producer = startPython('stock-producer.py', { db: database.conninfo });
        expect({ exitCode: await producer.exitCode(), output: producer.output }).toEqual({
          exitCode: 0,
          output: '',
        });
      }
      await writeEvents(database, 'end', 1);
      await using program = startPython(SCRIPT, { db: database.conninfo });
      await endIsSeen(database, () => program.output);
      expect(
        await database.query(
          'select count(*), count(distinct data) as texts, fields from public.seen group by fields order by fields',
        ),
      ).toEqual([
        { count: 1000n, texts: 1000n, fields: ['many', null, '', 'two\nlines', 'ä'] },
        { count: 1n, texts: 1n, fields: ['one', 'e1', null, '', 'x\ty\\z'] },
        { count: 1n, texts: 1n, fields: ['type', null, null, null, null] },
      ]);
    });
  });
});
