/**
 * Rows are put into buckets by a 64-bit position that is the same on both sides: the key where it is an integer, else
 * 32 bits of the key's or the row's md5. A bucket holds the positions that are equal after a shift to the right.
 */
export interface Interval {
  /** Both ends belong to it. */
  readonly low: bigint;
  readonly high: bigint;
}

/** Positions of a hash. */
export const HASH_INTERVAL: Interval = { low: 0n, high: 2n ** 32n - 1n };

/** Rows and checksum of a set of rows: order does not matter, and two sets can be put together. */
export interface Checksum {
  readonly rows: bigint;
  /** Sums of the first and of the second 64 bits of each row's md5, as signed numbers. */
  readonly high: bigint;
  readonly low: bigint;
}

export const EMPTY_CHECKSUM: Checksum = { rows: 0n, high: 0n, low: 0n };

/** Checksums by bucket. */
export type BucketSums = ReadonlyMap<bigint, Checksum>;

export function addChecksums(left: Checksum, right: Checksum): Checksum {
  return { rows: left.rows + right.rows, high: left.high + right.high, low: left.low + right.low };
}

export function isSameChecksum(left: Checksum, right: Checksum): boolean {
  return left.rows === right.rows && left.high === right.high && left.low === right.low;
}

/** Puts the buckets of several scans together. */
export function mergeBuckets(parts: readonly BucketSums[]): BucketSums {
  const merged = new Map<bigint, Checksum>();
  for (const part of parts) {
    for (const [bucket, sum] of part)
      merged.set(bucket, addChecksums(merged.get(bucket) ?? EMPTY_CHECKSUM, sum));
  }
  return merged;
}

export function totalOf(buckets: BucketSums): Checksum {
  return [...buckets.values()].reduce(addChecksums, EMPTY_CHECKSUM);
}

/** A bucket that is not the same on both sides. */
export interface DifferentBucket {
  readonly interval: Interval;
  /** Rows in it on the side that has more. */
  readonly rows: bigint;
}

/** The buckets in which two sides differ, lowest positions first, cut to the interval that was scanned. */
export function differentBuckets(
  left: BucketSums,
  right: BucketSums,
  shift: number,
  within: Interval,
): DifferentBucket[] {
  const different: DifferentBucket[] = [];
  for (const bucket of new Set([...left.keys(), ...right.keys()])) {
    const [a, b] = [left.get(bucket) ?? EMPTY_CHECKSUM, right.get(bucket) ?? EMPTY_CHECKSUM];
    if (isSameChecksum(a, b)) continue;
    const whole = { low: bucket << BigInt(shift), high: ((bucket + 1n) << BigInt(shift)) - 1n };
    const cut = { low: largerOf(whole.low, within.low), high: smallerOf(whole.high, within.high) };
    different.push({
      // Rows without a key may be at a position that no key has.
      interval: cut.low <= cut.high ? cut : whole,
      rows: largerOf(a.rows, b.rows),
    });
  }
  return different.sort((a, b) => (a.interval.low < b.interval.low ? -1 : 1));
}

/**
 * The smallest shift with which an interval falls into at most `bucketCount` buckets; into two at least when it holds
 * positions below and above zero, which no shift brings together.
 */
export function shiftFor(interval: Interval, bucketCount: number): number {
  const most = BigInt(interval.low < 0n && interval.high >= 0n ? Math.max(2, bucketCount) : bucketCount);
  let shift = 0;
  while ((interval.high >> BigInt(shift)) - (interval.low >> BigInt(shift)) >= most) shift++;
  return shift;
}

/** Math.min does not take a bigint. */
export function smallerOf(left: bigint, right: bigint): bigint {
  if (left < right) return left;
  return right;
}

export function largerOf(left: bigint, right: bigint): bigint {
  if (left > right) return left;
  return right;
}
