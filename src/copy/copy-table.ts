import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import { isPartial, kindOfType, type RowSelection, selectedSql } from '../handlers/row-selection.js';
import { useSettings } from '../handlers/selection-settings.js';
import { readSourceColumns } from '../handlers/source-columns.js';
import { copyColumns, readCopySide } from './copy-columns.js';
import { findSecondaryIndexes } from './secondary-indexes.js';

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
  /** Which rows and columns are copied, and as what. */
  readonly selection: RowSelection;
  /** Leave the rows that are there. */
  readonly skipTruncate: boolean;
  readonly report: (progress: CopyProgress) => void;
  readonly signal: AbortSignal;
}

/** From this many rows on, building the indexes afterwards is cheaper than keeping them up. */
const INDEXES_AFTER_ROWS = 10_000n;
const NEWLINE = 10;

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
  const columns = copyColumns(sourceTable, source, dest, options.selection);
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

  if (!options.skipTruncate) {
    await writer.execute(`truncate ${dest.relkind === 'r' ? 'only ' : ''}${quoteName(destTable)}`);
  }
  const indexes =
    options.skipTruncate || source.rowsExpected < INDEXES_AFTER_ROWS
      ? []
      : await findSecondaryIndexes(writer, destTable);
  for (const index of indexes) await writer.execute(index.drop);

  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      signal.throwIfAborted();
      bytesDone += chunk.length;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) rowsDone++;
      report(progress('data'));
      done(null, chunk);
    },
  });
  await pipeline(
    reader.copyTo(await copyOut(options, source.relkind, columns)),
    count,
    writer.copyFrom(`copy ${quoteName(destTable)} ${columnList(columns)} from stdin`),
    { signal },
  );

  // The provider is not needed for the indexes: its table may be altered and its dead rows cleaned up again.
  await reader.execute('rollback');

  if (indexes.length > 0) report(progress('indexes'));
  for (const index of indexes) {
    for (const statement of index.create) {
      signal.throwIfAborted();
      await writer.execute(statement);
    }
  }
  return progress('catching-up');
}

function columnList(columns: readonly string[]): string {
  return columns.length === 0 ? '' : `(${columns.map(quoteIdentifier).join(', ')})`;
}

async function copyOut(
  { reader, sourceTable, queueName, tableName, selection }: CopyTableOptions,
  relkind: 'r' | 'p',
  columns: readonly string[],
): Promise<string> {
  // COPY of a table reads the table alone; the rows of a partitioned one are in its partitions.
  if (relkind === 'r' && !isPartial(selection) && selection.values.size === 0) {
    return `copy ${quoteName(sourceTable)} ${columnList(columns)} to stdout`;
  }
  await useSettings(reader, selection);
  const kinds = new Map(
    (await readSourceColumns(reader, queueName, [tableName]))
      .get(tableName)
      ?.map(({ name, type }) => [name, kindOfType(type)]),
  );
  const selected = columns.map((name) => ({ name, kind: kinds.get(name) ?? 'text' }));
  return `copy (${selectedSql(selection, selected, { name: sourceTable, isPartitioned: relkind === 'p' })}) to stdout`;
}
