import { describe, expect, test } from 'vitest';
import { formatCsvRow } from '../../../src/queue/csv-rows.js';
import { RowEvents } from '../../../src/queue/row-events.js';

type Fields = readonly (string | null)[];

const parsed = (rows: readonly Fields[]) => {
  const events = new RowEvents();
  return rows.map((row) => events.parse(formatCsvRow(row).slice(0, -1)));
};

describe('events from lines of COPY', () => {
  test('an event that begins as the one before, or not, is read alike', () => {
    const rows: Fields[] = [
      ['I', 'public.a', null, null, null, '1', '100', null, '{"id":1}'],
      ['I', 'public.a', null, null, null, '2', '100', '2', '{"id":2}'],
      ['I', 'public.ab', null, null, null, '3', '101', '3', '{"id":3}'],
      ['I', 'public.a', null, null, '2000000', '3', '101', '3', null],
      ['I', 'public.a', 'old', '', null, '4', '101', '4', ''],
      ['I', 'public.a', 'older', null, null, '5', '101', '4', 'x'],
      ['I', 'public.a', null, null, null, '6', '9223372036854775807', null, null],
      ['U', 'public.a', null, '4', null, '7', '102', '', 'two\nlines'],
      ['U', 'public.a', null, '4', null, '8', '102', 'k', 'x'],
      ['U', 'public.a', 'two\nlines', '4', '1100000', '8', '102', 'k', null],
      ['I', 'public.ab', null, null, null, '9', '101', '3', '{"id":3}'],
    ];
    const expected = rows.map(([type, extra1, extra2, extra4, large, id, txid, extra3, data]) => ({
      id: BigInt(id as string),
      txid: BigInt(txid as string),
      ...{ type, data, extra1, extra2, extra3, extra4 },
      largeBytes: large === null ? undefined : Number(large),
    }));
    expect(parsed(rows)).toEqual(expected);
    for (const row of rows) expect(parsed([row])).toEqual([expected[rows.indexOf(row)]]);
  });

  test.each([
    ['no id', ['I', 'public.a', null, null, null, null, '1', null, 'x']],
    ['no transaction', ['I', 'public.a', null, null, null, '1', null, null, 'x']],
    ['no type', [null, 'public.a', null, null, null, '1', '1', null, 'x']],
    ['too few fields', ['I', 'public.a', null, null, null, '1', '1']],
  ])('a line with %s is none', (_, row) => {
    expect(() => parsed([row])).toThrow('has no id, no transaction or no type');
  });
});
