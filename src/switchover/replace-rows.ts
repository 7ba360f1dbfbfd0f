import { pipeline } from 'node:stream/promises';
import { copyColumns, readCopySide } from '../copy/copy-columns.js';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteLiteral, quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { WHOLE_TABLE } from '../handlers/row-selection.js';
import type { TouchedTable } from './lost-events.js';

/** So many keys go into one statement. */
const CHUNK = 2_000;

/**
 * Makes the rows with the given keys what they are in `reader`'s snapshot: those that are not there are deleted. In
 * the caller's transaction on both sides.
 */
export async function replaceRows(
  reader: Connection,
  writer: Connection,
  sourceTable: string,
  destTable: string,
  touched: TouchedTable,
): Promise<void> {
  const source = await readCopySide(reader, sourceTable);
  const dest = await readCopySide(writer, destTable);
  const columns = copyColumns(sourceTable, source, dest, WHOLE_TABLE).map(quoteIdentifier).join(', ');
  const rows = [...touched.rows.values()];
  const chunks = Array.from({ length: Math.ceil(rows.length / CHUNK) }, (_, i) =>
    rows.slice(i * CHUNK, (i + 1) * CHUNK),
  );
  const from = (relkind: 'r' | 'p', table: string) =>
    `${relkind === 'r' ? 'only ' : ''}${quoteName(table)} as t`;
  // All deletes come first: a row may have a unique value that another one had.
  for (const chunk of chunks) {
    const keys = await keySource(writer, destTable, touched.keyColumns, chunk);
    await writer.execute(`delete from ${from(dest.relkind, destTable)} where ${keys}`);
  }
  for (const chunk of chunks) {
    const keys = await keySource(reader, sourceTable, touched.keyColumns, chunk);
    await pipeline(
      reader.copyTo(
        `copy (select ${columns} from ${from(source.relkind, sourceTable)} where ${keys}) to stdout`,
      ),
      writer.copyFrom(`copy ${quoteName(destTable)} (${columns}) from stdin`),
    );
  }
}

/** The condition that a row of `t` has one of the keys. The types are those of this side's columns. */
async function keySource(
  connection: Connection,
  tableName: string,
  keyColumns: readonly string[],
  rows: readonly string[],
): Promise<string> {
  const types = await connection.query<{ name: string; type: string }>(
    `select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type
       from pg_attribute as a
      where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`,
    [quoteName(tableName)],
  );
  const typeOf = new Map(types.map(({ name, type }) => [name, type]));
  const definitions = keyColumns.map((name) => {
    const type = typeOf.get(name);
    if (type === undefined) {
      throw new ReplicateError(
        'PC403',
        `Table ${tableName} at ${connection.target} has no column "${name}".`,
      );
    }
    return `${quoteIdentifier(name)} ${type}`;
  });
  const isSame = keyColumns
    .map((name) => `t.${quoteIdentifier(name)} = k.${quoteIdentifier(name)}`)
    .join(' and ');
  return `exists (select from json_to_recordset(${quoteLiteral(`[${rows.join(',')}]`)}) as k(${definitions.join(', ')}) where ${isSame})`;
}
