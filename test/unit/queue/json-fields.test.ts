import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fieldPrefixes, locateFields, readJsonFields } from '../../../src/queue/decode/json-fields.js';

const values = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ',', ':', ' ', '\n', 'ü', '😀') }),
);
const names = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', 'é', ':', ' '), minLength: 1 });
const flatObjects = fc.dictionary(names, values, { noNullPrototype: true });

function parts(text: string, spans: readonly number[]): unknown[] {
  return Array.from({ length: spans.length / 2 }, (_, i) =>
    JSON.parse(text.slice(spans[2 * i], spans[2 * i + 1])),
  );
}

test('names and values of any object are found', () => {
  fc.assert(
    fc.property(fc.dictionary(names, fc.jsonValue()), fc.constantFrom(undefined, 1), (object, indent) => {
      const text = JSON.stringify(object, undefined, indent);
      const fields = readJsonFields(text);
      expect(fields.names).toEqual(Object.keys(object));
      expect(parts(text, fields.spans)).toEqual(Object.values(JSON.parse(text)));
    }),
  );
});

test('the quick look finds what the careful one finds', () => {
  fc.assert(
    fc.property(flatObjects, (object) => {
      const text = JSON.stringify(object);
      const fields = readJsonFields(text);
      const spans: number[] = [];
      const found = locateFields(text, fieldPrefixes(fields.names), spans);
      expect(found).toBe(fields.names.length > 0);
      if (found) expect(spans).toEqual(fields.spans);
    }),
  );
});

test('the quick look never takes an object for one with other fields', () => {
  fc.assert(
    fc.property(flatObjects, flatObjects, (object, other) => {
      const found = locateFields(JSON.stringify(object), fieldPrefixes(Object.keys(other)), []);
      if (found) expect(Object.keys(object)).toEqual(Object.keys(other));
    }),
  );
});

test.each([
  '{"a":1,"b":2}',
  '{"b":1}',
  '{"a": 1}',
  '{"a":[1]}',
  '{"a":{"b":1}}',
  '{"a":1} ',
  '{"a":"1}',
  '{"a":',
  '{"a":1',
  '[1]',
  '',
])('the quick look leaves %s to the careful one', (text) => {
  expect(locateFields(text, fieldPrefixes(['a']), [])).toBe(false);
});

test.each(['', '[1]', '{', '{"a"}', '{"a":}', '{"a":1,}', '{"a":1 "b":2}', '{a:1}', '{"a":1}x', '{"a":[1}'])(
  '%s is refused as a row',
  (text) => {
    expect(() => readJsonFields(text)).toThrow(expect.objectContaining({ code: 'PC404' }));
  },
);
