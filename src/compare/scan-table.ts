import type { Connection, Row } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { useSettings } from '../handlers/selection-settings.js';
import { type BucketSums, type Checksum, type Interval, mergeBuckets } from './buckets.js';
import type { KeyBound } from './key-order.js';
import { cutIntoPieces } from './pieces.js';
import type { ReadPace } from './read-pace.js';
import type { ReaderPool } from './reader-pool.js';
import type { RowKey } from './row-key.js';
import {
  boundsSql,
  bucketSql,
  countSql,
  keyBoundsSql,
  type Piece,
  type Position,
  rowsOfKeysSql,
  rowsSql,
} from './scan-sql.js';
import type { KeyRange, SidePlan } from './table-plan.js';
import { hasItsFiles, readTableSize, type TableSize } from './table-shape.js';

/** One side of one table, with the readers of that side. Every read is of the side's snapshot. */
export interface ScanSide {
  readonly plan: SidePlan;
  readonly position: Position;
  readonly readers: ReaderPool;
  /** Pages in a piece of a scan. */
  readonly piecePages: number;
  readonly signal: AbortSignal | undefined;
  /** Only the rows of a range of keys are read, which is a part of the table. */
  readonly range?: KeyRange | undefined;
  /** Holds the side to a number of rows a second. */
  readonly pace?: ReadPace | undefined;
  /** Called after each piece with the part of the table that it was, 0 to 1. */
  readonly onProgress: (part: number) => void;
}

/** Rows of one key that are alike. */
export interface FoundRow {
  readonly id: string;
  readonly rowHash: string;
  /** Texts of the key's columns, as the types' output functions give them; null without a key. */
  readonly key: RowKey | null;
  readonly rows: bigint;
}

/** How large the table is. */
export async function readSize(side: ScanSide): Promise<TableSize> {
  return read(side, (reader) => readTableSize(reader, side.plan.shape));
}

/** The checksums of the whole table by bucket, read in pieces by as many readers as the side has. */
export async function scanBuckets(
  side: ScanSide,
  size: TableSize,
  shift: number,
  keys: Interval | undefined,
): Promise<BucketSums> {
  return mergeBuckets(
    await scanPieces(side, size, keys, (reader, piece) =>
      readBuckets(reader, bucketSql(side.plan, side.position, shift, { piece })),
    ),
  );
}

/** The checksums of the rows in an interval. */
export async function scanInterval(side: ScanSide, shift: number, interval: Interval): Promise<BucketSums> {
  return read(side, async (reader) => {
    await goByIndex(reader, side);
    return readBuckets(reader, bucketSql(side.plan, side.position, shift, { interval }));
  });
}

/** The planner does not know how few rows are between two keys of several columns. Ends with the loan of the reader. */
async function goByIndex(reader: Connection, { plan }: ScanSide): Promise<void> {
  if (plan.keyFilters.length > 0) await reader.execute('set local enable_seqscan = off');
}

/** The number of rows of the whole table. */
export async function countRows(side: ScanSide, size: TableSize): Promise<bigint> {
  const counts = await scanPieces(side, size, undefined, async (reader, piece) => {
    return (await reader.one<{ rows: bigint }>(countSql(side.plan, piece))).rows;
  });
  return counts.reduce((sum, count) => sum + count, 0n);
}

/** The rows of some intervals, at most `limit`. */
export async function readRows(
  side: ScanSide,
  intervals: readonly Interval[],
  limit: number,
): Promise<FoundRow[]> {
  return read(side, async (reader) => {
    await goByIndex(reader, side);
    const rows = await reader.query<FoundRowRow>(rowsSql(side.plan, side.position, intervals, limit));
    return rows.map(toFoundRow);
  });
}

/** The rows that have one of the keys, found by the index of the key. */
export async function readRowsOfKeys(side: ScanSide, keys: readonly RowKey[]): Promise<FoundRow[]> {
  if (keys.length === 0) return [];
  const parameters = side.plan.keyTypes.map((_, column) => keys.map((key) => key[column] ?? null));
  return read(side, async (reader) => {
    return (await reader.query<FoundRowRow>(rowsOfKeysSql(side.plan), parameters)).map(toFoundRow);
  });
}

/** Pages of a table that are looked at for bounds, at most. */
const SAMPLED_PAGES = 4_000;
/** So many keys make a bound. */
const SAMPLED_KEYS = 100;

/** Keys at which the table falls into about so many regions of about the same size; fewer in a table of few pages. */
export async function readBounds(side: ScanSide, size: TableSize, regions: number): Promise<KeyBound[]> {
  const ofRows = (regions * SAMPLED_KEYS) / Math.max(1, size.rowCount);
  const ofPages = SAMPLED_PAGES / Math.max(1, size.pageCount);
  const percent = Math.min(100, 100 * ofRows, 100 * ofPages);
  const rows = await read(side, (reader) =>
    reader.query<{ key: KeyBound }>(boundsSql(side.plan, regions, percent)),
  );
  return rows.map(({ key }) => key);
}

/** The lowest and the highest key; undefined when the table is empty. For an integer key. */
export async function readKeyBounds(side: ScanSide): Promise<Interval | undefined> {
  const { low, high } = await read(side, (reader) =>
    reader.one<{ low: bigint | null; high: bigint | null }>(keyBoundsSql(side.plan)),
  );
  return low === null || high === null ? undefined : { low, high };
}

async function scanPieces<T>(
  side: ScanSide,
  size: TableSize,
  keys: Interval | undefined,
  readPiece: (reader: Connection, piece: Piece) => Promise<T>,
): Promise<T[]> {
  const pieces = cutIntoPieces(
    side.plan,
    side.position,
    { pageCount: size.pageCount, piecePages: side.piecePages },
    side.readers.serverVersion,
    keys,
    side.range !== undefined,
  );
  const outcomes = await Promise.allSettled(
    pieces.map(async (piece) => {
      await side.pace?.take((size.rowCount * (side.range?.part ?? 1)) / pieces.length, side.signal);
      const result = await read(side, (reader) => readPiece(reader, piece));
      side.onProgress(1 / pieces.length);
      return result;
    }),
  );
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

async function read<T>(side: ScanSide, task: (reader: Connection) => Promise<T>): Promise<T> {
  return side.readers.use(async (reader) => {
    side.signal?.throwIfAborted();
    await useSettings(reader, side.plan.selection);
    const result = await task(reader);
    if (!(await hasItsFiles(reader, side.plan.shape))) {
      throw new ReplicateError(
        'PC503',
        `Table ${side.plan.shape.destTable} at ${reader.target} was truncated or rewritten meanwhile.`,
      );
    }
    return result;
  });
}

function toFoundRow(row: FoundRowRow): FoundRow {
  return { id: row.id, rowHash: row.row_hash, key: row.key, rows: row.rows };
}

async function readBuckets(reader: Connection, sql: string): Promise<BucketSums> {
  const rows = await reader.query<BucketRow>(sql);
  return new Map<bigint, Checksum>(
    rows.map((row) => [row.bucket, { rows: row.rows, high: BigInt(row.high), low: BigInt(row.low) }]),
  );
}

interface BucketRow extends Row {
  readonly bucket: bigint;
  readonly rows: bigint;
  readonly high: string;
  readonly low: string;
}

interface FoundRowRow extends Row {
  readonly id: string;
  readonly row_hash: string;
  readonly key: RowKey | null;
  readonly rows: bigint;
}
