import type { FreshDatabase } from '../support/cluster.js';
import { installedDatabase } from '../support/installed-database.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { prepareLoad } from './event-load.js';
import { type StockProgram, startPgqd } from './stock-program.js';

/** A database with our SQL and queue `q` of a load, which the stock pgqd looks after. */
export interface TickedQueue extends AsyncDisposable {
  readonly database: FreshDatabase;
  readonly pgqd: StockProgram;
}

/** A database with our SQL, and queue `q` of a load that nobody ticks yet. */
export async function openQueue(major: number): Promise<FreshDatabase> {
  const database = await installedDatabase(major, 'interop');
  await prepareLoad(database);
  return database;
}

export async function openTickedQueue(major: number): Promise<TickedQueue> {
  const database = await openQueue(major);
  const pgqd = startPgqd(database.cluster, [database.name]);
  return {
    database,
    pgqd,
    [Symbol.asyncDispose]: async () => {
      await pgqd[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Waits until a program that was told to hang does so: it has written into a transaction that is open. */
export async function hangs(database: FreshDatabase, explain: () => string): Promise<void> {
  await waitUntilSeen(
    'the program hangs',
    async () => {
      const sessions = await database.query(
        `select pid from pg_stat_activity
          where datname = current_database() and state = 'idle in transaction' and query = 'select ''hangs'''`,
      );
      return { sessions, explanation: explain() };
    },
    ({ sessions }) => sessions.length > 0,
  );
}
