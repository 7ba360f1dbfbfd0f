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
      ['I', 'public.a', null, null, null, '1', '100', '{"id":1}'],
      ['I', 'public.a', null, null, null, '2', '100', '{"id":2}'],
      ['I', 'public.ab', null, null, null, '3', '101', '{"id":3}'],
      ['I', 'public.a', 'old', '', null, '4', '101', ''],
      ['I', 'public.a', null, null, null, '5', '9223372036854775807', null],
      ['U', 'public.a', null, null, '4', '6', '102', 'two\nlines'],
      ['U', 'public.a', null, null, '4', '7', '102', 'x'],
    ];
    const expected = rows.map(([type, extra1, extra2, extra3, extra4, id, txid, data]) => ({
      id: BigInt(id as string),
      txid: BigInt(txid as string),
      ...{ type, data, extra1, extra2, extra3, extra4 },
    }));
    expect(parsed(rows)).toEqual(expected);
    for (const row of rows) expect(parsed([row])).toEqual([expected[rows.indexOf(row)]]);
  });

  test('a line without an id is none', () => {
    expect(() => parsed([['I', 'public.a', null, null, null, null, '1', 'x']])).toThrow('no id');
  });
});
