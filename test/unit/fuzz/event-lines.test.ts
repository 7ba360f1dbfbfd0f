import fc from 'fast-check';
import { expect } from 'vitest';
import {
  CsvLines,
  type CsvRow,
  CSV_DELIMITER as D,
  CSV_QUOTE as Q,
  splitCsvLine,
} from '../../../src/queue/csv-rows.js';
import { partialSqlStatement } from '../../../src/queue/decode/partial-sql.js';
import { RowEvents } from '../../../src/queue/row-events.js';
import { Utf8Chunks } from '../../../src/queue/utf8-chunks.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { cutAt, cuts, hostileText, mutated, PIECES, text } from '../../support/hostile.js';

/** As PostgreSQL's COPY writes a row in CSV with our delimiter and quote; `all` quotes more than it must, which is the same row. */
function write(row: CsvRow, all = false): string {
  const fields = row.map((value) => {
    if (value === null) return '';
    const isPlain = value !== '' && !all && [D, Q, '\r', '\n'].every((special) => !value.includes(special));
    return isPlain ? value : Q + value.replaceAll(Q, Q + Q) + Q;
  });
  return fields.join(D);
}

const value = fc.option(fc.oneof(hostileText, text([D, Q, '\n', 'a'])), { nil: null });
const row = fc.array(value, { minLength: 2, maxLength: 9 });

const FIELD = new RegExp(`(?:${Q}((?:[^${Q}]|${Q}${Q})*)${Q}|([^${D}${Q}]*))(${D}|$)`, 'y');

/** Line ends in quotes end no line. Sticky, for what follows the last one. */
const LINES = new RegExp(`(?:[^${Q}\n]|${Q}[^${Q}]*${Q})*\n`, 'gy');

/** What the format is made of, as often as all else. */
const SPECIAL = Array.from({ length: 20 }, () => [D, Q, '\n', D + Q, Q + Q]).flat();

/** A line by the rules of CSV; undefined when a quote stands where none may stand. */
function readModel(line: string): CsvRow | undefined {
  const fields: CsvRow = [];
  FIELD.lastIndex = 0;
  for (;;) {
    const found = FIELD.exec(line);
    if (found === null) return undefined;
    const [, quoted, plain, end] = found;
    fields.push(quoted?.replaceAll(Q + Q, Q) ?? (plain || null));
    if (end === '') return fields;
  }
}

fuzz('a line of COPY is the row that was written', [row, fc.boolean()], (fields, all) => {
  expect(splitCsvLine(write(fields, all))).toEqual(fields);
  expect(readModel(write(fields, all))).toEqual(fields);
});

fuzz(
  'a line of COPY is read by the rules, or refused',
  [
    mutated(
      fc.tuple(row, fc.boolean()).map(([fields, all]) => write(fields, all)),
      [...PIECES, ...SPECIAL],
    ),
  ],
  (line) => {
    expect(unlessRefused('PC404', () => splitCsvLine(line))?.value).toEqual(readModel(line));
  },
  { examples: [[`${Q}a`], [`${Q}a${Q}b${D}c`], [`a${Q}b`]] },
);

fuzz(
  'the same lines come out wherever the text is cut',
  [
    mutated(
      fc
        .array(
          row.map((fields) => `${write(fields)}\n`),
          { maxLength: 4 },
        )
        .map((lines) => lines.join('')),
      [...PIECES, ...SPECIAL],
    ),
    cuts,
  ],
  (all, at) => {
    const whole = new CsvLines();
    const lines = whole.push(all);
    for (const pieces of [cutAt<string>(all, at), all.split('')]) {
      const cut = new CsvLines();
      expect(pieces.flatMap((piece) => cut.push(piece))).toEqual(lines);
      expect(cut.isAtRowEnd).toBe(whole.isAtRowEnd);
    }
    const expected = all.match(LINES) ?? [];
    expect(lines.map((line) => `${line}\n`)).toEqual(expected);
    expect(whole.isAtRowEnd).toBe(expected.join('') === all);
  },
);

const digits = fc.bigInt({ min: 0n, max: 9223372036854775807n }).map(String);
const eventFields = fc.tuple(
  fc.constantFrom('I', 'U', '{"op":"INSERT"}', Q, '\n'),
  fc.option(fc.constantFrom('public.a', 'public.ab', 'x')),
  value,
  value,
  fc.option(fc.constantFrom('2000000', '1')),
  digits,
  digits,
  value,
  value,
);

fuzz(
  'events are those that were written, whichever came before',
  [fc.array(eventFields, { maxLength: 6 })],
  (events) => {
    const reader = new RowEvents();
    for (const fields of events) {
      const [type, extra1, extra2, extra4, large, id, txid, extra3, data] = fields;
      expect(reader.parse(write(fields))).toEqual({
        ...{ type, data, extra1, extra2, extra3, extra4, id: BigInt(id), txid: BigInt(txid) },
        largeBytes: large === null ? undefined : Number(large),
      });
    }
  },
);

const eventLine = eventFields.map((fields) => write(fields));

fuzz(
  'a broken line of an event is refused, or means the same whichever came before',
  [fc.array(eventLine, { maxLength: 3 }), mutated(eventLine, [...PIECES, ...SPECIAL])],
  (before, line) => {
    const used = new RowEvents();
    for (const other of before) used.parse(other);
    const found = unlessRefused('PC404', () => used.parse(line))?.value;
    expect(found).toEqual(unlessRefused('PC404', () => new RowEvents().parse(line))?.value);
    const fields = readModel(line);
    if (found === undefined) {
      const numbers = [fields?.[5], fields?.[6], fields?.[4] ?? '0'];
      const isEvent =
        fields?.length === 9 &&
        fields[0] !== null &&
        numbers.every((number) => /^\d{1,19}$/.test(number ?? ''));
      expect(isEvent).toBe(false);
    } else {
      expect(fields).toEqual([
        found.type,
        found.extra1,
        found.extra2,
        found.extra4,
        fields?.[4],
        fields?.[5],
        fields?.[6],
        found.extra3,
        found.data,
      ]);
      expect([`${found.id}`, `${found.txid}`, found.largeBytes]).toEqual([
        BigInt(fields?.[5] ?? 0).toString(),
        BigInt(fields?.[6] ?? 0).toString(),
        fields?.[4] == null ? undefined : Number(fields[4]),
      ]);
    }
  },
);

const bytes = fc.oneof(
  hostileText.map((all) => Buffer.from(all)),
  fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all)),
  fc
    .tuple(hostileText, fc.uint8Array({ maxLength: 2 }), hostileText)
    .map(([head, middle, tail]) => Buffer.concat([Buffer.from(head), middle, Buffer.from(tail)])),
);

fuzz(
  'bytes become the text that they are, wherever they are cut, or are refused',
  [bytes, cuts],
  (all, at) => {
    const model = (chunk: Buffer) =>
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(chunk, { stream: true });
    const chunks = new Utf8Chunks();
    const found = unlessRefused('PC404', () =>
      cutAt<Buffer>(all, at)
        .map((chunk) => chunks.decode(chunk))
        .join(''),
    );
    let expected: string | undefined;
    try {
      expected = model(all);
    } catch {
      expected = undefined;
    }
    expect(found?.value).toBe(expected);
  },
  {
    examples: [
      [Buffer.from('a\ufeffb'), [1, 4]],
      [Buffer.from([0x61, 0xc3, 0x61]), [2]],
    ],
  },
);

const TARGET = { name: '"s"."t"', onlyName: 'only "s"."t"' };
const columnName = fc.oneof(
  fc.constantFrom('a', 'b2'),
  hostileText.map((name) => `"${name.replaceAll('"', '""')}"`),
);

fuzz(
  'an insert in partial SQL keeps all that it says',
  [fc.array(columnName, { minLength: 1, maxLength: 4 }), hostileText],
  (columns, rest) => {
    const list = `(${columns.join(',')})`;
    expect(partialSqlStatement('insert', TARGET, `${list} values (${rest})`)).toBe(
      `insert into "s"."t" ${list} overriding system value values (${rest})`,
    );
  },
);

fuzz(
  'partial SQL that is broken is refused, or kept',
  [mutated(fc.constant(`(a,"b)") values ('1')`))],
  (data) => {
    const statement = unlessRefused('PC404', () => partialSqlStatement('insert', TARGET, data))?.value;
    if (statement !== undefined)
      expect(statement.replace(' overriding system value', '')).toBe(`insert into "s"."t" ${data}`);
  },
);

fuzzLong(
  'a long line takes a time in proportion',
  [...PIECES, D, Q, Q + Q, D + Q, Q + D, '\n'],
  [
    (all) => unlessRefused('PC404', () => splitCsvLine(all)),
    (all) => unlessRefused('PC404', () => new RowEvents().parse(`I${D}${D}${D}${D}${D}1${D}1${D}${D}${all}`)),
    (all) => unlessRefused('PC404', () => partialSqlStatement('insert', TARGET, `(${all}`)),
    (all) => {
      const lines = new CsvLines();
      for (let at = 0; at < all.length; at += 4) lines.push(all.slice(at, at + 4));
    },
  ],
  [
    { head: Q, piece: 'a', tail: '' },
    { head: '', piece: 'a', tail: '' },
  ],
);
