import type { Connection } from '../../../src/db/connection.js';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { loadSchemaFiles } from '../../../src/install/schema-files.js';
import { findSqlRoot } from '../../../src/install/sql-root.js';
import { type FreshDatabase, freshDatabase } from '../../support/cluster.js';

/** The server versions that every routine is tested on. */
export const MAJORS = [10, 18] as const;

/** A database with schema pgq and one queue, `q`, with a consumer, `c`, registered at its first tick. */
export interface QueueFixture extends AsyncDisposable {
  readonly database: FreshDatabase;
  /** A session with the settings of an application. */
  readonly session: Connection;
  /** One more session; closed with the fixture. */
  open(): Promise<Connection>;
  /** The result of `select <expression>` in `session`. */
  value<T = unknown>(expression: string, values?: readonly unknown[]): Promise<T>;
  /** Writes an event in a transaction of its own and returns its id. */
  write(data: string): Promise<bigint>;
  /** Makes a tick now, whatever the settings of the queue say. */
  tick(): Promise<bigint>;
  /** Opens the consumer's next batch, reads the data of its events, closes it. Undefined: there was none. */
  readBatch(consumer?: string): Promise<string[] | undefined>;
  /** Reads batches until there are none. */
  readAll(consumer?: string): Promise<string[]>;
}

export async function openQueue(major: number): Promise<QueueFixture> {
  const database = await freshDatabase(major, 'pgq');
  const sessions: Connection[] = [];
  const open = async () => {
    const session = await database.application();
    sessions.push(session);
    return session;
  };
  const session = await open();
  await installSchemas(session, {
    schemas: loadSchemaFiles(findSqlRoot()).filter(({ schema }) => schema === 'pgq'),
  });

  const value = async <T = unknown>(expression: string, values?: readonly unknown[]) =>
    (await session.one<{ value: T }>(`select ${expression} as value`, values)).value;

  const readBatch = async (consumer = 'c') => {
    const batch = await value<bigint | null>("pgq.next_batch('q', $1)", [consumer]);
    if (batch === null) return undefined;
    const rows = await session.query<{ ev_data: string }>('select ev_data from pgq.get_batch_events($1)', [
      batch,
    ]);
    await session.query('select pgq.finish_batch($1)', [batch]);
    return rows.map((row) => row.ev_data);
  };

  await session.query("select pgq.create_queue('q')");
  await session.query("select pgq.set_queue_config('q', 'ticker_max_lag', '0')");
  await session.query("select pgq.set_queue_config('q', 'ticker_idle_period', '0')");
  await session.query("select pgq.register_consumer('q', 'c')");

  return {
    database,
    session,
    open,
    value,
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
    [Symbol.asyncDispose]: async () => {
      await Promise.all(sessions.map((s) => s.close()));
      await database[Symbol.asyncDispose]();
    },
  };
}
