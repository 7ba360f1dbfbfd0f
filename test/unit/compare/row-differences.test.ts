import { expect, test } from 'vitest';
import { RowDifferenceCollector } from '../../../src/compare/row-differences.js';
import type { FoundRow } from '../../../src/compare/scan-table.js';

const keyed = (key: string, rowHash: string, rows = 1n): FoundRow => ({
  id: `id ${key}`,
  rowHash,
  key: [key],
  rows,
});
const keyless = (rowHash: string, rows: bigint): FoundRow => ({ id: rowHash, rowHash, key: null, rows });

function differences(provider: readonly FoundRow[], subscriber: readonly FoundRow[]) {
  const collector = new RowDifferenceCollector();
  collector.add(provider, subscriber);
  return collector.toDifferences(true);
}

test('rows of a key are changed, missing or extra', () => {
  expect(
    differences(
      [keyed('1', 'a'), keyed('2', 'b'), keyed('3', 'c')],
      [keyed('1', 'a'), keyed('2', 'x'), keyed('4', 'd')],
    ),
  ).toEqual({
    changed: { count: 1n, keys: [['2']] },
    missing: { count: 1n, keys: [['3']] },
    extra: { count: 1n, keys: [['4']] },
    isComplete: true,
  });
});

test('a key that is there twice on one side is an extra row, whether the second one is alike or not', () => {
  expect(differences([keyed('1', 'a')], [keyed('1', 'a', 2n)])).toMatchObject({
    changed: { count: 0n },
    extra: { count: 1n },
  });
  expect(differences([keyed('1', 'a')], [keyed('1', 'a'), keyed('1', 'b')])).toMatchObject({
    changed: { count: 0n },
    extra: { count: 1n },
  });
});

test('rows without a key are counted as a multiset', () => {
  expect(differences([keyless('a', 3n), keyless('b', 1n)], [keyless('a', 1n), keyless('c', 2n)])).toEqual({
    changed: { count: 0n, keys: [] },
    missing: { count: 3n, keys: [] },
    extra: { count: 2n, keys: [] },
    isComplete: true,
  });
});

test('ten keys of each kind are kept and all are counted', () => {
  const rows = Array.from({ length: 25 }, (_, i) => keyed(`${i}`, 'a'));
  const found = differences(rows, []);
  expect(found.missing.count).toBe(25n);
  expect(found.missing.keys).toEqual(rows.slice(0, 10).map((row) => row.key));
});
