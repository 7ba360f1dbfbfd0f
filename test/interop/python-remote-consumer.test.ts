import { describe, expect, test } from 'vitest';
import type { FreshDatabase } from '../support/cluster.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { batchesAreRead, endIsSeen, Writers, writeEvents } from './event-load.js';
import { hangs, openQueue, openTickedQueue } from './our-queue.js';
import { startPython } from './stock-program.js';

const reason = whyNoStockPackages();
const ALL = 'select data, count(*) from %s group by data order by data';

describe.skipIf(reason !== undefined)(stockTitle("PgQ's remote Python consumer on our SQL", reason), () => {
  test.each([
    [10, 18],
    [15, 10],
    [18, 15],
  ])(
    'it writes every event of concurrent writers once although it is killed before and after its commit, from PostgreSQL %i to %i',
    async (from, to) => {
      await using queue = await openTickedQueue(from);
      await using target = await openQueue(to);
      const { database } = queue;
      const start = (keys: Readonly<Record<string, string>> = {}) =>
        startPython('stock-consumer.py', {
          kind: 'remote',
          db: database.conninfo,
          remote_db: target.conninfo,
          ...keys,
        });
      await database.query("select pgq.register_consumer('q', 'reader')");
      await using writers = new Writers(database);
      {
        await using killed = start({ hang: 'now-1' });
        await batchesAreRead(target, 3n);
        await writeEvents(database, 'now', 1);
        await hangs(target, () => killed.output);
        await killed.kill();
      }
      {
        // Held up in the target when its batch is open, and then here when it wants to finish that batch.
        await using targetHolder = await target.connect();
        await using holder = await database.connect();
        await targetHolder.execute('begin; lock table public.seen in share mode');
        await using killed = start();
        const waits = (where: FreshDatabase, statement: string) =>
          waitUntilSeen(
            `it waits in "${statement}"`,
            async () => ({
              sessions: await where.query(
                `select pid from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
                [`%${statement}%`],
              ),
              output: killed.output,
            }),
            ({ sessions }) => sessions.length > 0,
          );
        await waits(target, 'insert into public.seen');
        await holder.execute('begin; select 1 from pgq.subscription for update');
        await targetHolder.execute('rollback');
        await waits(database, 'pgq.finish_batch');
        await killed.kill();
        await holder.execute('rollback');
      }
      await using program = start();
      await batchesAreRead(target, 10n);
      await writers.stop();
      await endIsSeen(target, () => program.output);
      expect(await target.query(ALL.replace('%s', 'public.seen'))).toEqual(
        await database.query(ALL.replace('%s', 'public.written')),
      );
    },
  );
});
