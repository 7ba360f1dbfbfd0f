import { createHash } from 'node:crypto';
import type { Connection, Row } from '../../src/db/connection.js';
import { quoteIdentifier } from '../../src/db/identifier.js';

/** Values are read as texts under these settings on both sides. */
export const READING_SESSION = `
  set search_path = pg_catalog; set DateStyle = ISO; set IntervalStyle = postgres; set TimeZone = 'UTC';
  set bytea_output = hex; set extra_float_digits = 3; set lc_monetary = 'C'; set xmlbinary = base64; set row_security = off`;

/** What no text form of a row has. */
const SEPARATOR = '\0';
const SHOWN = 300;
const EXAMPLES = 4;

interface Column extends Row {
  readonly name: string;
  readonly type: string;
}

export interface TableRows {
  readonly table: string;
  /** One text a row: its columns by name, with SEPARATOR between them, sorted. */
  readonly rows: readonly string[];
}

/** The rows of all tables of a schema, those of partitions as their parent's; all of them, or those that meet a condition. */
export async function readRows(
  connection: Connection,
  schema: string,
  condition = 'true',
): Promise<TableRows[]> {
  const tables = await connection.query<{ name: string; kind: string; columns: Column[] }>(
    `select c.relname::text as name, c.relkind::text as kind,
            coalesce((select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null)) order by a.attname)
                        from pg_attribute as a
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]')::jsonb as columns
       from pg_class as c
      where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      order by c.relname::text collate "C"`,
    [schema],
  );
  const read: TableRows[] = [];
  for (const { name, kind, columns: found } of tables) {
    const columns = typeof found === 'string' ? (JSON.parse(found) as Column[]) : found;
    const from = `${kind === 'r' ? 'only ' : ''}${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
    const texts = columns.map((column) => `row(${quoteIdentifier(column.name)})::text`);
    const rows = await connection.queryArrays(`select ${texts.join(', ')} from ${from} where ${condition}`);
    read.push({ table: name, rows: rows.map((row) => rowText(columns, row as string[])).sort() });
  }
  return read;
}

function rowText(columns: readonly Column[], values: readonly string[]): string {
  return columns.map(({ name, type }, at) => `${name}=${valueText(type, values[at] ?? '')}`).join(SEPARATOR);
}

/** PostgreSQL 12 changed the digits of floating point numbers, so that these are compared by what they mean. */
function valueText(type: string, text: string): string {
  const single = /real/.test(type);
  if (!single && !/double|float|point|box|lseg|line|path|polygon|circle/.test(type)) return text;
  return text.replace(/-?\d+(\.\d+)?(e[-+]?\d+)?/g, (digits) => {
    const value = single ? Math.fround(Number(digits)) : Number(digits);
    return Object.is(value, -0) ? '-0' : String(value);
  });
}

/** Tells whether two readings are the same, without keeping them. */
export function fingerprint(read: readonly TableRows[]): string {
  return createHash('md5').update(JSON.stringify(read)).digest('hex');
}

/** One line per table that is not the same. */
export function describeDifferences(root: readonly TableRows[], leaf: readonly TableRows[]): string[] {
  const others = new Map(leaf.map(({ table, rows }) => [table, rows]));
  const lines: string[] = [];
  for (const { table, rows } of root) {
    const other = others.get(table);
    others.delete(table);
    if (other === undefined) lines.push(`${table}: is not on the leaf`);
    else if (rows.join('\n') !== other.join('\n')) lines.push(`${table}: ${describeRows(rows, other)}`);
  }
  for (const table of others.keys()) lines.push(`${table}: is not on the root`);
  return lines;
}

function describeRows(root: readonly string[], leaf: readonly string[]): string {
  const surplus = new Map<string, number>();
  for (const row of root) surplus.set(row, (surplus.get(row) ?? 0) + 1);
  for (const row of leaf) surplus.set(row, (surplus.get(row) ?? 0) - 1);
  const differing = [...surplus].filter(([, count]) => count !== 0);
  const lacking = differing.filter(([, count]) => count > 0).map(([row]) => row);
  const extra = differing.filter(([, count]) => count < 0).map(([row]) => row);
  return (
    `${root.length} rows on the root, ${leaf.length} on the leaf; ` +
    `only on the root ${lacking.length}: ${shown(lacking)}; only on the leaf ${extra.length}: ${shown(extra)}` +
    (lacking.length === extra.length ? `; columns that differ: ${differingColumns(lacking, extra)}` : '')
  );
}

function shown(rows: readonly string[]): string {
  return rows
    .slice(0, EXAMPLES)
    .map((row) => `[${row.slice(0, SHOWN).replaceAll(SEPARATOR, ' ')}${row.length > SHOWN ? '…' : ''}]`)
    .join(' ');
}

/** Of rows that stand in the same place, the columns with other values. */
function differingColumns(root: readonly string[], leaf: readonly string[]): string {
  const found = root.flatMap((row, at) => {
    const others = leaf[at]?.split(SEPARATOR) ?? [];
    return row
      .split(SEPARATOR)
      .map((text, column) => [text, others[column] ?? 'nothing'] as const)
      .filter(([text, other]) => text !== other);
  });
  const texts = found
    .slice(0, 2 * EXAMPLES)
    .map(([text, other]) => `${text.slice(0, SHOWN)} against ${other.slice(0, SHOWN)}`);
  return texts.join(', ');
}
