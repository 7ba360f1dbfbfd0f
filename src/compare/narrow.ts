import { type DifferentBucket, differentBuckets, shiftFor } from './buckets.js';
import type { Sides } from './canonical-value.js';
import { RowDifferenceCollector, type RowDifferences } from './row-differences.js';
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

/**
 * Finds the rows behind buckets that differ.
 *
 * Bounded in memory and work: it stops when it has the first keys of all three kinds, or after a number of reads. The
 * result then says that it is not complete.
 */
export async function narrow(
  sides: Sides<ScanParts>,
  different: readonly DifferentBucket[],
): Promise<RowDifferences> {
  const collector = new RowDifferenceCollector();
  const hasIndex = sides.provider[0]?.position === 'integer key';
  let readsLeft = hasIndex ? MOST_READS_BY_KEY : MOST_READS_BY_HASH;
  let open = [...different];
  let isComplete = true;
  while (open.length > 0) {
    if (readsLeft === 0 || collector.isFull) return collector.toDifferences(false);
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
    } else {
      collector.add(provider, subscriber);
    }
  }
  return collector.toDifferences(isComplete);
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
