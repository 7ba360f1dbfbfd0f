import { expect, test } from 'vitest';
import type { TableComparison, TableVerdict } from '../../../src/compare/compare-table.js';
import { formatRow } from '../../../src/compare/custom-query.js';
import { parentsFirst } from '../../../src/compare/foreign-key-order.js';
import { joinComparisons } from '../../../src/compare/join-comparisons.js';
import { cutInterval } from '../../../src/compare/restrict-plan.js';

test('every key is in exactly one of the groups that an interval is cut into', () => {
  for (const [low, high, count] of [
    [1n, 100n, 7],
    [-5n, 5n, 3],
    [0n, 0n, 4],
    [-9223372036854775808n, 9223372036854775807n, 9],
  ] as const) {
    const parts = cutInterval({ low, high }, count);
    expect(parts.length).toBeLessThanOrEqual(count);
    expect(parts[0]?.low).toBe(low);
    expect(parts.at(-1)?.high).toBe(high);
    parts.slice(1).forEach((part, i) => {
      expect(part.low).toBe((parts[i]?.high ?? 0n) + 1n);
    });
  }
});

test('tables come after those that they point to, also around a circle', () => {
  const parents = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b']],
    ['d', ['a', 'c']],
  ]);
  expect(parentsFirst(['a', 'b', 'c', 'd'], parents)).toEqual(['c', 'b', 'a', 'd']);
});

const part = (verdict: TableVerdict): TableComparison => ({
  tableName: 'public.t',
  totals: { provider: { rows: 2n, high: 1n, low: 1n }, subscriber: { rows: 1n, high: 1n, low: 1n } },
  seconds: 1,
  verdict,
});
const NONE = { count: 0n, keys: [] };
const different = (key: string): TableVerdict => ({
  kind: 'different',
  missingColumns: [],
  differences: { changed: { count: 1n, keys: [[key]] }, missing: NONE, extra: NONE, isComplete: true },
});
const NOT_CHECKED: TableVerdict = { kind: 'not checked', code: 'PC503', reason: 'gone' };

test('a table of several groups is different when one is, not checked when one is not and none differs', () => {
  const joined = joinComparisons([part({ kind: 'equal' }), part(different('1')), part(different('2'))]);
  expect(joined.totals?.provider.rows).toBe(6n);
  expect(joined.verdict).toMatchObject({
    differences: { changed: { count: 2n, keys: [['1'], ['2']] }, isComplete: true },
  });
  expect(joinComparisons([part({ kind: 'equal' }), part(NOT_CHECKED)]).verdict).toEqual(NOT_CHECKED);
  expect(joinComparisons([part(NOT_CHECKED), part(different('1'))]).verdict).toMatchObject({
    kind: 'different',
    differences: { isComplete: false },
  });
});

test("compare_fmt takes Python's forms, and leaves alone what the row does not have", () => {
  const row = { cnt: 5n, chksum: null };
  expect(formatRow(row, '%(cnt)d rows, %(chksum)s, %(more)s 100%%')).toBe('5 rows, null, %(more)s 100%');
  expect(formatRow(row, undefined)).toBe('{"cnt":"5","chksum":"null"}');
});
