import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeHandler, readHandlerText, withHandlerText } from '../../../src/handlers/handler-text.js';
import { parseAttributes, printAttributes } from '../../../src/replica/table-attributes.js';

const texts = fc.string({ unit: 'grapheme' });
const args = fc
  .dictionary(
    texts.filter((name) => name !== ''),
    fc.option(texts),
  )
  .map((all) => new Map(Object.entries(all)));

test('attributes that are printed are read as they were', () => {
  fc.assert(
    fc.property(args, (all) => {
      expect(parseAttributes(printAttributes(all))).toEqual(all);
    }),
  );
});

test('a handler with any arguments comes back from the attributes, and the others stay', () => {
  fc.assert(
    fc.property(args, (all) => {
      const attributes = withHandlerText('copy_node=%3F&skip_truncate=1&handlers=old', {
        name: 'plain',
        args: all,
      });
      expect(readHandlerText(attributes)).toEqual({ name: 'plain', args: all });
      expect(withHandlerText(attributes, undefined)).toBe('copy_node=%3F&skip_truncate=1');
    }),
  );
});

test('attributes are written as Londiste writes them', () => {
  const all = new Map([
    ['where', "a = 'x' & b"],
    ['columns', 'a,b'],
  ]);
  expect(withHandlerText(null, { name: 'plain', args: all })).toBe(
    'handler=plain%28where%3Da%2B%253D%2B%2527x%2527%2B%2526%2Bb%26columns%3Da%252Cb%29',
  );
  expect(withHandlerText(null, { name: 'bulk', args: new Map() })).toBe('handler=bulk');
  expect(withHandlerText('handler=bulk', undefined)).toBeNull();
});

test.each([
  [null, undefined],
  ['skip_truncate=1', undefined],
  ['handler=londiste', { name: 'londiste', args: new Map() }],
  ['handlers=bulk', { name: 'bulk', args: new Map() }],
  // A comma stands for & as well.
  [
    'handler=shard(key=id,ignore_truncate=1)',
    {
      name: 'shard',
      args: new Map([
        ['key', 'id'],
        ['ignore_truncate', '1'],
      ]),
    },
  ],
  [
    'handler=shard%28key%3Did%26disable_replay%29',
    {
      name: 'shard',
      args: new Map([
        ['key', 'id'],
        ['disable_replay', null],
      ]),
    },
  ],
  ['handler=part()', { name: 'part', args: new Map() }],
])('the handler of %s', (attributes, handler) => {
  expect(readHandlerText(attributes)).toEqual(handler);
});

test('a text that is no handler is an error', () => {
  expect(() => readHandlerText('handler=plain(where')).toThrow('no handler');
  expect(() => readHandlerText('handler=a b')).toThrow('no handler');
});

test('for a person the arguments stand as they were typed', () => {
  expect(
    describeHandler({
      name: 'plain',
      args: new Map([
        ['where', 'a > 1'],
        ['x', null],
      ]),
    }),
  ).toBe('plain (where=a > 1, x)');
});
