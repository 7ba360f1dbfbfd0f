import { applyBlock } from '../../src/apply/apply-block.js';
import type { BlockOutcome } from '../../src/apply/block-writer.js';
import { loadTargetTable } from '../../src/apply/load-target-table.js';
import type { TargetTable } from '../../src/apply/target-table.js';
import type { Connection } from '../../src/db/connection.js';
import { splitName } from '../../src/db/identifier.js';
import type { QueueEvent } from '../../src/queue/event.js';
import { eventId } from '../../src/queue/ids.js';
import { freshDatabase } from '../support/cluster.js';

export type Operation = 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';

/** An event before it has an id. */
export type EventFields = Partial<QueueEvent> & Pick<QueueEvent, 'type' | 'extra1'>;

/** Numbers events from 1. */
export function numbered(events: readonly EventFields[]): QueueEvent[] {
  return events.map((event, i) => ({
    txid: 1n,
    data: null,
    extra2: null,
    extra3: null,
    extra4: null,
    ...event,
    id: eventId(BigInt(i + 1)),
  }));
}

/** An event as our triggers write it. */
export function rowEvent(
  operation: Operation,
  table: string,
  key: readonly string[],
  row: Readonly<Record<string, unknown>> | string,
  oldRow?: Readonly<Record<string, unknown>>,
): EventFields {
  return {
    type: JSON.stringify({ op: operation, table: table.split('.'), pkey: key }),
    data: typeof row === 'string' ? row : JSON.stringify(row),
    extra1: table,
    extra2: oldRow === undefined ? null : JSON.stringify(oldRow),
  };
}

/** A subscriber's database with a session like the worker's. */
export interface Subscriber extends AsyncDisposable {
  readonly session: Connection;
  /** In the worker's session. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** One more session, with the settings of an application; closed with the subscriber. */
  application(): Promise<Connection>;
  /** Applies one block in a transaction of its own; tables that are not on the subscriber are not ours. */
  apply(events: readonly EventFields[]): Promise<BlockOutcome>;
  /** The rows of a table as texts, sorted. */
  rows(table: string): Promise<string[]>;
}

export async function openSubscriber(major: number): Promise<Subscriber> {
  const database = await freshDatabase(major, 'apply');
  const session = await database.connect();
  await session.execute("set session_replication_role = 'replica'");
  const others: Connection[] = [];
  return {
    session,
    query: (sql) => session.query(sql),
    application: async () => {
      const other = await database.application();
      others.push(other);
      return other;
    },
    apply: async (events) => {
      const numberedEvents = numbered(events);
      const tables = await loadTables(session, numberedEvents);
      return session.transaction((tx) =>
        applyBlock({ tx, tableOf: (name) => tables.get(name) }, numberedEvents),
      );
    },
    rows: async (table) => {
      const rows = await session.query<{ row: string }>(
        `select r::text as row from ${table} as r order by r::text collate pg_catalog."C"`,
      );
      return rows.map(({ row }) => row);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([session, ...others].map((open) => open.close()));
      await database[Symbol.asyncDispose]();
    },
  };
}

export async function loadTables(
  session: Connection,
  events: readonly QueueEvent[],
): Promise<Map<string, TargetTable>> {
  const tables = new Map<string, TargetTable>();
  for (const name of new Set(events.map(({ extra1 }) => extra1 as string))) {
    const { schema, name: table } = splitName(name);
    const found = await session.query(
      'select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
      [schema, table],
    );
    if (found.length > 0) tables.set(name, await loadTargetTable(session, name, name));
  }
  return tables;
}
