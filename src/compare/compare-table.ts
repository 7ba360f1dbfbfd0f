import { sqlstateOf } from '../db/sqlstate.js';
import type { ErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import {
  type Checksum,
  differentBuckets,
  EMPTY_CHECKSUM,
  HASH_INTERVAL,
  type Interval,
  isSameChecksum,
  largerOf,
  shiftFor,
  smallerOf,
  totalOf,
} from './buckets.js';
import type { Sides } from './canonical-value.js';
import { type CustomQuery, runCustomQuery } from './custom-query.js';
import type { KeyBound } from './key-order.js';
import { narrow, type WantedDifferences } from './narrow.js';
import { PIECE_PAGES } from './pieces.js';
import type { ReadPace } from './read-pace.js';
import type { ReaderPool } from './reader-pool.js';
import { cutAt } from './restrict-plan.js';
import type { RowDifferences } from './row-differences.js';
import { countAllRows, readAllKeyBounds, readSizes, type ScanParts, scanAllBuckets } from './scan-parts.js';
import { positionOf } from './scan-sql.js';
import { readBounds, readSize, type ScanSide } from './scan-table.js';
import type { KeyRange, SidePlan, TablePlan } from './table-plan.js';
import type { TableSize } from './table-shape.js';

export type TableVerdict =
  | { readonly kind: 'equal' }
  | {
      readonly kind: 'different';
      /** Columns of the provider that the subscriber does not have. */
      readonly missingColumns: readonly string[];
      /** The rows behind it; undefined when rows were only counted or all common columns are equal. */
      readonly differences: RowDifferences | undefined;
    }
  | { readonly kind: 'not checked'; readonly code: ErrorCode; readonly reason: string };

export interface TableComparison {
  readonly tableName: string;
  /** What the query of compare_sql gave, as texts, instead of the totals. */
  readonly customResults?: Sides<string> | undefined;
  /** The tick of the last rows that were compared. */
  readonly tick?: TickId | undefined;
  /** Undefined when the table was not read. When rows were only counted the sums are 0. */
  readonly totals: Sides<Checksum> | undefined;
  readonly seconds: number;
  /** Columns that were not compared because no event has them. */
  readonly ignoredColumns?: readonly string[] | undefined;
  readonly verdict: TableVerdict;
}

export interface CompareTableOptions {
  readonly readers: Sides<ReaderPool>;
  /** Of a table that several queues feed: its other sources. The subscriber must have the union of all. */
  readonly otherSources?: readonly { readonly plan: SidePlan; readonly readers: ReaderPool }[] | undefined;
  readonly countOnly: boolean;
  /** Who is told of every difference; undefined: the first keys are enough. */
  readonly differences?: WantedDifferences | undefined;
  /** Rows in a bucket, on average. */
  readonly chunkRows: number;
  /** Pages that one statement reads; for tests. */
  readonly piecePages?: number | undefined;
  /** Holds each side to a number of rows a second. */
  readonly paces?: Sides<ReadPace> | undefined;
  /** Londiste's way: a query whose one row is compared instead of the rows. */
  readonly customQuery?: CustomQuery | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as the scan goes on with the rows that were read, estimated. */
  readonly onRows?: ((rows: number) => void) | undefined;
}

/** Buckets in one answer; with an integer key each piece of a scan has only its own. */
const MOST_KEY_BUCKETS = 65_536;
const MOST_HASH_BUCKETS = 1_024;

/**
 * Compares one table in the snapshots of the readers: both sides are read at the same time.
 *
 * What keeps a table from being looked at is a verdict and not an error, so that the others go on. Throws only what is
 * no matter of the table: that it was told to stop, and bugs.
 */
export async function compareTable(plan: TablePlan, options: CompareTableOptions): Promise<TableComparison> {
  const startedAt = performance.now();
  const done = (totals: Sides<Checksum> | undefined, verdict: TableVerdict): TableComparison => ({
    tableName: plan.tableName,
    totals,
    seconds: (performance.now() - startedAt) / 1000,
    ignoredColumns: plan.ignoredColumns,
    verdict,
  });
  let sides = scanSides(plan, options);
  try {
    if (options.customQuery !== undefined) {
      const customResults = await runCustomQuery(plan, options.readers, options.customQuery);
      const isSame = customResults.provider === customResults.subscriber;
      const { missingColumns } = plan;
      const verdict: TableVerdict =
        isSame && missingColumns.length === 0
          ? { kind: 'equal' }
          : { kind: 'different', missingColumns, differences: undefined };
      return { ...done(undefined, verdict), customResults };
    }
    const [provider, subscriber] = await Promise.all([
      readSizes(sides.provider),
      readSizes(sides.subscriber),
    ]);
    const sizes = { provider, subscriber };
    if (!options.countOnly) sides = scanSides(await cutIntoRegions(plan, options, sides, sizes), options);
    const scanned = options.countOnly
      ? await countBoth(sides, sizes)
      : await checksumBoth(sides, sizes, options.chunkRows, plan.range);
    const { totals, different } = scanned;
    const equal = plan.missingColumns.length === 0;
    const haveSameRows = isSameChecksum(totals.provider, totals.subscriber);
    // Rows that are in other regions here than there are no difference, where servers may order keys in their own ways.
    const isSame = haveSameRows && (different.length === 0 || !isOrderShared(sides));
    if (isSame && equal) return done(totals, { kind: 'equal' });
    const differences = isSame ? undefined : await narrowed(sides, different, options);
    const isNone = differences?.isComplete === true && countOf(differences) === 0n && !isOrderShared(sides);
    if (isNone && equal) return done(totals, { kind: 'equal' });
    return done(totals, { kind: 'different', missingColumns: plan.missingColumns, differences });
  } catch (error) {
    options.signal?.throwIfAborted();
    return done(undefined, notChecked(error));
  }
}

async function narrowed(
  sides: Sides<ScanParts>,
  different: Scanned['different'],
  options: CompareTableOptions,
): Promise<RowDifferences | undefined> {
  return different.length === 0 ? undefined : narrow(sides, different, options.differences);
}

function countOf({ changed, missing, extra }: RowDifferences): bigint {
  return changed.count + missing.count + extra.count;
}

/** The verdict for a table that a server refused to read, or that changed meanwhile. Throws what is a bug on. */
function notChecked(error: unknown): TableVerdict {
  if (error instanceof ReplicateError && error.entry.policy !== 'bug') {
    return { kind: 'not checked', code: error.code, reason: error.message };
  }
  if (sqlstateOf(error) === undefined) throw error;
  return { kind: 'not checked', code: 'PC503', reason: `It could not be read: ${(error as Error).message}.` };
}

function scanSides(plan: TablePlan, options: CompareTableOptions): Sides<ScanParts> {
  const paceOf = (side: SidePlan) =>
    side === plan.sides.subscriber ? options.paces?.subscriber : options.paces?.provider;
  const piecePages = (side: SidePlan) =>
    options.piecePages ??
    Math.min(PIECE_PAGES, paceOf(side)?.pagesAtOnce(catalogueSize(side)) ?? PIECE_PAGES);
  const scanSide = (side: SidePlan, readers: ReaderPool): ScanSide => ({
    plan: side,
    position: positionOf(plan),
    readers,
    piecePages: piecePages(side),
    signal: options.signal,
    range: plan.range,
    pace: paceOf(side),
    onProgress: (part) => options.onRows?.(part * (plan.range?.part ?? 1) * side.shape.rowCount),
  });
  const others = options.otherSources ?? [];
  return {
    provider: [
      scanSide(plan.sides.provider, options.readers.provider),
      ...others.map((source) => scanSide(source.plan, source.readers)),
    ],
    subscriber: [scanSide(plan.sides.subscriber, options.readers.subscriber)],
  };
}

/** From the catalogue, good enough for how much is read at once. */
function catalogueSize({ shape: { rowCount, storage } }: SidePlan): TableSize {
  const density = Math.max(1, ...storage.map((piece) => piece.density));
  return { rowCount, pageCount: rowCount / density };
}

interface Scanned {
  readonly totals: Sides<Checksum>;
  readonly different: ReturnType<typeof differentBuckets>;
}

async function countBoth(sides: Sides<ScanParts>, sizes: Sides<readonly TableSize[]>): Promise<Scanned> {
  const [provider, subscriber] = await Promise.all([
    countAllRows(sides.provider, sizes.provider),
    countAllRows(sides.subscriber, sizes.subscriber),
  ]);
  return {
    totals: {
      provider: { ...EMPTY_CHECKSUM, rows: provider },
      subscriber: { ...EMPTY_CHECKSUM, rows: subscriber },
    },
    different: [],
  };
}

async function checksumBoth(
  sides: Sides<ScanParts>,
  sizes: Sides<readonly TableSize[]>,
  chunkRows: number,
  range: KeyRange | undefined,
): Promise<Scanned> {
  const { position, plan } = sides.provider[0] as ScanSide;
  const keys = position === 'integer key' ? (range?.interval ?? (await findKeys(sides))) : undefined;
  const interval =
    position === 'key region' ? { low: 0n, high: BigInt(plan.bounds.length) } : (keys ?? HASH_INTERVAL);
  const rows = Math.max(rowsOf(sizes.provider), rowsOf(sizes.subscriber)) * (range?.part ?? 1);
  const most = keys === undefined ? MOST_HASH_BUCKETS : MOST_KEY_BUCKETS;
  const chunks = Math.max(1, Math.min(most, Math.ceil(rows / chunkRows)));
  const shift = position === 'key region' ? 0 : shiftFor(interval, chunks);
  const [provider, subscriber] = await Promise.all([
    scanAllBuckets(sides.provider, sizes.provider, shift, keys),
    scanAllBuckets(sides.subscriber, sizes.subscriber, shift, keys),
  ]);
  return {
    totals: { provider: totalOf(provider), subscriber: totalOf(subscriber) },
    different: differentBuckets(provider, subscriber, shift, interval),
  };
}

/** Regions of keys: each time that their number doubles each row costs one more comparison, dear where a collation decides. */
const MOST_REGIONS = 1_024;
const MOST_REGIONS_BY_COLLATION = 128;
/** A smaller table is narrowed by two reads of all of it. */
const LEAST_REGIONS = 8;
/** Regions of a group of keys, at least. */
const REGIONS_IN_GROUP = 16;
/** More are not read at once. */
const MOST_BOUNDS = 8_192;

/** Where keys are no integers but have an order, rows are cut by it: those that differ are then found by the index. */
async function cutIntoRegions(
  plan: TablePlan,
  { chunkRows, otherSources }: CompareTableOptions,
  sides: Sides<ScanParts>,
  sizes: Sides<readonly TableSize[]>,
): Promise<TablePlan> {
  const isCheap = plan.sides.provider.keyOrder?.isShared;
  const most = isCheap ? MOST_REGIONS : MOST_REGIONS_BY_COLLATION;
  const regions = Math.min(most, Math.floor(rowsOf(sizes.provider) / chunkRows));
  // A group of keys has its bounds.
  if (plan.range !== undefined || regions < LEAST_REGIONS || !hasRegions(plan, otherSources)) return plan;
  return cutAt(
    plan,
    await readBounds(sides.provider[0] as ScanSide, sizes.provider[0] as TableSize, regions),
  );
}

/** The rows of several sources are ordered by several servers. */
function hasRegions(plan: TablePlan, otherSources: CompareTableOptions['otherSources']): boolean {
  return (
    !plan.hasIntegerKey && plan.sides.provider.keyOrder !== undefined && (otherSources?.length ?? 0) === 0
  );
}

/** True unless the two sides may find one key in different regions. */
function isOrderShared({ provider: [side] }: Sides<ScanParts>): boolean {
  const { bounds, keyFilters, keyOrder } = side?.plan ?? {};
  return keyOrder?.isShared !== false || (bounds?.length === 0 && keyFilters?.length === 0);
}

function rowsOf(sizes: readonly TableSize[]): number {
  return sizes.reduce((sum, size) => sum + size.rowCount, 0);
}

/** The keys of a table on both sides; undefined when it has no integer key, or no rows. */
export async function readKeyInterval(
  plan: TablePlan,
  options: CompareTableOptions,
): Promise<Interval | undefined> {
  return plan.hasIntegerKey ? findKeys(scanSides(plan, options)) : undefined;
}

/** Keys at which a table can be cut into so many groups; none when they are integers or have no order. */
export async function readKeyBounds(
  plan: TablePlan,
  options: CompareTableOptions,
  groups: number,
): Promise<KeyBound[]> {
  if (!hasRegions(plan, options.otherSources)) return [];
  const [side] = scanSides(plan, options).provider as [ScanSide];
  return readBounds(side, await readSize(side), Math.min(MOST_BOUNDS, groups * REGIONS_IN_GROUP));
}

/** The keys of both sides together; a row without a key counts as key 0. */
async function findKeys(sides: Sides<ScanParts>): Promise<Interval> {
  const bounds = await Promise.all([readAllKeyBounds(sides.provider), readAllKeyBounds(sides.subscriber)]);
  const found = bounds.flat();
  return found.reduce(
    (all, interval) => ({
      low: smallerOf(interval.low, all.low),
      high: largerOf(interval.high, all.high),
    }),
    found[0] ?? { low: 0n, high: 0n },
  );
}
