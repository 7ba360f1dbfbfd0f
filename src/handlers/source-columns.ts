import type { Connection } from '../db/connection.js';

/** A column of the provider's table as its events hold it: generated ones are not sent. */
export interface SourceColumn {
  readonly name: string;
  /** Below all domains, without a length, as SQL with a schema where it is not of PostgreSQL itself. */
  readonly type: string;
}

/**
 * Reads the columns of tables on the provider, whatever program keeps that, by their names in the queue. A table that
 * is not there is left out. Changes nothing.
 */
export async function readSourceColumns(
  provider: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<ReadonlyMap<string, readonly SourceColumn[]>> {
  const rows = await provider.query<{ table_name: string; name: string; type: string }>(SOURCE_COLUMNS_SQL, [
    queueName,
    tableNames,
  ]);
  const tables = new Map<string, SourceColumn[]>();
  for (const { table_name: tableName, name, type } of rows) {
    const columns = tables.get(tableName) ?? [];
    columns.push({ name, type });
    tables.set(tableName, columns);
  }
  return tables;
}

/** The first dot splits schema and name. The catalogue of servers before version 12 has no attgenerated. */
const SOURCE_COLUMNS_SQL = `
    with recursive below as (
            select l.table_name, a.attnum, a.attname::text as name, a.atttypid as type
              from londiste.get_table_list($1) as l
             cross join lateral (select coalesce(l.dest_table, l.table_name) as dest) as d
              join pg_namespace as n
                on n.nspname = left(d.dest, strpos(d.dest, '.') - 1)
              join pg_class as c
                on c.relnamespace = n.oid
               and c.relname = substr(d.dest, strpos(d.dest, '.') + 1)
              join pg_attribute as a
                on a.attrelid = c.oid
             where l.table_name = any ($2::text[])
               and a.attnum > 0
               and not a.attisdropped
               and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
            union all
            select b.table_name, b.attnum, b.name, t.typbasetype
              from below as b
              join pg_type as t
                on t.oid = b.type
             where t.typtype = 'd'
         )
    select b.table_name, b.name, format_type(b.type, -1) as type
      from below as b
      join pg_type as t
        on t.oid = b.type
     where t.typtype <> 'd'
     order by b.table_name, b.attnum`;
