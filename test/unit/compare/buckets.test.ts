import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BucketSums,
  type Checksum,
  differentBuckets,
  HASH_INTERVAL,
  mergeBuckets,
  shiftFor,
  totalOf,
} from '../../../src/compare/buckets.js';

const sum = (rows: number, high: number): Checksum => ({ rows: BigInt(rows), high: BigInt(high), low: 0n });
const sums = (entries: readonly [number, Checksum][]): BucketSums =>
  new Map(entries.map(([bucket, checksum]) => [BigInt(bucket), checksum]));

test('buckets of pieces add up, whatever the order of the pieces', () => {
  const pieces = [
    sums([[1, sum(1, 5)]]),
    sums([
      [1, sum(2, -7)],
      [2, sum(1, 1)],
    ]),
    sums([]),
  ];
  const merged = mergeBuckets(pieces);
  expect(merged).toEqual(
    sums([
      [1, sum(3, -2)],
      [2, sum(1, 1)],
    ]),
  );
  expect(mergeBuckets(pieces.toReversed())).toEqual(merged);
  expect(totalOf(merged)).toEqual(sum(4, -1));
});

test('a bucket that only one side has is different', () => {
  const within = { low: 0n, high: 1000n };
  expect(differentBuckets(sums([[2, sum(1, 1)]]), sums([]), 3, within)).toEqual([
    { interval: { low: 16n, high: 23n }, rows: 1n },
  ]);
});

test('equal counts with another sum are different, and the first positions come first', () => {
  const within = { low: -20n, high: 20n };
  const left = sums([
    [1, sum(1, 1)],
    [-1, sum(3, 1)],
    [0, sum(1, 1)],
  ]);
  const right = sums([
    [1, sum(1, 2)],
    [-1, sum(5, 1)],
    [0, sum(1, 1)],
  ]);
  expect(differentBuckets(left, right, 4, within)).toEqual([
    { interval: { low: -16n, high: -1n }, rows: 5n },
    { interval: { low: 16n, high: 20n }, rows: 1n },
  ]);
});

test('an interval falls into no more buckets than asked for, and into more than half as many where it can', () => {
  const int8 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(int8, int8, fc.integer({ min: 1, max: 70_000 }), (a, b, most) => {
      const interval = a < b ? { low: a, high: b } : { low: b, high: a };
      const count = (shift: number) =>
        (interval.high >> BigInt(shift)) - (interval.low >> BigInt(shift)) + 1n;
      const shift = shiftFor(interval, most);
      // Negative and positive positions never share a bucket: one more than asked for at the most.
      expect(count(shift)).toBeLessThanOrEqual(BigInt(Math.max(2, most)));
      if (shift > 0 && most > 1) expect(count(shift - 1)).toBeGreaterThan(BigInt(most));
    }),
  );
});

test('a hash falls into as many buckets as asked for, rounded down to a power of two', () => {
  expect(shiftFor(HASH_INTERVAL, 1000)).toBe(32 - 9);
  expect(shiftFor(HASH_INTERVAL, 1)).toBe(32);
});
