import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';

/** What tells that a row is here. */
export interface DestKey {
  readonly oid: number;
  readonly relkind: 'r' | 'p';
  /** Columns of the primary key, by name; empty when there is none that is checked at once. */
  readonly columns: readonly string[];
  /** A statement with `on conflict` is refused, or cannot be had. */
  readonly refusesOnConflict: boolean;
}

/** PostgreSQL 10 has no `on conflict` for a partitioned table. */
const CONFLICT_ON_PARTITIONED_FROM = 110_000;

/** Reads the key of a table of the subscriber, which is there. */
export async function readDestKey(subscriber: Connection, destTable: string): Promise<DestKey> {
  const row = await subscriber.one<{
    oid: number;
    relkind: 'r' | 'p';
    columns: string[];
    has_deferrable: boolean;
  }>(
    `select c.oid, c.relkind::text as relkind,
            array(select a.attname::text
                    from pg_index as x
                    join pg_attribute as a on a.attrelid = c.oid and a.attnum = any (x.indkey::int2[])
                   where x.indrelid = c.oid and x.indisprimary and x.indisvalid and x.indimmediate
                   order by a.attname) as columns,
            exists (select from pg_index as x where x.indrelid = c.oid and not x.indimmediate) as has_deferrable
       from pg_class as c
      where c.oid = $1::regclass`,
    [quoteName(destTable)],
  );
  const isOldPartitioned = row.relkind === 'p' && subscriber.serverVersion < CONFLICT_ON_PARTITIONED_FROM;
  return {
    oid: row.oid,
    relkind: row.relkind,
    columns: row.columns,
    refusesOnConflict: row.has_deferrable || isOldPartitioned,
  };
}
