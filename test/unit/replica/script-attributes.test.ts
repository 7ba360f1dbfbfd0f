import { expect, test } from 'vitest';
import {
  decodeAttributes,
  decodeFields,
  encodeAttributes,
  encodeFields,
  parseAttributes,
} from '../../../src/replica/script-attributes.js';

function parse(text: string) {
  return Object.fromEntries(parseAttributes('a.sql', text));
}

test('conditions are read from the leading comments as Londiste reads them', () => {
  const text = `
-- what it does
--*-- Local-Table: mytab, other.tab,
--*--   third
  --*--need-FUNCTION:foo(2), bar(0)
--*--
--*-- Need-Schema: "we ird", b
--*-- Need-Schema: c

update @mytab@ set x = 1;
--*-- Need-View: too_late
`;
  expect(parse(text)).toEqual({
    'local-table': ['mytab', 'other.tab', 'third'],
    'need-function': ['foo(2)', 'bar(0)'],
    'need-schema': ['"we ird"', 'b', 'c'],
  });
});

test('a comment of the other kind ends the conditions, and a script may have none', () => {
  expect(parse('/* c */\n--*-- Need-Table: t\nselect 1')).toEqual({});
  expect(parse('select 1')).toEqual({});
});

test.each([
  ['--*-- Need-Tabel: t', 'a.sql, line 1: there is no condition "Need-Tabel"'],
  ['\n--*-- something', 'a.sql, line 2: after --*-- stands'],
  ['--*-- Need-Table:', 'a.sql, line 1: need-table names nothing.'],
])('%j is refused', (text, message) => {
  expect(() => parse(text)).toThrow(message);
});

test('conditions travel in the form of Londiste and come back the same', () => {
  const attributes = parseAttributes(
    'a.sql',
    '--*-- Local-Table: mytab, "we ird"\n--*-- Need-Function: f(2)',
  );
  const encoded = encodeAttributes(attributes);
  expect(encoded).toBe('local-table=mytab%2C%22we+ird%22&need-function=f(2)');
  expect([...decodeAttributes(encoded)]).toEqual([...attributes]);
  // As Londiste 3.11 writes it.
  expect([
    ...decodeAttributes('local-table=mytab%2cother.tab&need-function=foo%282%29%2cbar%280%29'),
  ]).toEqual([
    ['local-table', ['mytab', 'other.tab']],
    ['need-function', ['foo(2)', 'bar(0)']],
  ]);
  expect([...decodeAttributes('')]).toEqual([]);
  expect(() => decodeAttributes('need-moon=full')).toThrow('need-moon');
});

test('any text survives as a field', () => {
  const fields: [string, string][] = [
    ['search_path', '"a&b=c", "d+e %"'],
    ['empty', ''],
  ];
  expect(decodeFields(encodeFields(fields))).toEqual(fields);
});
