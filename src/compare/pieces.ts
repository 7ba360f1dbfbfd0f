import type { Interval } from './buckets.js';
import { regionPieces } from './key-regions.js';
import type { Piece, Position } from './scan-sql.js';
import type { SidePlan } from './table-plan.js';

/** 64 MB: a second or less of work, so that progress is seen and all readers are busy to the end. */
export const PIECE_PAGES = 8_192;
const MOST_PIECES = 512;
/** A group of keys is cut into so many. */
const RANGE_PIECES = 8;
/** Since version 14 a range of row addresses is read without the rest of the table. */
const RANGE_OF_PAGES_SINCE = 140_000;
/** Below it, a range of keys is spread over the whole table and would read all of it. */
const LEAST_CORRELATION = 0.9;

/**
 * Cuts the scan of one side of a table into pieces that can be read in any order, each row in exactly one. The two sides
 * are cut independently: their checksums are put together by bucket.
 */
export function cutIntoPieces(
  side: SidePlan,
  position: Position,
  size: { readonly pageCount: number; readonly piecePages: number },
  serverVersion: number,
  keys: Interval | undefined,
  isRange = false,
): Piece[] {
  // The rows of a range of keys are found by the index, wherever they are.
  if (isRange && keys !== undefined)
    return pieces(side.keyReferences[0] as string, keyBounds(keys, RANGE_PIECES), true);
  if (isRange && position === 'key region') return regionPieces(side, RANGE_PIECES);
  const { isPartitioned } = side.shape;
  const { pageCount, piecePages } = size;
  const count = Math.min(MOST_PIECES, Math.ceil(pageCount / piecePages));
  if (count <= 1) return [undefined];
  if (serverVersion >= RANGE_OF_PAGES_SINCE) {
    return pieces('t.ctid', pageBounds(pageCount, count), false);
  }
  if (isPartitioned || Math.abs(side.keyCorrelation) < LEAST_CORRELATION) return [undefined];
  if (position === 'key region') return regionPieces(side, count);
  if (position !== 'integer key' || keys === undefined) return [undefined];
  return pieces(side.keyReferences[0] as string, keyBounds(keys, count), true);
}

/** Both ends are open, so that rows outside of what is known now are in a piece too. */
function pieces(expression: string, bounds: readonly string[], hasNulls: boolean): Piece[] {
  const first = bounds[0];
  const last = bounds.at(-1);
  if (first === undefined || last === undefined) return [undefined];
  const between = bounds.slice(1).map((bound, index) => {
    return `${expression} >= ${bounds[index]} and ${expression} < ${bound}`;
  });
  const below = `${expression} < ${first}`;
  return [hasNulls ? `(${below} or ${expression} is null)` : below, ...between, `${expression} >= ${last}`];
}

function pageBounds(pageCount: number, count: number): string[] {
  return Array.from({ length: count - 1 }, (_, index) => {
    return `'(${Math.floor((pageCount * (index + 1)) / count)},0)'::tid`;
  });
}

function keyBounds({ low, high }: Interval, count: number): string[] {
  const width = (high - low) / BigInt(count) + 1n;
  const bounds: string[] = [];
  for (let bound = low + width; bound <= high; bound += width) bounds.push(bound.toString());
  return bounds;
}
