import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CsvLines,
  type CsvRow,
  CSV_DELIMITER as D,
  CSV_QUOTE as Q,
  splitCsvLine,
} from '../../../src/queue/csv-rows.js';

/** As PostgreSQL's COPY writes a row in CSV with our delimiter and quote. */
function write(row: CsvRow): string {
  const fields = row.map((value) => {
    if (value === null) return '';
    if (value !== '' && !new RegExp(`[${D}${Q}\\r\\n]`).test(value)) return value;
    return Q + value.replaceAll(Q, Q + Q) + Q;
  });
  return `${fields.join(D)}\n`;
}

function readInPieces(text: string, cuts: readonly number[]): CsvRow[] {
  const rows = new CsvLines();
  const out: CsvRow[] = [];
  const sorted = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  for (const [i, cut] of [...sorted, text.length].entries()) {
    out.push(...rows.push(text.slice(i === 0 ? 0 : sorted[i - 1], cut)).map(splitCsvLine));
  }
  expect(rows.isAtRowEnd).toBe(true);
  return out;
}

test('rows come out as they went in, however the text is cut', () => {
  const value = fc.option(
    fc.string({ unit: fc.constantFrom('a', 'ü', '𝄞', '{', '"', '\\', '\n', '\r', D, Q, ' ') }),
    { nil: null },
  );
  const row = fc.array(value, { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 6 }), (rows, cuts) => {
      expect(readInPieces(rows.map(write).join(''), cuts)).toEqual(rows);
    }),
    { numRuns: 2_000 },
  );
});

test('null and the empty text are told apart', () => {
  expect(readInPieces(`1${D}${D}${Q}${Q}\n`, [])).toEqual([['1', null, '']]);
});

test('an unfinished row is not taken for an end', () => {
  const rows = new CsvLines();
  rows.push(`1${D}2`);
  expect(rows.isAtRowEnd).toBe(false);
});
