import fc from 'fast-check';
import { expect } from 'vitest';
import { copyText } from '../../../src/apply/copy-text.js';
import { listLiterals } from '../../../src/apply/list-literals.js';
import { type LocatedRow, RowReader } from '../../../src/apply/row-reader.js';
import type { TargetColumn } from '../../../src/apply/target-table.js';
import { fieldPrefixes, locateFields, readJsonFields } from '../../../src/queue/decode/json-fields.js';
import { parseRowEventType } from '../../../src/queue/decode/row-event-type.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { HALVES, hostileText, mutated, PIECES, text } from '../../support/hostile.js';

const anyText = text([...PIECES, ...HALVES]);
const names = fc.oneof(fc.constantFrom('id', 'v', 'a', 'b'), anyText);
const numbers = fc.constantFrom('0', '-0', '7', '12.50', '1e5', '-3E-7', '9223372036854775807', '0.1e+2');
/** The text of a value, as a trigger may write it. */
const plainValues = fc.oneof(
  anyText.map((value) => JSON.stringify(value)),
  anyText.map((value) => JSON.stringify(value).replaceAll('/', '\\/').replaceAll('a', '\\u0061')),
  numbers,
  fc.constantFrom('true', 'false', 'null'),
);
const values = fc.oneof({ weight: 5, arbitrary: plainValues }, fc.json({ maxDepth: 3 }));
const members = fc.array(fc.tuple(names, values), { maxLength: 6 });
const spaces = text([' ', '\n', '\t', '\r'], { maxLength: 2 });

function write(fields: readonly (readonly [string, string])[], space = ''): string {
  const written = fields.map(
    ([name, value]) => `${space}${JSON.stringify(name)}${space}:${space}${value}${space}`,
  );
  return `${space}{${space}${written.join(',')}${space}}${space}`;
}

const rows = fc.tuple(members, spaces).map(([fields, space]) => write(fields, space));

/** A JSON object, as JavaScript's own parser reads it. */
function objectOf(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const sorted = (list: readonly string[]) => list.toSorted();

fuzz(
  'the fields of a row are those that were written, and a name that comes twice is refused',
  [members, spaces],
  (fields, space) => {
    const json = write(fields, space);
    const found = unlessRefused('PC404', () => readJsonFields(json))?.value;
    if (new Set(fields.map(([name]) => name)).size < fields.length) return expect(found).toBeUndefined();
    const texts = fields.map((_, i) => json.slice(found?.spans[2 * i], found?.spans[2 * i + 1]));
    expect([found?.names, texts]).toEqual([fields.map(([name]) => name), fields.map(([, value]) => value)]);
  },
);

fuzz('a row is read as JSON.parse reads it, or refused', [mutated(rows)], (json) => {
  const object = objectOf(json);
  const found = unlessRefused('PC404', () => readJsonFields(json))?.value;
  if (object === undefined) return expect(found).toBeUndefined();
  // Otherwise a name comes twice.
  if (found === undefined) return;
  expect(sorted(found.names)).toEqual(sorted(Object.keys(object)));
  for (const [i, name] of found.names.entries()) {
    const value = json.slice(found.spans[2 * i], found.spans[2 * i + 1]);
    expect(JSON.parse(value)).toEqual(object[name]);
  }
});

fuzz(
  'the quick look finds what the careful one finds, or nothing',
  [fc.array(fc.tuple(names, plainValues), { maxLength: 5 }), fc.nat(6)],
  (fields, count) => {
    const json = write(fields);
    const spans: number[] = [];
    const prefixes = fieldPrefixes(fields.map(([name]) => name));
    if (!locateFields(json, prefixes, spans, Math.min(count, prefixes.length))) return;
    for (let i = 0; i < Math.min(count, fields.length); i++) {
      expect(json.slice(spans[2 * i], spans[2 * i + 1])).toBe(fields[i]?.[1]);
    }
  },
);

fuzz(
  'the quick look takes no text for a row that the careful one refuses',
  [members, mutated(rows)],
  (fields, other) => {
    for (const json of [other, other.replace(/^\{"[^"]*"/, `{${JSON.stringify(fields[0]?.[0] ?? '')}`)]) {
      const known = unlessRefused('PC404', () => readJsonFields(json))?.value;
      for (const wanted of [known?.names ?? [], fields.map(([name]) => name), guessedNames(json)]) {
        const spans: number[] = [];
        if (new Set(wanted).size < wanted.length || !locateFields(json, fieldPrefixes(wanted), spans))
          continue;
        expect({ names: wanted, spans }).toEqual(known);
      }
    }
  },
);

/** Names in the text of a row that may be broken. */
function guessedNames(json: string): string[] {
  return Array.from(json.matchAll(/[{,]\s*("(?:[^"\\]|\\.)*")\s*:/gs), ([, name = '""']) => {
    try {
      return JSON.parse(name) as string;
    } catch {
      return name;
    }
  });
}

const COLUMNS = ['b', 'a'].map((name) => ({ name })) as unknown as readonly TargetColumn[];

/** What PostgreSQL takes for the text of a value; undefined for what only it can tell. */
function cellOf(json: string): string | null | undefined {
  const value: unknown = JSON.parse(json);
  if (value === null) return null;
  if (typeof value === 'object') return undefined;
  if (typeof value !== 'string') return json;
  return /[\0\p{Surrogate}]/u.test(value) ? undefined : value;
}

function cellsOf({ text: row, layout, spans }: LocatedRow): (string | null | undefined)[] {
  return COLUMNS.map(({ name }) => {
    const at = 2 * layout.names.indexOf(name);
    return at < 0 ? undefined : cellOf(row.slice(spans[at], spans[at + 1]));
  });
}

const UNESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** COPY's text format, as its documentation says. */
function readCopy(data: string): (string | null)[][] {
  expect(data.endsWith('\n')).toBe(true);
  return data
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      expect(line).not.toBe('\\.');
      return line.split('\t').map((field) => {
        if (field === '\\N') return null;
        return field.replaceAll(/\\(.?)/gs, (_, letter: string) => {
          // Digits and x would be codes; production writes none of them.
          expect(letter).toMatch(/^[bfnrtv\\]$/);
          return UNESCAPED[letter] ?? letter;
        });
      });
    });
}

/** The literal of an array, as PostgreSQL's documentation says. */
function readList(literal: string): (string | null)[] {
  const elements = literal.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,"{}\\]+/gs) ?? [];
  expect(`{${elements.join(',')}}`).toBe(literal);
  return elements.map((element) => {
    if (element.startsWith('"')) return element.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
    return element === 'null' ? null : element;
  });
}

function expectCells(located: readonly LocatedRow[]): void {
  const cells = located.map(cellsOf);
  const data = copyText(COLUMNS, located)?.join('');
  const lists = listLiterals(COLUMNS, located);
  if (cells.flat().includes(undefined)) {
    expect([data, lists]).toEqual([undefined, undefined]);
  } else {
    expect(readCopy(data ?? '')).toEqual(cells);
    expect(COLUMNS.map((_, i) => readList(lists?.[i] ?? ''))).toEqual(
      COLUMNS.map((_, i) => cells.map((row) => row[i])),
    );
  }
}

const twoColumns = fc.tuple(values, values).map(([a, b]) =>
  write([
    ['a', a],
    ['b', b],
  ]),
);

fuzz(
  'COPY and arrays take each value as it is',
  [fc.array(twoColumns, { minLength: 1, maxLength: 4 })],
  (texts) => {
    const reader = new RowReader();
    expectCells(texts.map((row) => reader.locate(row)));
  },
);

fuzz(
  'COPY and arrays take no row for another that is broken',
  [twoColumns, mutated(twoColumns, [...PIECES, '\\N', '\n1\t2'])],
  (first, row) => {
    const reader = new RowReader();
    const located = unlessRefused('PC404', () => [reader.locate(first), reader.locate(row)]);
    if (located === undefined) {
      const known = guessedNames(row);
      expect(objectOf(row) === undefined || new Set(known).size < known.length).toBe(true);
      return;
    }
    expect(objectOf(row)).toBeDefined();
    expectCells(located.value);
  },
);

const KINDS = { insert: 'INSERT', update: 'UPDATE', delete: 'DELETE', truncate: 'TRUNCATE' };
const jsonTypes = fc
  .tuple(fc.constantFrom(...Object.values(KINDS)), fc.array(hostileText, { maxLength: 3 }))
  .map(([op, pkey]) => JSON.stringify({ op, table: ['public', 't'], pkey }));
const types = fc.oneof(jsonTypes, fc.constantFrom('I', 'U:id', 'D:a,b', 'R', 'EXECUTE'));

fuzz(
  'the type of a row event names what was written, or is none',
  [mutated(types)],
  (type) => {
    const found = parseRowEventType(type);
    if (found?.format !== 'json') {
      if (found !== undefined) expect(type).toMatch(/^[IUDR](?:$|:)/);
      return;
    }
    const { op, pkey } = objectOf(type) as { op: unknown; pkey?: unknown };
    expect([KINDS[found.operation], found.keyColumns]).toEqual([op, pkey ?? []]);
    for (const name of found.keyColumns) expect(typeof name).toBe('string');
  },
  { examples: [['{"op":"constructor"}'], ['{"op":"INSERT","pkey":[{"toString":1}]}']] },
);

fuzzLong(
  'a long row takes a time in proportion',
  [...PIECES, '{"a":', '"a":', '\\"', '[[', '{"a":{"b":', ',"a":1'],
  [
    (all: string) => all,
    (all: string) => `{"a":"${all}"}`,
    (all: string) => `{"a":${all}}`,
    (all: string) => `{"a":"${all}`,
  ].map((wrap) => (all: string) => {
    const json = wrap(all);
    locateFields(json, fieldPrefixes(['a', 'b']), []);
    parseRowEventType(json);
    const located = unlessRefused('PC404', () => new RowReader().locate(json))?.value;
    if (located !== undefined) copyText(COLUMNS.slice(1), [located]);
  }),
  [
    { head: '', piece: '[', tail: '' },
    { head: '', piece: '\\"', tail: '' },
  ],
);
