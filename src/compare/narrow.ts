import { type DifferentBucket, differentBuckets, shiftFor } from './buckets.js';
import type { Sides } from './canonical-value.js';
import { type DifferenceSink, RowDifferenceCollector, type RowDifferences } from './row-differences.js';
import { readAllRows, type ScanParts, scanAllIntervals } from './scan-parts.js';

/** Rows of one side that are fetched at a time. */
const FETCHED_ROWS = 20_000;
const FETCHED_INTERVALS = 50;
/** A larger bucket is cut into so many before rows are fetched. */
const PARTS = 64;

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
  let open = [...different];
  let isComplete = true;
  while (open.length > 0) {
    const isEnough = wanted === undefined ? collector.isFull : keysLeft <= 0;
    if (readsLeft === 0 || isEnough) return collector.toDifferences(false);
    readsLeft--;
    const [first, ...rest] = open as [DifferentBucket, ...DifferentBucket[]];
    if (first.rows > FETCHED_ROWS && first.interval.high > first.interval.low) {
      open = [...(await split(sides, first)), ...rest];
      continue;
    }
    const taken = takeTogether(open);
    open = open.slice(taken.length);
    const intervals = taken.map((bucket) => bucket.interval);
    const [provider, subscriber] = await Promise.all([
      readAllRows(sides.provider, intervals, FETCHED_ROWS + 1),
      readAllRows(sides.subscriber, intervals, FETCHED_ROWS + 1),
    ]);
    if (provider.length > FETCHED_ROWS || subscriber.length > FETCHED_ROWS) {
      // More different rows at one position than fit: the two lists may end at different rows.
      isComplete = false;
      continue;
    }
    const found = collector.add(provider, subscriber);
    if (wanted === undefined) continue;
    if (found.length > keysLeft) isComplete = false;
    await wanted.sink(found.slice(0, Math.max(0, keysLeft)));
    keysLeft -= found.length;
  }
  return collector.toDifferences(isComplete);
}

function mostReads(sides: Sides<ScanParts>): number {
  return sides.provider[0]?.position === 'integer key' ? MOST_READS_BY_KEY : MOST_READS_BY_HASH;
}

async function split(sides: Sides<ScanParts>, bucket: DifferentBucket): Promise<DifferentBucket[]> {
  const shift = shiftFor(bucket.interval, PARTS);
  const [provider, subscriber] = await Promise.all([
    scanAllIntervals(sides.provider, shift, bucket.interval),
    scanAllIntervals(sides.subscriber, shift, bucket.interval),
  ]);
  return differentBuckets(provider, subscriber, shift, bucket.interval);
}

/** As many of the first buckets as one fetch may hold, at least one. */
function takeTogether(buckets: readonly DifferentBucket[]): DifferentBucket[] {
  const taken: DifferentBucket[] = [];
  let rows = 0n;
  for (const bucket of buckets) {
    rows += bucket.rows;
    if (taken.length > 0 && (rows > FETCHED_ROWS || taken.length >= FETCHED_INTERVALS)) break;
    taken.push(bucket);
  }
  return taken;
}
