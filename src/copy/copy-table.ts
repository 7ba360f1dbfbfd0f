import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import type { BoundHandler } from '../handlers/registry.js';
import { columnList, copyColumns, readCopySide } from './copy-columns.js';
import { chooseFormat, formatSql } from './copy-format.js';
import { copyOut } from './copy-out.js';
import { findSecondaryIndexes } from './secondary-indexes.js';
import { streamRows, type Throttle } from './stream-rows.js';

/** How far a copy is; counts only grow within one phase. */
export interface CopyProgress {
  readonly phase: 'waiting' | 'data' | 'indexes' | 'catching-up' | 'done' | 'failed';
  readonly bytesDone: number;
  readonly rowsDone: number;
  readonly rowsExpected: number;
  readonly bytesExpected: number;
}

export interface CopyTableOptions {
  /** In a transaction with the snapshot to copy, which is ended when the rows have been read. */
  readonly reader: Connection;
  /** In the copy's transaction. */
  readonly writer: Connection;
  /** Name on the provider. */
  readonly sourceTable: string;
  /** Name on the subscriber. */
  readonly destTable: string;
  readonly queueName: string;
  /** Name in the queue. */
  readonly tableName: string;
  /** Which rows and columns are copied, as what and where to. */
  readonly handler: Pick<BoundHandler, 'selection' | 'columnHere' | 'openCopy'>;
  /** Leave the rows that are there. */
  readonly skipTruncate: boolean;
  readonly report: (progress: CopyProgress) => void;
  readonly throttle: Throttle;
  readonly signal: AbortSignal;
}

/** From this many rows on, building the indexes afterwards is cheaper than keeping them up. */
export const INDEXES_AFTER_ROWS = 10_000n;

/**
 * Copies one table inside the caller's two transactions: empties it, streams the rows through with back-pressure,
 * builds its indexes. Nothing is there before the caller commits, and after a crash nothing has changed.
 *
 * Throws PC403 and PC406 when the tables do not fit, and the server's error when a row cannot be written.
 */
export async function copyTable(options: CopyTableOptions): Promise<CopyProgress> {
  const { reader, writer, sourceTable, destTable, report, signal } = options;
  const source = await readCopySide(reader, sourceTable);
  const dest = await readCopySide(writer, destTable);
  const { selection, columnHere, openCopy } = options.handler;
  const columns = copyColumns(sourceTable, source, dest, selection, columnHere);
  const columnsHere = columns.map((name) => columnHere?.(name) ?? name);
  const rowsExpected = Number(source.rowsExpected);
  const bytesExpected = Number(source.bytes);
  let bytesDone = 0;
  let rowsDone = 0;
  const progress = (phase: CopyProgress['phase']): CopyProgress => ({
    phase,
    bytesDone,
    rowsDone,
    rowsExpected,
    bytesExpected,
  });
  report(progress('data'));

  const target = await openCopy?.({ tx: writer, tableName: options.tableName, destTable, columns });
  if (!options.skipTruncate) {
    if (target !== undefined) await target.empty();
    else await writer.execute(`truncate ${dest.relkind === 'r' ? 'only ' : ''}${quoteName(destTable)}`);
  }
  const format = await chooseFormat({ ...options, relkind: source.relkind, columns, columnsHere });
  const indexes =
    options.skipTruncate || target !== undefined || source.rowsExpected < INDEXES_AFTER_ROWS
      ? []
      : await findSecondaryIndexes(writer, destTable);
  for (const index of indexes) await writer.execute(index.drop);

  await streamRows({
    reader,
    copyOut: await copyOut(reader, {
      ...options,
      ...options.handler,
      relkind: source.relkind,
      columns,
      format,
    }),
    writer,
    copyIn: `copy ${target?.tableSql ?? quoteName(destTable)} ${columnList(columnsHere)} from stdin${formatSql(format)}`,
    format,
    count: (rows, bytes) => {
      rowsDone += rows;
      bytesDone += bytes;
      report(progress('data'));
    },
    throttle: options.throttle,
    signal,
  });

  // The provider is not needed for the indexes: its table may be altered and its dead rows cleaned up again.
  await reader.execute('rollback');

  if (indexes.length > 0 || target !== undefined) report(progress('indexes'));
  await target?.finish();
  for (const index of indexes) {
    for (const statement of [index.create, ...index.finish]) {
      signal.throwIfAborted();
      await writer.execute(statement);
    }
  }
  return progress('catching-up');
}
