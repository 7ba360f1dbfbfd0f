import { describe, expect, test } from 'vitest';
import { copyText } from '../../../src/apply/copy-text.js';
import { listLiteral, listLiterals } from '../../../src/apply/list-literals.js';
import { type LocatedRow, RowReader } from '../../../src/apply/row-reader.js';
import type { TargetColumn } from '../../../src/apply/target-table.js';

const columns = ['b', 'a'].map((name) => ({ name })) as unknown as readonly TargetColumn[];

const copied = (rows: readonly LocatedRow[]) => copyText(columns, rows)?.join('');

function located(rows: readonly (object | string)[]) {
  const reader = new RowReader();
  return rows.map((row) => reader.locate(typeof row === 'string' ? row : JSON.stringify(row)));
}

describe('the data of a COPY', () => {
  test('fields stand in the order of the columns, whatever the order in the row', () => {
    expect(
      copied(
        located([
          { a: 1, b: 'x' },
          { b: true, a: null },
        ]),
      ),
    ).toBe('x\t1\ntrue\t\\N\n');
  });

  test('a text comes out as COPY reads it', () => {
    const texts = [
      '',
      '\\N',
      'a\tb',
      'line\nbreak\r',
      '"quoted"',
      'back\\slash',
      '\u0001',
      'ä😀',
      '\\.',
      'a/b',
    ];
    const data = copied(located(texts.map((text) => ({ a: 0, b: text }))));
    expect(
      data
        ?.split('\n')
        .slice(0, -1)
        .map((line) => line.slice(0, -2)),
    ).toEqual([
      ...[
        '',
        '\\\\N',
        'a\\tb',
        'line\\nbreak\\r',
        '"quoted"',
        'back\\\\slash',
        '\u0001',
        'ä😀',
        '\\\\.',
        'a/b',
      ],
    ]);
  });

  test('pieces put together are all rows', () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({ a: i, b: 'x' }));
    expect(copyText(columns, located(rows))?.length).toBeGreaterThan(1);
    expect(copied(located(rows))).toBe(rows.map(({ a }) => `x\t${a}\n`).join(''));
    expect(copyText(columns, located([...rows, { a: [], b: 'x' }]))).toBeUndefined();
  });

  test('JSON may write a character in more ways than one', () => {
    expect(copied(located([String.raw`{"a":0,"b":"\/\u0041\u000a\u005c"}`]))).toBe('/A\\n\\\\\t0\n');
  });

  test.each([
    [{ a: [1], b: 0 }],
    [{ a: {}, b: 0 }],
    ['{"a":"\\u0000","b":0}'],
    ['{"a":"\\ud83d","b":0}'],
    [{ a: 1 }],
  ])('the server has to look at %j', (row) => {
    expect(copied(located([row]))).toBeUndefined();
    expect(listLiterals(columns, located([row]))).toBeUndefined();
  });
});

describe('the literals of lists', () => {
  test('there is one for each column', () => {
    expect(
      listLiterals(
        columns,
        located([
          { a: 1, b: 'x y' },
          { a: null, b: '' },
        ]),
      ),
    ).toEqual(['{"x y",""}', '{1,null}']);
  });

  test('a text is quoted as arrays want it', () => {
    const texts = ['null', '{a,b}', '"', '\\', 'a\nb', '\u0001'];
    expect(listLiteral(texts.map((text) => JSON.stringify(text)))).toBe(
      '{"null","{a,b}","\\"","\\\\","a\nb","\u0001"}',
    );
  });
});
