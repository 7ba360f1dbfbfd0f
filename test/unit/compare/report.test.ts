import { expect, test } from 'vitest';
import type { SequenceComparison } from '../../../src/compare/compare-sequences.js';
import type { TableComparison, TableVerdict } from '../../../src/compare/compare-table.js';
import type { Comparison } from '../../../src/compare/compare-tables.js';
import {
  comparisonJson,
  exitCodeOf,
  sequenceLines,
  summaryLine,
  tableLines,
  verdictDetail,
} from '../../../src/compare/report.js';
import { tickId } from '../../../src/queue/ids.js';

const TOTALS = { provider: { rows: 3n, high: 1n, low: 2n }, subscriber: { rows: 3n, high: 1n, low: 3n } };
const EQUAL: TableVerdict = { kind: 'equal' };
const DIFFERENT: TableVerdict = {
  kind: 'different',
  missingColumns: ['note'],
  differences: {
    changed: { count: 1n, keys: [['7', 'two words ']] },
    missing: { count: 12n, keys: [['1'], ['2']] },
    extra: { count: 0n, keys: [] },
    isComplete: false,
  },
};
const NOT_CHECKED: TableVerdict = { kind: 'not checked', code: 'PC501', reason: 'It is not in sync.' };

const table = (verdict: TableVerdict): TableComparison => ({
  tableName: 'public.t',
  totals: verdict.kind === 'not checked' ? undefined : TOTALS,
  seconds: 0.26,
  verdict,
});
const comparison = (...verdicts: TableVerdict[]): Comparison => ({
  firstTick: tickId(9n),
  tick: tickId(9n),
  tables: verdicts.map(table),
  sequences: [],
});

test('the exit code is 0 only when all tables were looked at and are equal', () => {
  expect(exitCodeOf(comparison(EQUAL, EQUAL))).toBe(0);
  expect(exitCodeOf(comparison(EQUAL, DIFFERENT))).toBe(2);
  expect(exitCodeOf(comparison(EQUAL, NOT_CHECKED))).toBe(3);
  expect(exitCodeOf(comparison(DIFFERENT, NOT_CHECKED))).toBe(2);
  expect(exitCodeOf(comparison())).toBe(3);
});

test('the last line says how many tables are different and not checked', () => {
  expect(summaryLine(comparison(EQUAL))).toBe('1 table compared at tick 9: all equal');
  expect(summaryLine(comparison(EQUAL, DIFFERENT, NOT_CHECKED))).toBe(
    '3 tables compared at tick 9: 1 different, 1 not checked (public.t)',
  );
});

test('sequences count like tables, and a compare of several ticks or of a part says so', () => {
  const behind: SequenceComparison = {
    name: 'public.s',
    values: { provider: 90n, subscriber: 7n },
    verdict: { kind: 'different' },
  };
  const found = { ...comparison(EQUAL), firstTick: tickId(7n), sequences: [behind] };
  expect(exitCodeOf(found)).toBe(2);
  expect(summaryLine(found, 'a sample of 5 %')).toBe(
    '1 table and 1 sequence compared at ticks 7 to 9 (a sample of 5 %): 1 different, 0 not checked',
  );
  expect(sequenceLines(behind)).toEqual([
    'public.s: BEHIND: the sequence is at 7 here and has come to 90 on the provider',
  ]);
});

test('what status tells of a verdict has numbers and no keys', () => {
  expect(verdictDetail(EQUAL)).toBe(null);
  expect(verdictDetail(DIFFERENT)).toBe('columns missing: note, at least 1 changed, at least 12 missing');
});

test('checksums of both sides are shown, and differ when one sum does', () => {
  const [first, provider, subscriber] = tableLines(table(EQUAL), false);
  expect(first).toBe('public.t: equal (0.3 s)');
  expect(provider).toMatch(/^ {4}provider: {3}3 rows, checksum=[0-9a-f]{32}$/);
  expect(subscriber?.split('=')[1]).not.toBe(provider?.split('=')[1]);
});

test('differences are lines with the keys that were found, quoted where they could be misread', () => {
  expect(tableLines(table(DIFFERENT), true).slice(3)).toEqual([
    '    columns missing on the subscriber: note',
    '    changed: at least 1 row, key (7, "two words ")',
    '    missing on the subscriber: at least 12 rows, key 1, 2, …',
  ]);
});

test('the JSON form has the same verdicts, without checksums when rows were only counted', () => {
  expect(comparisonJson(comparison(NOT_CHECKED, EQUAL), true)).toEqual({
    tick: '9',
    equal: 1,
    different: 0,
    notChecked: 1,
    tables: [
      {
        table: 'public.t',
        verdict: 'not checked',
        seconds: 0.26,
        code: 'PC501',
        reason: 'It is not in sync.',
      },
      { table: 'public.t', verdict: 'equal', seconds: 0.26, provider: { rows: 3 }, subscriber: { rows: 3 } },
    ],
  });
});
