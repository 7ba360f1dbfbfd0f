import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import { columnList } from './copy-columns.js';
import { formatSql } from './copy-format.js';
import { type CopyOutOptions, copyOut } from './copy-out.js';
import { type PagedTable, type PageRange, rangeSql } from './page-ranges.js';
import { streamRows, type Throttle } from './stream-rows.js';

const STAGING = 'pg_temp.pgc_copied';

export interface CopyRangeOptions {
  readonly source: Omit<CopyOutOptions, 'where' | 'relkind'>;
  readonly paged: PagedTable;
  /** Name on the subscriber. */
  readonly destTable: string;
  /** How rows that are here already are left out. */
  readonly leavesOut: 'by conflict' | 'by key';
  /** Names on the subscriber, of the columns and of the key's. */
  readonly columnsHere: readonly string[];
  readonly keyHere: readonly string[];
  /** Some of the range's rows may be here already, as they are in the snapshot. */
  readonly mayBeHere: boolean;
  readonly count: (rows: number, bytes: number) => void;
  readonly throttle: Throttle;
  readonly signal: AbortSignal;
}

/**
 * Copies the rows of one range: `reader` has the copy's snapshot, `tx` is a transaction of the range's own. Rows that are here already are
 * left alone.
 */
export async function copyRange(
  reader: Connection,
  tx: Connection,
  range: PageRange,
  options: CopyRangeOptions,
): Promise<void> {
  const { source, paged, destTable, columnsHere, mayBeHere, count, throttle, signal } = options;
  const where = rangeSql(range, paged, reader.serverVersion);
  const out = await copyOut(reader, { ...source, relkind: 'r', where });
  const columns = columnList(columnsHere);
  if (mayBeHere) {
    const list = columns === '' ? '' : columns.slice(1, -1);
    await tx.execute(
      `create temp table pgc_copied on commit drop as select ${list} from ${quoteName(destTable)} with no data`,
    );
  }
  const copyIn = `copy ${mayBeHere ? STAGING : quoteName(destTable)} ${columns} from stdin${formatSql(source.format)}`;
  const { format } = source;
  await streamRows({ reader, copyOut: out, writer: tx, copyIn, format, count, throttle, signal });
  if (mayBeHere) await tx.execute(insertMissingSql(options));
}

function insertMissingSql({ destTable, leavesOut, columnsHere, keyHere }: CopyRangeOptions): string {
  const columns = columnList(columnsHere);
  const dest = quoteName(destTable);
  const rows = `insert into ${dest} ${columns} overriding system value select ${columns.slice(1, -1)} from ${STAGING} as s`;
  if (leavesOut === 'by conflict') return `${rows} on conflict do nothing`;
  const sameKey = keyHere.map(quoteIdentifier).map((name) => `d.${name} = s.${name}`);
  return `${rows} where not exists (select from ${dest} as d where ${sameKey.join(' and ')})`;
}
