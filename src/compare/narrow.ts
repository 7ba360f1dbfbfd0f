import { type DifferentBucket, differentBuckets, HASH_INTERVAL, shiftFor } from './buckets.js';
import type { Sides } from './canonical-value.js';
import { findElsewhere } from './find-elsewhere.js';
import { inRegion } from './key-regions.js';
import { type DifferenceSink, RowDifferenceCollector, type RowDifferences } from './row-differences.js';
import { readAllRows, type ScanParts, scanAllIntervals } from './scan-parts.js';
import type { ScanSide } from './scan-table.js';

/** Rows of one side that are fetched at a time. */
const FETCHED_ROWS = 20_000;
const FETCHED_INTERVALS = 50;
/** A larger bucket is cut into so many before rows are fetched. */
const PARTS = 64;
/** Of few buckets, rows that are rather cut than fetched: checksums are cheaper than rows. */
const FEW_ROWS = 2_000n;
const FEW_BUCKETS = 4;

/** Where rows are found by an index, so many reads are done. */
const MOST_READS_BY_KEY = 16;
/** Each read of a range of hashes goes through the whole table. */
const MOST_READS_BY_HASH = 4;

/** Who wants all differences, and not only the first of each kind. */
export interface WantedDifferences {
  readonly sink: DifferenceSink;
  /** Keys that are taken; the rest is not looked for. */
  readonly most: number;
}

/** A bucket, and the sides as they are read for it: all of the table or one region of keys. */
interface OpenBucket extends DifferentBucket {
  readonly sides: Sides<ScanParts>;
  readonly wasCut: boolean;
}

/**
 * Finds the rows behind buckets that differ.
 *
 * Bounded in memory and work: it stops when it has the first keys of all three kinds, or after a number of reads; when
 * all are wanted, after as many keys. The result then says that it is not complete.
 */
export async function narrow(
  sides: Sides<ScanParts>,
  different: readonly DifferentBucket[],
  wanted?: WantedDifferences,
): Promise<RowDifferences> {
  const collector = new RowDifferenceCollector();
  let readsLeft = wanted === undefined ? mostReads(sides) : Number.POSITIVE_INFINITY;
  let keysLeft = wanted?.most ?? Number.POSITIVE_INFINITY;
  let open = different.map((bucket) => openBucket(sides, bucket));
  let isComplete = true;
  while (open.length > 0) {
    const isEnough = wanted === undefined ? collector.isFull : keysLeft <= 0;
    if (readsLeft === 0 || isEnough) return collector.toDifferences(false);
    readsLeft--;
    const [first, ...rest] = open as [OpenBucket, ...OpenBucket[]];
    if (isToBeCut(first, open.length)) {
      open = [...(await cut(first)), ...rest];
      continue;
    }
    const taken = takeTogether(open);
    open = open.slice(taken.length);
    const intervals = taken.map((bucket) => bucket.interval);
    const [provider, subscriber] = await Promise.all([
      readAllRows(first.sides.provider, intervals, FETCHED_ROWS + 1),
      readAllRows(first.sides.subscriber, intervals, FETCHED_ROWS + 1),
    ]);
    if (provider.length > FETCHED_ROWS || subscriber.length > FETCHED_ROWS) {
      // More different rows at one position than fit: the two lists may end at different rows.
      isComplete = false;
      continue;
    }
    const rows = await findElsewhere(first.sides, { provider, subscriber });
    const found = collector.add(rows.provider, rows.subscriber);
    // Rows that were only ordered in another way: that must not keep those that differ from being found.
    if (found.length === 0) readsLeft++;
    if (wanted === undefined) continue;
    if (found.length > keysLeft) isComplete = false;
    await wanted.sink(found.slice(0, Math.max(0, keysLeft)));
    keysLeft -= found.length;
  }
  return collector.toDifferences(isComplete);
}

function mostReads(sides: Sides<ScanParts>): number {
  const position = sides.provider[0]?.position;
  return position === 'integer key' || position === 'key region' ? MOST_READS_BY_KEY : MOST_READS_BY_HASH;
}

/** Within a region of keys rows are told apart by the hash of their key, so that none is too large. */
function openBucket(sides: Sides<ScanParts>, bucket: DifferentBucket): OpenBucket {
  if (sides.provider[0]?.position !== 'key region') return { ...bucket, sides, wasCut: false };
  const region = Number(bucket.interval.low);
  const restrict = (side: ScanSide): ScanSide => ({
    ...side,
    position: 'hash of key',
    plan: { ...side.plan, keyFilters: [...side.plan.keyFilters, inRegion(side.plan, region)] },
  });
  return {
    interval: HASH_INTERVAL,
    rows: bucket.rows,
    wasCut: false,
    sides: { provider: sides.provider.map(restrict), subscriber: sides.subscriber.map(restrict) },
  };
}

function isToBeCut({ interval, rows, sides, wasCut }: OpenBucket, openBuckets: number): boolean {
  if (interval.high <= interval.low) return false;
  if (rows > FETCHED_ROWS) return true;
  // A range of hashes of a whole table is found by reading it.
  const isCheap = sides.provider[0]?.position === 'integer key' || interval === HASH_INTERVAL;
  return isCheap && !wasCut && openBuckets <= FEW_BUCKETS && rows > FEW_ROWS;
}

async function cut({ interval, sides }: OpenBucket): Promise<OpenBucket[]> {
  const shift = shiftFor(interval, PARTS);
  const [provider, subscriber] = await Promise.all([
    scanAllIntervals(sides.provider, shift, interval),
    scanAllIntervals(sides.subscriber, shift, interval),
  ]);
  return differentBuckets(provider, subscriber, shift, interval).map((bucket) => ({
    ...bucket,
    sides,
    wasCut: true,
  }));
}

/** As many of the first buckets as one fetch may hold, at least one. */
function takeTogether(buckets: readonly OpenBucket[]): OpenBucket[] {
  const taken: OpenBucket[] = [];
  let rows = 0n;
  for (const bucket of buckets) {
    rows += bucket.rows;
    const isTooMuch = rows > FETCHED_ROWS || taken.length >= FETCHED_INTERVALS;
    if (taken.length > 0 && (isTooMuch || bucket.sides !== taken[0]?.sides)) break;
    taken.push(bucket);
  }
  return taken;
}
