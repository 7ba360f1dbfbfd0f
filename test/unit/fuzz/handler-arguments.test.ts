import fc from 'fast-check';
import { expect } from 'vitest';
import { commonSelection, nameList } from '../../../src/handlers/common-arguments.js';
import { readDispatchSettings } from '../../../src/handlers/dispatch-settings.js';
import { fieldHere, readFieldMap } from '../../../src/handlers/field-map.js';
import { type PartTime, periodStart, readPartTime } from '../../../src/handlers/partition-period.js';
import { argumentsOf, bindHandler, HANDLERS } from '../../../src/handlers/registry.js';
import { checkTemplate, fillTemplate } from '../../../src/handlers/text-template.js';
import { printAttributes } from '../../../src/replica/table-attributes.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { hostileText, mutated, PIECES, text } from '../../support/hostile.js';

/** Names of columns as a list can hold them. */
const column = text(PIECES, { minLength: 1, maxLength: 3 })
  .map((all) => all.replaceAll(/[,:]/g, '').trim())
  .filter((name) => name !== '' && name !== '*');
const space = fc.constantFrom('', ' ', '\t ');

fuzz(
  'a map of fields says what was written',
  [
    fc.uniqueArray(fc.tuple(column, fc.option(column)), { maxLength: 4, selector: ([name]) => name }),
    fc.boolean(),
    fc.array(column, { maxLength: 3 }),
    space,
  ],
  (fields, hasOthers, skipped, gap) => {
    const parts = fields.map(([name, here]) => (here === null ? name : `${name}${gap}:${gap}${here}`));
    if (hasOthers) parts.push('*');
    fc.pre(parts.length > 0);
    const here = fields.map(([name, other]) => other ?? name);
    const map = unlessRefused('PC410', () =>
      readFieldMap(parts.join(`${gap},`), skipped.join(`,${gap}`)),
    )?.value;
    if (new Set(here).size < here.length) return expect(map).toBeUndefined();
    for (const [i, [name]] of fields.entries())
      expect(map && fieldHere(map, name)).toBe(skipped.includes(name) ? undefined : here[i]);
    expect(map && fieldHere(map, 'another')).toBe(
      hasOthers && !skipped.includes('another') ? 'another' : undefined,
    );
  },
);

const fieldLists = fc
  .array(fc.tuple(column, column), { minLength: 1, maxLength: 4 })
  .map((all) => all.map(([name, here]) => `${name}:${here}`).join(','));

fuzz(
  'a broken map of fields is refused, or loses no column',
  [mutated(fieldLists, [...PIECES, ',a:b', ',a:c', ',*'])],
  (all) => {
    const map = unlessRefused('PC410', () => readFieldMap(all, undefined))?.value;
    if (map === undefined) return;
    const pairs = all.split(',').map((part) => part.split(':').map((name) => name.trim()));
    for (const [name = '', here = name] of pairs)
      expect(fieldHere(map, name)).toBe(name === '*' ? fieldHere(map, '*') : here);
  },
  { examples: [['a:x,a:y']] },
);

fuzz(
  'a list of names is what was written, or refused',
  [fc.array(column, { minLength: 1, maxLength: 5 }), space],
  (names, gap) => {
    const found = unlessRefused('PC410', () => nameList('columns', names.join(`${gap},${gap}`)))?.value;
    expect(found).toEqual(new Set(names).size < names.length ? undefined : names);
  },
);

const SETTINGS = {
  table_mode: ['part', 'direct', 'ignore'],
  part_mode: ['batch_time', 'event_time', 'date_field', 'current_time'],
  part_field: ['ts'],
  period: ['hour', 'day', 'month', 'year'],
  load_mode: ['direct', 'bulk'],
  method: ['0', '3'],
  row_mode: ['plain', 'keep_latest', 'keep_all'],
  event_types: ['I', 'U,D', 'i , u'],
  fields: ['*', 'a:b,c'],
  part_name: ['%(parent)s_%(year)s'],
  pre_part: ['%(dest)s %% %(part)s'],
  ignore_truncate: ['1', 'off'],
};
const setting = fc
  .constantFrom(...Object.entries(SETTINGS))
  .chain(([name, values]) =>
    fc.tuple(
      fc.constant(name),
      mutated(fc.constantFrom(...values), [...PIECES, '%(constructor)s', '%(year)s']),
    ),
  );

fuzz(
  'settings of dispatch are of the words that there are, or refused',
  [fc.array(setting, { maxLength: 4 })],
  (all) => {
    const own = new Map(all);
    const found = unlessRefused('PC410', () => readDispatchSettings(own))?.value;
    if (found === undefined) return;
    expect(SETTINGS.table_mode).toContain(found.tableMode);
    expect([
      own.get('table_mode') ?? 'part',
      own.get('period') ?? 'day',
      own.get('row_mode') ?? 'plain',
      own.get('part_mode') ?? 'batch_time',
    ]).toEqual([found.tableMode, found.period, found.rowMode, found.partMode]);
    const letters = (own.get('event_types') ?? '').split(',').map((letter) => letter.trim().toUpperCase());
    const operations = [...found.operations].map((operation) => operation.slice(0, 1).toUpperCase());
    if (own.has('event_types')) expect(operations).toEqual([...new Set(letters)]);
    expect(
      fillTemplate(found.partName, { parent: 'p', year: 'y', month: 'm', day: 'd', hour: 'h' }),
    ).not.toContain('function');
  },
  { examples: [[[['event_types', 'I,x']]], [[['part_name', '%(constructor)s']]]] },
);

const values = fc.constantFrom('1', '0', 'id', 'a,b', 'app.f', "x = 'y'", '%(a)s', '3', 'count', 'true');
const bound = fc
  .constantFrom(...HANDLERS)
  .chain((spec) =>
    fc.tuple(
      fc.constant(spec.name),
      fc.uniqueArray(
        fc.tuple(
          fc.constantFrom('where', ...argumentsOf(spec).map(({ name }) => name)),
          fc.option(mutated(values)),
        ),
        { selector: ([name]) => name, maxLength: 5 },
      ),
    ),
  );

fuzz('a handler takes its arguments, or refuses them', [bound], ([name, args]) => {
  const attributes = printAttributes(new Map([['handler', `${name}(${printAttributes(new Map(args))})`]]));
  const handler = unlessRefused('PC410', () =>
    bindHandler('public.t', attributes, { obfuscatorKey: 'k' }),
  )?.value;
  if (handler === undefined) return;
  expect(handler.name).toBe(name);
  for (const condition of handler.selection.where) expect(condition.trim()).not.toBe('');
});

fuzz(
  'a template is filled as it says',
  [
    fc.array(
      fc.oneof(
        fc.constantFrom('a', 'b').map((name) => ({ name })),
        hostileText.map((all) => ({ all })),
      ),
      { maxLength: 5 },
    ),
    hostileText,
    hostileText,
  ],
  (parts, a, b) => {
    const template = parts
      .map((part) => ('name' in part ? `%(${part.name})s` : part.all.replaceAll('%', '%%')))
      .join('');
    checkTemplate('x', template, ['a', 'b']);
    expect(fillTemplate(template, { a, b })).toBe(
      parts.map((part) => ('name' in part ? (part.name === 'a' ? a : b) : part.all)).join(''),
    );
  },
);

const two = (number: number) => String(number).padStart(2, '0');
const moments = fc.record({
  ms: fc.integer({ min: Date.UTC(1000, 0, 1), max: Date.UTC(10_000, 0, 1) - 1000 }),
  offset: fc.integer({ min: -16 * 60, max: 16 * 60 }),
});

fuzz(
  'a time is in the part of its hour, here or in UTC',
  [moments, fc.constantFrom(' ', 'T'), fc.boolean()],
  ({ ms, offset }, separator, toUtc) => {
    const utc = new Date(ms - (ms % 1000));
    const written = new Date(utc.getTime() + offset * 60_000);
    fc.pre(written.getTime() >= Date.UTC(1000, 0, 1) && written.getTime() < Date.UTC(10_000, 0, 1));
    const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${offset % 60 === 0 ? '' : `:${two(Math.abs(offset) % 60)}`}`;
    const all = `${written.toISOString().slice(0, 19).replace('T', separator)}.5${zone}`;
    const expected = toUtc ? utc : written;
    const [year, month, day, hour] = [
      expected.getUTCFullYear().toString(),
      two(expected.getUTCMonth() + 1),
      two(expected.getUTCDate()),
      two(expected.getUTCHours()),
    ];
    const found = readPartTime(all, toUtc);
    expect(found).toEqual({ year, month, day, hour });
    expect(periodStart(found as PartTime, 'hour')).toBe(`${year}-${month}-${day} ${hour}:00:00`);
  },
);

const TIMES = fc.constantFrom(
  '2024-02-29 23:59:59.999999+05:30',
  '9999-12-31 23:00:00-08',
  '1000-01-01 00:00:00+01',
  '2024-12-01',
  'infinity',
  '0044-03-15 BC',
);

fuzz(
  'what is no time of a calendar is none',
  [mutated(TIMES, [...PIECES, '13', '31', '-99', '24', '60', '+00:19:32']), fc.boolean()],
  (all, toUtc) => {
    const found = readPartTime(all, toUtc);
    if (found === undefined) return;
    const start = periodStart(found, 'hour').replace(' ', 'T');
    expect(new Date(`${start}Z`).toISOString()).toBe(`${start}.000Z`);
    expect(found.year).toMatch(/^[1-9]\d{3}$/);
    if (!toUtc) expect(all).toContain(`${found.year}-${found.month}-${found.day}`);
  },
  {
    examples: [
      ['2024-13-01 00:00:00+00', true],
      ['2023-02-29', false],
      ['9999-12-31 23:00:00-08', true],
      ['2024-02-30 00:00:00+00', true],
    ],
  },
);

fuzzLong(
  'a long argument takes a time in proportion',
  [...PIECES, 'a,', "''"],
  [
    (all) => unlessRefused('PC410', () => readFieldMap(all, all)),
    (all) => unlessRefused('PC410', () => nameList('columns', all)),
    (all) => unlessRefused('PC410', () => commonSelection(new Map([['where', all]]))),
    (all) => unlessRefused('PC410', () => checkTemplate('x', all, [])),
    (all) => readPartTime(all, true),
  ],
  [{ head: "'", piece: 'a', tail: '' }],
);
