import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { hasColumn, type RowSelection } from '../handlers/row-selection.js';

/** What the copy has to know of one side's table. */
export interface CopySide {
  readonly relkind: 'r' | 'p';
  /** Not generated, in order of attnum. */
  readonly columns: readonly string[];
  /** The server's estimate; 0 when the table was never analyzed. */
  readonly rowsExpected: bigint;
  readonly bytes: bigint;
}

/** Reads one side's table. Throws PC406 when it is not there. */
export async function readCopySide(connection: Connection, tableName: string): Promise<CopySide> {
  const side = (await readCopySides(connection, [tableName])).get(tableName);
  if (side !== undefined) return side;
  throw new ReplicateError('PC406', `Table ${tableName} is not in the database at ${connection.target}.`);
}

/** Reads some of one side's tables. Those that are not there are left out. */
export async function readCopySides(
  connection: Connection,
  tableNames: readonly string[],
): Promise<ReadonlyMap<string, CopySide>> {
  const rows = await connection.query<{
    name: string;
    relkind: 'r' | 'p';
    columns: string[];
    rows_expected: bigint;
    bytes: bigint;
  }>(
    `select n.name,
            c.relkind::text as relkind,
            array(select a.attname::text
                    from pg_attribute as a
                   where a.attrelid = c.oid
                     and a.attnum > 0
                     and not a.attisdropped
                     and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
                   order by a.attnum) as columns,
            case c.relkind
                when 'r' then greatest(c.reltuples, 0)::bigint
                else (select coalesce(sum(greatest(p.reltuples, 0)), 0)::bigint
                        from pg_inherits as i join pg_class as p on p.oid = i.inhrelid
                       where i.inhparent = c.oid)
            end as rows_expected,
            case c.relkind
                when 'r' then pg_table_size(c.oid)
                else (select coalesce(sum(pg_table_size(i.inhrelid)), 0)::bigint
                        from pg_inherits as i where i.inhparent = c.oid)
            end as bytes
       from unnest($1::text[], $2::text[]) as n(name, quoted)
       join pg_class as c on c.oid = to_regclass(n.quoted)
      where c.relkind in ('r', 'p')`,
    [tableNames, tableNames.map(quoteName)],
  );
  return new Map(
    rows.map((row) => [
      row.name,
      { relkind: row.relkind, columns: row.columns, rowsExpected: row.rows_expected, bytes: row.bytes },
    ]),
  );
}

/**
 * The columns of both COPY commands: all of the provider's that the table's handler selects, which the subscriber must
 * have too.
 *
 * Throws PC403 naming those that it has not. A subscriber's own columns get their default.
 */
export function copyColumns(
  tableName: string,
  provider: CopySide,
  subscriber: CopySide,
  selection: RowSelection,
  columnHere: (name: string) => string | undefined = (name) => name,
): readonly string[] {
  const selected = provider.columns.filter(
    (column) => hasColumn(selection, column) && columnHere(column) !== undefined,
  );
  const there = new Set(subscriber.columns);
  const missing = selected.filter((column) => !there.has(columnHere(column) ?? column));
  if (missing.length > 0) {
    throw new ReplicateError(
      'PC403',
      `Table ${tableName} has no column ${missing.map((column) => `"${column}"`).join(', ')} on the subscriber.`,
      { table: tableName },
    );
  }
  return selected;
}

/** As COPY takes it; nothing for a table without columns. Pure. */
export function columnList(columns: readonly string[]): string {
  return columns.length === 0 ? '' : `(${columns.map(quoteIdentifier).join(', ')})`;
}
