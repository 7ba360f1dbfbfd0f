import fc from 'fast-check';
import { expect, test } from 'vitest';
import { urlencodedToJson } from '../../../src/queue/decode/urlencoded.js';

/** As pgq.logutriga writes it. */
function encode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[0-9A-Za-z_.-]/.test(character)) return character;
      return byte === 32 ? '+' : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

const texts = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));

test('a row comes out as it went in', () => {
  fc.assert(
    fc.property(fc.dictionary(texts, fc.option(texts), { noNullPrototype: true }), (row) => {
      const data = Object.entries(row)
        .map(([name, value]) => (value === null ? encode(name) : `${encode(name)}=${encode(value)}`))
        .join('&');
      fc.pre(data !== '' || Object.keys(row).length === 0);
      expect(Object.entries(JSON.parse(urlencodedToJson(data)))).toEqual(Object.entries(row));
    }),
  );
});

test('an example of the stock trigger is read', () => {
  expect(JSON.parse(urlencodedToJson('a=3&b=n%26%3d%25%2b+%c3%bc%27%5c&pid=&v=1.10&z'))).toEqual({
    a: '3',
    b: "n&=%+ ü'\\",
    pid: '',
    v: '1.10',
    z: null,
  });
});

test.each(['a=%ff', 'a=%e', '%zz=1'])('%s is refused', (data) => {
  expect(() => urlencodedToJson(data)).toThrow(expect.objectContaining({ code: 'PC404' }));
});
