import type { Connection, Row } from '../../../src/db/connection.js';
import type { SchemaName } from '../../../src/install/schema-files.js';
import type { FreshDatabase } from '../../support/cluster.js';
import { installedDatabase } from '../../support/installed-database.js';
import { waitUntil } from '../../support/wait-until.js';

/** The server versions that every routine is tested on. */
export const MAJORS = [10, 18] as const;

/**
 * A database with schema pgq and one queue, `q`, whose ticker ticks whenever it is asked; consumer `c` is registered
 * at its first tick. More schemas are installed when they are asked for.
 */
export interface QueueFixture extends AsyncDisposable {
  readonly database: FreshDatabase;
  /** A session with the settings of an application. */
  readonly session: Connection;
  /** One more session; closed with the fixture. */
  open(): Promise<Connection>;
  /** The rows of a statement in `session`. */
  rows<R extends Row = Row>(sql: string, values?: readonly unknown[]): Promise<R[]>;
  /** The result of `select <expression>` in `session`. */
  value<T = unknown>(expression: string, values?: readonly unknown[]): Promise<T>;
  /** The message of the error that `select <expression>` raises. */
  error(expression: string): Promise<string>;
  /** Writes an event in a transaction of its own and returns its id. */
  write(data: string): Promise<bigint>;
  /** Makes a tick and returns its id. */
  tick(): Promise<bigint>;
  /** Opens the consumer's next batch, reads the data of its events, closes it. Undefined: there was none. */
  readBatch(consumer?: string): Promise<string[] | undefined>;
  /** Reads batches until there are none. */
  readAll(consumer?: string): Promise<string[]>;
  /** Waits until the server process waits for a lock. */
  blocked(pid: number): Promise<void>;
}

export async function openQueue(
  major: number,
  schemas: readonly SchemaName[] = ['pgq'],
): Promise<QueueFixture> {
  const database = await installedDatabase(major, 'pgq', schemas);
  const sessions: Connection[] = [];
  const open = async () => {
    const session = await database.application();
    sessions.push(session);
    return session;
  };
  const session = await open();

  const value = async <T = unknown>(expression: string, values?: readonly unknown[]) =>
    (await session.one<{ value: T }>(`select ${expression} as value`, values)).value;

  const readBatch = async (consumer = 'c') => {
    const batch = await value<bigint | null>("pgq.next_batch('q', $1)", [consumer]);
    if (batch === null) return undefined;
    const events = await session.query<{ ev_data: string }>('select ev_data from pgq.get_batch_events($1)', [
      batch,
    ]);
    await session.query('select pgq.finish_batch($1)', [batch]);
    return events.map((row) => row.ev_data);
  };

  await session.query("select pgq.create_queue('q')");
  await session.query("select pgq.set_queue_config('q', 'ticker_max_lag', '0')");
  await session.query("select pgq.set_queue_config('q', 'ticker_idle_period', '0')");
  await session.query("select pgq.register_consumer('q', 'c')");

  return {
    database,
    session,
    open,
    rows: (sql, values) => session.query(sql, values),
    value,
    error: (expression) => errorOf(value(expression)),
    write: (data) => value("pgq.insert_event('q', 'type', $1)", [data]),
    tick: () => value("pgq.ticker('q')"),
    readBatch,
    readAll: async (consumer) => {
      const all: string[] = [];
      for (let data = await readBatch(consumer); data !== undefined; data = await readBatch(consumer)) {
        all.push(...data);
      }
      return all;
    },
    blocked: async (pid) => {
      await waitUntil(`session ${pid} waits for a lock`, () =>
        value<boolean>('exists (select from pg_catalog.pg_locks where pid = $1 and not granted)', [pid]),
      );
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(sessions.map((s) => s.close()));
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The message of the error that a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('An error was expected.');
}

/** The process id of a session's server process. */
export async function pidOf(session: Connection): Promise<number> {
  return (await session.one<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')).pid;
}
