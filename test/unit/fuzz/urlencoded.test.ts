import fc from 'fast-check';
import { expect } from 'vitest';
import { readHandlerText, withHandlerText } from '../../../src/handlers/handler-text.js';
import { urlencodedToJson } from '../../../src/queue/decode/urlencoded.js';
import {
  ATTRIBUTE_KEYS,
  type AttributeKey,
  decodeAttributes,
  decodeFields,
  encodeAttributes,
  encodeFields,
} from '../../../src/replica/script-attributes.js';
import { parseAttributes, printAttributes } from '../../../src/replica/table-attributes.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { hostileText, mutated, PIECES } from '../../support/hostile.js';

/** As PgQ's trigger encodes a text, byte by byte. */
function encode(all: string): string {
  return Array.from(Buffer.from(all), (byte) => {
    const character = String.fromCharCode(byte);
    if (/[\w.-]/.test(character)) return character;
    return byte === 32 ? '+' : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** The text of encoded bytes; undefined when they are not UTF-8, or not encoded. */
function decode(all: string): string | undefined {
  const bytes: number[] = [];
  for (const [part, hex] of all.matchAll(/%([\da-f]{2})?|[^%]+/gi)) {
    if (part === '%') return undefined;
    bytes.push(...(hex === undefined ? Buffer.from(part.replaceAll('+', ' ')) : [Number.parseInt(hex, 16)]));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes));
  } catch {
    return undefined;
  }
}

type Pair = readonly [string, string | null];

/** The pairs of an encoded text; undefined when one cannot be decoded. */
function pairsOf(all: string): Pair[] | undefined {
  const pairs = all.split('&').map((pair): (string | null | undefined)[] => {
    const at = pair.indexOf('=');
    return at < 0 ? [decode(pair), null] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
  });
  return pairs.flat().includes(undefined) ? undefined : (pairs as unknown as Pair[]);
}

const jsonOf = (pairs: readonly Pair[]) =>
  `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
const write = (pairs: readonly Pair[]) =>
  pairs
    .map(([name, value]) => (value === null ? encode(name) : `${encode(name)}=${encode(value)}`))
    .join('&');

const names = hostileText.filter((name) => name !== '');
const pairs = fc.array(fc.tuple(names, fc.option(hostileText)), { minLength: 1, maxLength: 5 });
const encoded = pairs.map(write);

fuzz('a row of the urlencoding trigger becomes the JSON of what it holds', [pairs], (row) => {
  expect(urlencodedToJson(write(row))).toBe(jsonOf(row));
});

fuzz('a broken urlencoded row is read byte by byte, or refused', [mutated(encoded)], (data) => {
  const expected = data === '' ? [] : pairsOf(data);
  expect(unlessRefused('PC404', () => urlencodedToJson(data))?.value).toBe(expected && jsonOf(expected));
});

const fields = fc.array(fc.tuple(names, hostileText), { maxLength: 5 });

fuzz('fields that are encoded come back', [fields], (all) => {
  expect(decodeFields(encodeFields(all))).toEqual(all);
});

fuzz('broken fields are read byte by byte, or refused', [mutated(encoded)], (data) => {
  const expected = pairsOf(
    data
      .split('&')
      .filter((field) => field !== '')
      .join('&'),
  );
  const found = unlessRefused('PC404', () => decodeFields(data))?.value;
  expect(found).toEqual(/[^&]/.test(data) ? expected?.map(([name, value]) => [name, value ?? '']) : []);
});

/** Names as a script can hold them: without what parts them, and without spaces around. */
const objectName = hostileText.map((name) => name.replaceAll(',', '').trim()).filter((name) => name !== '');
const conditions = fc
  .uniqueArray(fc.constantFrom(...ATTRIBUTE_KEYS), { maxLength: 4 })
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key) => fc.tuple(fc.constant(key), fc.array(objectName, { minLength: 1, maxLength: 3 }))),
    ),
  );

fuzz('the conditions of a script come back', [conditions], (all) => {
  const attributes = new Map<AttributeKey, string[]>(all);
  expect(decodeAttributes(encodeAttributes(attributes))).toEqual(attributes);
});

fuzz(
  'broken conditions of a script are all read, or refused',
  [
    mutated(
      conditions.map((all) => encodeAttributes(new Map(all))),
      [...PIECES, '&need-table=a', '%2C'],
    ),
  ],
  (data) => {
    const found = unlessRefused('PC404', () => decodeAttributes(data))?.value;
    if (found === undefined) return;
    const said = (pairsOf(data) ?? [])
      .flatMap(([, value]) => (value ?? '').split(',').map((name) => name.trim()))
      .filter((name) => name !== '');
    expect([...found.values()].flat().toSorted()).toEqual(said.toSorted());
  },
  { examples: [['need-table=a&need-table=b'], ['%ff=a']] },
);

fuzz(
  'the attributes of a table come back, and are never refused',
  [
    fc.uniqueArray(fc.tuple(names, fc.option(hostileText)), { maxLength: 5, selector: ([name]) => name }),
    mutated(encoded),
  ],
  (all, broken) => {
    expect([...parseAttributes(printAttributes(new Map(all)))]).toEqual(all);
    const known = pairsOf(broken)?.filter(([name, value]) => name !== '' || value !== null);
    if (known !== undefined) expect(parseAttributes(broken)).toEqual(new Map(known));
    else parseAttributes(broken);
  },
);

const handlerTexts = fc
  .tuple(fc.constantFrom('plain', 'shard', 'a.b'), pairs)
  .map(([name, args]) => withHandlerText('x=1', { name, args: new Map(args) }) ?? '');

fuzz('the arguments of a handler come back', [pairs], (all) => {
  const args = new Map(all);
  expect(readHandlerText(withHandlerText('x=1&handlers=old', { name: 'plain', args }))).toEqual({
    name: 'plain',
    args,
  });
});

fuzz(
  'the text of a handler is read, refused, and written as it is read',
  [mutated(handlerTexts)],
  (attributes) => {
    const found = unlessRefused('PC410', () => readHandlerText(attributes))?.value;
    if (found === undefined) return;
    expect(found.name).toMatch(/^[\w.]+$/);
    expect(readHandlerText(withHandlerText(attributes, found))).toEqual(found);
  },
);

fuzzLong(
  'a long urlencoded text takes a time in proportion',
  [...PIECES, 'a=1&', '%20', '%'],
  [
    (all) => unlessRefused('PC404', () => urlencodedToJson(all)),
    (all) => unlessRefused('PC404', () => decodeAttributes(all)),
    (all) => unlessRefused('PC410', () => readHandlerText(`handler=${all}`)),
    (all) =>
      unlessRefused('PC410', () => readHandlerText(printAttributes(new Map([['handler', `plain(${all})`]])))),
  ],
  [{ head: '', piece: 'a=1&', tail: '' }],
);
