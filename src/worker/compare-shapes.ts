import type { Connection } from '../db/connection.js';

/** Columns that events have values for, with their types. Plain SQL: the provider may have nothing of ours. */
const COLUMNS = `
  select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_namespace as n
    join pg_class as c
      on c.relnamespace = n.oid
    join pg_attribute as a
      on a.attrelid = c.oid
   where n.nspname = left($1, strpos($1, '.') - 1)
     and c.relname = substr($1, strpos($1, '.') + 1)
     and a.attnum > 0
     and not a.attisdropped
     and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
   order by a.attnum`;

interface ColumnRow extends Record<string, unknown> {
  readonly name: string;
  readonly type: string;
}

/**
 * Says in sentences in what a table's columns differ from the provider's at this moment; none when they do not, or the table is
 * missing on a side. Changes nothing.
 */
export async function compareShapes(
  provider: Connection,
  subscriber: Connection,
  table: { readonly queueName: string; readonly queueTable: string; readonly destTable: string },
): Promise<string[]> {
  const [source] = await provider.query<{ dest: string }>(
    'select coalesce(dest_table, table_name) as dest from londiste.get_table_list($1) where table_name = $2',
    [table.queueName, table.queueTable],
  );
  const there = await provider.query<ColumnRow>(COLUMNS, [source?.dest ?? table.queueTable]);
  const here = await subscriber.query<ColumnRow>(COLUMNS, [table.destTable]);
  return describeDifferences(there, here);
}

/** The sentences of `compareShapes`. Pure. */
export function describeDifferences(there: readonly ColumnRow[], here: readonly ColumnRow[]): string[] {
  if (there.length === 0 || here.length === 0) return [];
  const types = new Map(here.map(({ name, type }) => [name, type]));
  const names = new Set(there.map(({ name }) => name));
  const missing = there.filter(({ name }) => !types.has(name)).map(({ name, type }) => `${name} ${type}`);
  const surplus = here.filter(({ name }) => !names.has(name)).map(({ name, type }) => `${name} ${type}`);
  const others = there.flatMap(({ name, type }) => {
    const own = types.get(name);
    return own === undefined || own === type ? [] : [`${name} is ${type} there and ${own} here`];
  });
  return [
    ...(missing.length > 0 ? [`Only the provider has: ${missing.join(', ')}.`] : []),
    ...(surplus.length > 0 ? [`Only this node has: ${surplus.join(', ')}.`] : []),
    ...(others.length > 0 ? [`Other types: ${others.join('; ')}.`] : []),
  ];
}
