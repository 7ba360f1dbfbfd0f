import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';

/** The provider's table as ranges of its pages see it. */
export interface PagedTable {
  /** Changes when the table is written anew, and rows have other places than before without an event. */
  readonly file: string;
  readonly pages: bigint;
  /** With what is stored out of line, without indexes. */
  readonly bytes: bigint;
  readonly rowsPerPage: number;
  /** Columns of the primary key; empty when there is none that is checked at once. */
  readonly keyColumns: readonly string[];
}

/** Pages of the provider's table from `from` on, up to `to` or to the table's end. */
export interface PageRange {
  readonly number: number;
  readonly from: bigint;
  readonly to: bigint | undefined;
}

/** The smallest distance from one row of a page to the next: the row's header and its place in the page's list. */
const LEAST_ROW_BYTES = 28;
const PAGE_HEADER_BYTES = 24;
/** From this version on a condition on ctid reads only the pages that it is about. */
const RANGE_SCANS_FROM = 140_000;
/** Before that all places of a range are one array, which cannot have more than 1 GB. */
const MOST_PAGES = 100_000;

/** Undefined when the table is not in ranges of pages: a partitioned one. Read in the copy's snapshot, all of its rows are on the pages that it tells. */
export async function readPagedTable(
  connection: Connection,
  tableName: string,
): Promise<PagedTable | undefined> {
  const [row] = await connection.query<{
    file: string;
    pages: bigint;
    bytes: bigint;
    page_bytes: number;
    key_columns: string[];
  }>(
    `select concat_ws('/', d.oid, c.oid, pg_relation_filenode(c.oid)) as file,
            pg_relation_size(c.oid) / current_setting('block_size')::int as pages,
            pg_table_size(c.oid) as bytes,
            current_setting('block_size')::int as page_bytes,
            array(select a.attname::text
                    from pg_index as x
                   cross join unnest(x.indkey::int2[]) with ordinality as k(attnum, place)
                    join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum
                   where x.indrelid = c.oid
                     and x.indisprimary
                     and x.indisvalid
                     and x.indimmediate
                   order by k.place) as key_columns
       from pg_class as c
       join pg_database as d on d.datname = current_database()
      where c.oid = to_regclass($1)
        and c.relkind = 'r'`,
    [quoteName(tableName)],
  );
  if (row === undefined) return undefined;
  return {
    file: row.file,
    pages: row.pages,
    bytes: row.bytes,
    rowsPerPage: Math.floor((row.page_bytes - PAGE_HEADER_BYTES) / LEAST_ROW_BYTES),
    keyColumns: row.key_columns,
  };
}

/** How a table is divided: so that a range has about `splitBytes`. Pure. */
export function divide(
  { pages, bytes }: Pick<PagedTable, 'pages' | 'bytes'>,
  splitBytes: number,
): { readonly rangePages: bigint; readonly rangeCount: number } {
  if (pages === 0n) return { rangePages: 1n, rangeCount: 1 };
  const bytesPerPage = Number(bytes) / Number(pages);
  const rangePages = BigInt(Math.min(MOST_PAGES, Math.max(1, Math.floor(splitBytes / bytesPerPage))));
  return { rangePages, rangeCount: Number((pages + rangePages - 1n) / rangePages) };
}

/** The ranges; the last has no end, since a table may have grown when it is read once more. Pure. */
export function pageRanges(rangePages: bigint, rangeCount: number): PageRange[] {
  return Array.from({ length: rangeCount }, (_, number) => ({
    number,
    from: BigInt(number) * rangePages,
    to: number === rangeCount - 1 ? undefined : BigInt(number + 1) * rangePages,
  }));
}

/**
 * The condition for the rows of a range. Before PostgreSQL 14 a condition on ctid reads the whole table, unless it names each
 * place that may hold a row: then `pages` has to be the table's size now.
 */
export function rangeSql(
  { from, to }: PageRange,
  { pages, rowsPerPage }: Pick<PagedTable, 'pages' | 'rowsPerPage'>,
  serverVersion: number,
): string {
  if (serverVersion >= RANGE_SCANS_FROM) {
    const end = to === undefined ? '' : ` and ctid < '(${to},0)'::tid`;
    return `ctid >= '(${from},0)'::tid${end}`;
  }
  const last = (to === undefined || to > pages ? pages : to) - 1n;
  return `ctid = any (array(
    select ('(' || page || ',' || place || ')')::tid
      from generate_series(${from}, ${last}) as page, generate_series(1, ${rowsPerPage}) as place))`;
}
