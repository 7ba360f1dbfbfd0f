import { expect, test } from 'vitest';
import { divide, pageRanges, rangeSql } from '../../../src/copy/page-ranges.js';

const MB = 1024 * 1024;

test('a table is divided so that a range has about the size that is wanted, with what is stored out of line', () => {
  expect(divide({ pages: 1000n, bytes: 8_192_000n }, 8192 * 100)).toEqual({
    rangePages: 100n,
    rangeCount: 10,
  });
  expect(divide({ pages: 1001n, bytes: 8_200_192n }, 8192 * 100)).toEqual({
    rangePages: 100n,
    rangeCount: 11,
  });
  // Half of a megabyte a page: mostly out of line.
  expect(divide({ pages: 100n, bytes: BigInt(50 * MB) }, 5 * MB)).toEqual({
    rangePages: 10n,
    rangeCount: 10,
  });
});

test('a range has a page at least, and an empty table is one range', () => {
  expect(divide({ pages: 3n, bytes: BigInt(30 * MB) }, MB)).toEqual({ rangePages: 1n, rangeCount: 3 });
  expect(divide({ pages: 0n, bytes: 0n }, MB)).toEqual({ rangePages: 1n, rangeCount: 1 });
});

test('the ranges follow one another without a gap, and the last has no end', () => {
  expect(pageRanges(10n, 3)).toEqual([
    { number: 0, from: 0n, to: 10n },
    { number: 1, from: 10n, to: 20n },
    { number: 2, from: 20n, to: undefined },
  ]);
});

test('before PostgreSQL 14 a range names each place of its pages, up to the end of the table', () => {
  const table = { pages: 25n, rowsPerPage: 291 };
  const [, second, last] = pageRanges(10n, 3) as [never, { number: 1; from: 10n; to: 20n }, never];
  expect(rangeSql(second, table, 140_000)).toBe(`ctid >= '(10,0)'::tid and ctid < '(20,0)'::tid`);
  expect(rangeSql(last, table, 180_000)).toBe(`ctid >= '(20,0)'::tid`);
  expect(rangeSql(second, table, 130_020)).toContain('generate_series(10, 19)');
  expect(rangeSql(last, table, 100_023)).toContain('generate_series(20, 24)');
  // A table that has been made shorter meanwhile.
  expect(rangeSql(second, { ...table, pages: 12n }, 130_020)).toContain('generate_series(10, 11)');
});
