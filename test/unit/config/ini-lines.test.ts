import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readIni } from '../../../src/config/ini-lines.js';

function values(text: string, section = 's'): Record<string, string> {
  const entries = readIni(text, 'x.ini').get(section);
  return Object.fromEntries(Array.from(entries?.values() ?? [], ({ key, value }) => [key, value]));
}

test('a connect string comes through exactly', () => {
  const conninfo = String.raw`host=127.0.0.1 port=5432 dbname=x password='a;b#c"d\'e' user="q"`;
  expect(values(`[s]\ndb = ${conninfo}\nother=true\n`)).toEqual({ db: conninfo, other: 'true' });
});

test('any one-line value without outer spaces comes through exactly', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const value = text.replaceAll(/[\r\n]/g, ' ').trim();
      expect(values(`[s]\nkey = ${value}\n`)).toEqual({ key: value });
    }),
  );
});

test('comments are whole lines, and may be indented', () => {
  expect(values('; a\n[s]\n# b\n  # c\n\t; d\nkey = v ; e # f\n')).toEqual({ key: 'v ; e # f' });
});

test('keys are compared in lower case and may be followed by a colon', () => {
  expect(values('[s]\nLoop_Delay: 1\n')).toEqual({ loop_delay: '1' });
});

test('an indented line goes on with the value before it', () => {
  expect(values('[s]\nlist = a,\n    b,\n    # no\n    c\nnext = 1\n')).toEqual({
    list: 'a,\nb,\nc',
    next: '1',
  });
});

test('keys that are all indented alike are keys', () => {
  expect(values('[s]\n  a = 1\n  b = 2\n')).toEqual({ a: '1', b: '2' });
});

test('line ends of Windows and a byte order mark do no harm', () => {
  expect(values('\uFEFF[s]\r\na = 1\r\n')).toEqual({ a: '1' });
});

test('a section that stands twice is one', () => {
  expect(values('[s]\na=1\n[t]\nb=2\n[s]\nc=3\n')).toEqual({ a: '1', c: '3' });
});

test.each([
  ['[s]\nnonsense\n', 'Line 2 of x.ini is no "key = value"'],
  ['a = 1\n', 'Line 1 of x.ini stands before the first [section]'],
  ['[s]\na = 1\nb = 2\na = 3\n', 'Line 4 of x.ini sets the key "a" again, after line 2'],
  ['[s\na = 1\n', 'Line 1 of x.ini is no "key = value"'],
])('%j is refused', (text, message) => {
  expect(() => readIni(text, 'x.ini')).toThrow(message);
});
