import { type BucketSums, type Interval, mergeBuckets } from './buckets.js';
import {
  countRows,
  type FoundRow,
  readKeyBounds,
  readRows,
  readSize,
  type ScanSide,
  scanBuckets,
  scanInterval,
} from './scan-table.js';
import type { TableSize } from './table-shape.js';

/**
 * One side of a table as the parts that it is made of: on the provider's side of a merged table one for each of its
 * sources, else one. Checksums are sums, so those of the parts together are that of the union.
 */
export type ScanParts = readonly ScanSide[];

/** How large the parts are, in their order. */
export async function readSizes(parts: ScanParts): Promise<TableSize[]> {
  return Promise.all(parts.map((part) => readSize(part)));
}

/** The checksums of all parts by bucket. */
export async function scanAllBuckets(
  parts: ScanParts,
  sizes: readonly TableSize[],
  shift: number,
  keys: Interval | undefined,
): Promise<BucketSums> {
  return mergeBuckets(
    await Promise.all(parts.map((part, index) => scanBuckets(part, sizes[index] as TableSize, shift, keys))),
  );
}

/** The checksums of the rows of all parts in an interval. */
export async function scanAllIntervals(
  parts: ScanParts,
  shift: number,
  interval: Interval,
): Promise<BucketSums> {
  return mergeBuckets(await Promise.all(parts.map((part) => scanInterval(part, shift, interval))));
}

/** The number of rows of all parts. */
export async function countAllRows(parts: ScanParts, sizes: readonly TableSize[]): Promise<bigint> {
  const counts = await Promise.all(parts.map((part, index) => countRows(part, sizes[index] as TableSize)));
  return counts.reduce((sum, count) => sum + count, 0n);
}

/** The rows of some intervals of all parts; more than `limit` when one part has more. */
export async function readAllRows(
  parts: ScanParts,
  intervals: readonly Interval[],
  limit: number,
): Promise<FoundRow[]> {
  return (await Promise.all(parts.map((part) => readRows(part, intervals, limit)))).flat();
}

/** The lowest and highest keys of the parts that have rows. */
export async function readAllKeyBounds(parts: ScanParts): Promise<Interval[]> {
  const bounds = await Promise.all(parts.map((part) => readKeyBounds(part)));
  return bounds.filter((interval) => interval !== undefined);
}
