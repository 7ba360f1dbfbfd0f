import { afterAll, expect, test } from 'vitest';
import type { TableComparison } from '../../src/compare/compare-table.js';
import { quoteLiteral } from '../../src/db/identifier.js';
import { type CompareFixture, openCompareFixture } from './compare-fixture.js';
import { MUTATION_TYPES, VALUE_CASES, type ValueCase } from './compare-mutations.js';

const fixtures = new Map<string, Promise<CompareFixture>>();

function shared(from: number, to: number): Promise<CompareFixture> {
  const pair = `${from} ${to}`;
  const opened = fixtures.get(pair) ?? openWithTypes(from, to);
  fixtures.set(pair, opened);
  return opened;
}

async function openWithTypes(from: number, to: number): Promise<CompareFixture> {
  const fixture = await openCompareFixture(from, to);
  await fixture.both(MUTATION_TYPES);
  return fixture;
}

afterAll(async () => {
  for (const fixture of fixtures.values()) await (await fixture)[Symbol.asyncDispose]();
});

const PAIRS = [
  [18, 18],
  [10, 18],
] as const;

/** The settings that values' texts depend on, none of them the default. */
const OTHER_SETTINGS = [
  "datestyle = 'SQL, DMY'",
  "intervalstyle = 'sql_standard'",
  "timezone = 'Asia/Kathmandu'",
  'extra_float_digits = -15',
  "bytea_output = 'escape'",
  "xmlbinary = 'hex'",
  "search_path = 'public'",
  "quote_all_identifiers = 'on'",
];

test.each(PAIRS)(
  'the smallest difference of every type is found, and nothing else, %i to %i',
  async (from, to) => {
    await using fixture = await openWithTypes(from, to);
    await withSettings(fixture, OTHER_SETTINGS);
    const oldest = Math.min(from, to);
    const cases = VALUE_CASES.filter(({ since = 0 }) => since <= oldest);
    const tables = cases.map((one, index) => ({ ...one, name: `public.type_${index}` }));
    for (const { name, type } of tables) {
      await fixture.both(
        `create table ${name} (id integer primary key, before text default 'x', v ${type}, after text default 'x')`,
      );
    }
    await fixture.provider.query(tables.map((table) => insert(table, 0)).join(';'));
    await fixture.subscriber.query(tables.map((table) => insert(table, 1)).join(';'));
    const keyless = tables.map(({ name }) => `${name}_bare`);
    await fixture.both(
      tables
        .map(({ name }) => `create table ${name}_bare as select v from ${name} where id < 1000`)
        .join(';'),
    );
    await fixture.addTables(...tables.map(({ name }) => name), ...keyless);
    const { tables: found } = await fixture.compare([...tables.map(({ name }) => name), ...keyless]);
    const keys = Object.fromEntries(
      found.slice(0, tables.length).map((one, i) => [tables[i]?.type, keysOf(one)]),
    );
    expect(keys).toEqual(
      Object.fromEntries(
        tables.map(({ type, different }) => [
          type,
          { changed: different.map((_, i) => [String(i + 1)]), missing: [], extra: [] },
        ]),
      ),
    );
    const bare = found.slice(tables.length).map((one, i) => [tables[i]?.type, countsOf(one)]);
    expect(bare).toEqual(tables.map(({ type, different }) => [type, bareCounts(different)]));
  },
);

/** Without keys a row that is on both sides, though at another pair, is none too few. */
function bareCounts(different: ValueCase['different']) {
  const left = different.map(([value]) => value);
  const right = different.map(([, value]) => value);
  for (const value of [...left]) {
    const at = right.indexOf(value);
    if (at < 0) continue;
    right.splice(at, 1);
    left.splice(left.indexOf(value), 1);
  }
  return { changed: 0n, missing: BigInt(left.length), extra: BigInt(right.length) };
}

const BALANCED = 'create table %s (id integer primary key, a integer, b text, c text)';

/** What is done to the subscriber's table of rows 1 to 500, and the keys that are then named. */
const ROW_MUTATIONS = [
  [
    'two rows swap all their values',
    'update %s t set (a, b, c) = (select a, b, c from %s o where o.id = 111 - t.id) where id in (50, 61)',
    { changed: ['50', '61'] },
  ],
  [
    'two rows swap one value',
    "update %s set b = case id when 7 then 'b8' else 'b7' end where id in (7, 8)",
    { changed: ['7', '8'] },
  ],
  [
    'two changes cancel in a sum',
    'update %s set a = a + case id when 3 then 1 else -1 end where id in (3, 400)',
    { changed: ['3', '400'] },
  ],
  ['two columns of a row swap their values', 'update %s set b = c, c = b where id = 9', { changed: ['9'] }],
  [
    'a letter moves to the next column',
    'update %s set b = left(b, -1), c = right(b, 1) || c where id = 12',
    { changed: ['12'] },
  ],
  ['one row is missing', 'delete from %s where id = 1', { missing: ['1'] }],
  ['the last row is missing', 'delete from %s where id = 500', { missing: ['500'] }],
  ['one row is extra', "insert into %s values (501, 1, 'b1', 'c1')", { extra: ['501'] }],
  ['a row has another key', 'update %s set id = -5 where id = 5', { missing: ['5'], extra: ['-5'] }],
  [
    'one is missing and one is extra',
    "delete from %s where id = 20; insert into %s values (2000000000, 20, 'b20', 'c20')",
    { missing: ['20'], extra: ['2000000000'] },
  ],
  [
    'all but one are missing',
    'delete from %s where id > 1',
    { missing: ['2', '3', '4', '5', '6', '7', '8', '9', '10', '11'] },
  ],
  ['a space at the end', "update %s set b = b || ' ' where id = 33", { changed: ['33'] }],
  ['empty for null', "update %s set c = '' where id = 77", { changed: ['77'] }],
] as const;

test.each(PAIRS)('whatever is done to rows, the right keys are named, %i to %i', async (from, to) => {
  const fixture = await shared(from, to);
  const names = ROW_MUTATIONS.map((_, index) => `public.rows_${index}`);
  for (const [index, [, mutation]] of ROW_MUTATIONS.entries()) {
    const name = names[index] as string;
    await fixture.both(`${BALANCED.replace('%s', name)};
      insert into ${name} select i, i, 'b' || i, case i when 77 then null else 'c' || i end from generate_series(1, 500) i`);
    await fixture.subscriber.query(mutation.replaceAll('%s', name));
  }
  await fixture.addTables(...names);
  const { tables } = await fixture.compare(names);
  const found = ROW_MUTATIONS.map(([what], index) => [what, keysOf(tables[index] as TableComparison)]);
  expect(found).toEqual(
    ROW_MUTATIONS.map(([what, , expected]) => {
      const all: { changed?: readonly string[]; missing?: readonly string[]; extra?: readonly string[] } =
        expected;
      const keys = (list: readonly string[] = []) => list.map((key) => [key]);
      return [what, { changed: keys(all.changed), missing: keys(all.missing), extra: keys(all.extra) }];
    }),
  );
});

test.each(PAIRS)(
  'a duplicate too many or too few in a table without a key is found, %i to %i',
  async (from, to) => {
    const fixture = await shared(from, to);
    const cases = {
      one_more: ["insert into %s values (3, 'x')", 0n, 1n],
      one_less: ['delete from %s where ctid = (select min(ctid) from %s where n = 4)', 1n, 0n],
      moved: [
        "delete from %s where ctid = (select min(ctid) from %s where n = 4); insert into %s values (5, 'x')",
        1n,
        1n,
      ],
      three_for_two: ["insert into %s values (100, 'x')", 0n, 1n],
      null_for_empty: ["update %s set t = '' where t is null", 10n, 10n],
    } as const;
    const names = Object.keys(cases).map((name) => `public.bag_${name}`);
    for (const [name, [mutation]] of Object.entries(cases)) {
      const table = `public.bag_${name}`;
      await fixture.both(`create table ${table} (n integer, t text);
      insert into ${table} select i % 50, 'x' from generate_series(1, 500) i union all select 100, 'x' from generate_series(1, 2)
        union all select 101, null from generate_series(1, 10)`);
      await fixture.subscriber.query(mutation.replaceAll('%s', table));
    }
    await fixture.addTables(...names);
    const { tables } = await fixture.compare(names);
    expect(tables.map(countsOf)).toEqual(
      Object.values(cases).map(([, missing, extra]) => ({ changed: 0n, missing, extra })),
    );
  },
);

test('values of a LATIN1 database and of a UTF-8 one are told apart and found equal as in one encoding', async () => {
  await using fixture = await openCompareFixture(18, 18, 'LATIN1');
  await fixture.both(
    'create table words (id integer primary key, t text, a text[], n name, c char(6), j jsonb)',
  );
  await fixture.both(
    `insert into words select i, 'naïve é', '{ß,"ü,ö"}', 'ñ', 'é', '{"ä": "ö"}' from generate_series(1, 5) i`,
  );
  await fixture.both('create table wordy (w text primary key)');
  await fixture.both("insert into wordy values ('é'), ('ß')");
  await fixture.addTables('public.words', 'public.wordy');
  const equal = await fixture.compare(['public.words', 'public.wordy']);
  expect(equal.tables.map(({ verdict }) => verdict.kind)).toEqual(['equal', 'equal']);
  await fixture.subscriber.query(
    'update words set t = \'naïve è\' where id = 2; update words set j = \'{"ä": "õ"}\' where id = 3',
  );
  await fixture.subscriber.query("update wordy set w = '€' where w = 'ß'");
  const { tables } = await fixture.compare(['public.words', 'public.wordy']);
  expect(tables.map(keysOf)).toEqual([
    { changed: [['2'], ['3']], missing: [], extra: [] },
    { changed: [], missing: [['ß']], extra: [['€']] },
  ]);
});

test('text that a collation takes for equal is different, as its events are', async () => {
  const fixture = await shared(18, 18);
  await fixture.both(`create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create table folded (id integer primary key, t text collate ci);
    create table folded_key (t text collate ci primary key, n integer);
    insert into folded values (1, 'Abc'), (2, 'Abc'); insert into folded_key values ('Abc', 1), ('Def', 2)`);
  await fixture.addTables('public.folded', 'public.folded_key');
  await fixture.subscriber.query(
    "update folded set t = 'aBC' where id = 2; update folded_key set t = 'abc' where n = 1",
  );
  const { tables } = await fixture.compare(['public.folded', 'public.folded_key']);
  expect(tables.map(keysOf)).toEqual([
    { changed: [['2']], missing: [], extra: [] },
    { changed: [], missing: [['Abc']], extra: [['abc']] },
  ]);
});

async function withSettings({ subscriber }: CompareFixture, settings: readonly string[]): Promise<void> {
  for (const setting of settings) await subscriber.query(`alter database ${subscriber.name} set ${setting}`);
}

/** Values are written by sessions of the fixed settings of a program: only how they are read is to differ. */
function insert({ name, different, equal = [] }: ValueCase & { readonly name: string }, side: 0 | 1): string {
  const rows = [
    ...different.map((pair, i) => [i + 1, pair[side]] as const),
    ...equal.map((pair, i) => [1000 + i, pair[side]] as const),
  ];
  return `insert into ${name} (id, v) values ${rows
    .map(([id, value]) => `(${id}, ${value === null || value === undefined ? 'null' : quoteLiteral(value)})`)
    .join(', ')}`;
}

function keysOf({ verdict }: TableComparison): unknown {
  if (verdict.kind === 'equal') return { changed: [], missing: [], extra: [] };
  if (verdict.kind !== 'different' || verdict.differences === undefined) return verdict;
  const { changed, missing, extra } = verdict.differences;
  return { changed: changed.keys, missing: missing.keys, extra: extra.keys };
}

function countsOf({ verdict }: TableComparison): unknown {
  if (verdict.kind === 'equal') return { changed: 0n, missing: 0n, extra: 0n };
  if (verdict.kind !== 'different' || verdict.differences === undefined) return verdict;
  const { changed, missing, extra } = verdict.differences;
  return { changed: changed.count, missing: missing.count, extra: extra.count };
}
