import type { Connection } from '../../src/db/connection.js';
import { quoteIdentifier } from '../../src/db/identifier.js';

const EXAMPLES = 3;

interface Table {
  readonly [column: string]: unknown;
  readonly name: string;
  readonly row: string;
}

/**
 * Compares every row of every application table of two databases, by the text of all columns (floats by their bits, because
 * their text changed with PostgreSQL 12). Returns one line per table that differs, empty when all are equal.
 *
 * It shares no code with `compare`, so that it can judge it.
 */
export async function findDifferences(old: Connection, fresh: Connection): Promise<string[]> {
  const tables = await listTables(old);
  const others = new Map((await listTables(fresh)).map((table) => [table.name, table]));
  const differences: string[] = [];
  for (const table of tables) {
    const other = others.get(table.name);
    if (other === undefined) {
      differences.push(`${table.name}: is not on the other side`);
      continue;
    }
    const [left, right] = await Promise.all([summary(old, table), summary(fresh, other)]);
    if (left === right) continue;
    const [leftRows, rightRows] = await Promise.all([rows(old, table), rows(fresh, other)]);
    differences.push(`${table.name}: ${describe(leftRows, rightRows)}`);
  }
  return differences;
}

/** The tables that hold rows of their own name: partitions are seen through their root. Columns by name, as both sides may order them differently. */
async function listTables(connection: Connection): Promise<Table[]> {
  const found = await connection.query<{
    schema: string;
    table: string;
    columns: string[];
    types: string[];
  }>(`
    select n.nspname as schema, c.relname as table,
           array_agg(a.attname::text order by a.attname) as columns,
           array_agg(pg_catalog.format_type(a.atttypid, null) order by a.attname) as types
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p') and not c.relispartition
       and n.nspname !~ '^pg_' and n.nspname not in
           ('information_schema', 'pgq', 'pgq_ext', 'pgq_node', 'pgq_coop', 'londiste', 'pgcascade')
     group by 1, 2
     order by 1, 2`);
  return found.map(({ schema, table, columns, types }) => ({
    name: `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`,
    row: `row(${columns.map((column, at) => comparable(column, types[at] ?? '')).join(', ')})::text`,
  }));
}

function comparable(column: string, type: string): string {
  const name = quoteIdentifier(column);
  switch (type) {
    case 'real':
      return `pg_catalog.float4send(${name})`;
    case 'double precision':
      return `pg_catalog.float8send(${name})`;
    case 'real[]':
    case 'double precision[]':
      return `pg_catalog.array_send(${name})`;
    default:
      return name;
  }
}

async function summary(connection: Connection, table: Table): Promise<string> {
  const { text } = await connection.one<{ text: string }>(`
    select count(*) || ' ' || coalesce(sum(('x' || substr(md5(r), 1, 15))::bit(60)::bigint), 0) as text
      from (select ${table.row} as r from ${table.name}) s`);
  return text;
}

async function rows(connection: Connection, table: Table): Promise<string[]> {
  const found = await connection.query<{ r: string }>(`select ${table.row} as r from ${table.name}`);
  return found.map(({ r }) => r);
}

function describe(left: readonly string[], right: readonly string[]): string {
  const surplus = new Map<string, number>();
  for (const row of left) surplus.set(row, (surplus.get(row) ?? 0) + 1);
  for (const row of right) surplus.set(row, (surplus.get(row) ?? 0) - 1);
  const lacking = [...surplus].filter(([, count]) => count > 0).map(([row]) => row);
  const extra = [...surplus].filter(([, count]) => count < 0).map(([row]) => row);
  return (
    `${left.length} against ${right.length} rows; ` +
    `only on the first ${lacking.length} (${lacking.slice(0, EXAMPLES).join(' ')}), ` +
    `only on the second ${extra.length} (${extra.slice(0, EXAMPLES).join(' ')})`
  );
}
