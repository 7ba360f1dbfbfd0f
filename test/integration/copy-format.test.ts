import { describe, expect, test } from 'vitest';
import { readCopySide } from '../../src/copy/copy-columns.js';
import { chooseFormat } from '../../src/copy/copy-format.js';
import { copyTable } from '../../src/copy/copy-table.js';
import type { Connection } from '../../src/db/connection.js';
import { NO_HANDLER } from '../../src/handlers/registry.js';
import { freshDatabase } from '../support/cluster.js';

/** Types whose values travel as they are, with values at their ends. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  bool: ['true', 'false'],
  bytea: ["'\\x00ff'", "''"],
  '"char"': ["'c'", "''"],
  name: ["'größe'"],
  int2: ['-32768'],
  int4: ['2147483647'],
  int8: ['-9223372036854775808'],
  oid: ['4294967295'],
  float4: ["'NaN'", "'-0'", "'1.17549435e-38'"],
  float8: ["'Infinity'", '0.1::float8 + 0.2', "'-0'"],
  numeric: ['1.500', "'NaN'", '-0.000000000000000000001', '1e500'],
  money: ["'-12.34'"],
  text: ["E'\\u00e4\\t\\n\\\\ \\ufeff'", "''"],
  'varchar(5)': ["'abc  '"],
  'char(5)': ["'ab'"],
  json: [`'{"a": 1,  "a": [null]}'`],
  jsonb: [`'{"b": 1.10, "a": "\\u00e4"}'`],
  date: ["'infinity'", "'4713-01-01 BC'"],
  time: ["'24:00'"],
  timetz: ["'04:05:06.789-8'"],
  timestamp: ["'294276-12-31 23:59:59.999999'"],
  timestamptz: ["'-infinity'", "'2024-05-06 07:08:09.123456+03'"],
  interval: ["'-1 year 2 mons -3 days 04:05:06.7'"],
  'bit(3)': ["B'101'"],
  varbit: ["B''", "B'1'"],
  uuid: ["'00000000-0000-0000-0000-0000000000ff'"],
  inet: ["'::1/64'"],
  cidr: ["'10.0.0.0/8'"],
  macaddr: ["'08:00:2b:01:02:03'"],
  macaddr8: ["'08:00:2b:01:02:03:04:05'"],
  point: ["'(1.5,-0)'"],
  polygon: ["'((0,0),(1,1),(2,0))'"],
  circle: ["'<(1,2),3>'"],
  path: ["'[(0,0),(1,1)]'"],
  pg_lsn: ["'16/B374D848'"],
  tsvector: ["'a:1A b:2'"],
  int4range: ["'[1,5)'", "'empty'"],
  tstzrange: ["'[2024-01-01 00:00+00,)'"],
  'int4[]': ["'[0:1]={1,null}'", "'{}'"],
  'text[]': [`'{"a,b",NULL,"\\"",ä}'`],
};

const COLUMNS = Object.keys(SAME).map((type, i) => `c${i} ${type}`);
const CREATE = `create table public.same (id int primary key, ${COLUMNS.join(', ')});
  create table public.none (id int); create table public.paged (id int, note text)`;
const ROWS = Object.values(SAME).flatMap((values, i) =>
  values.map((value, n) => `insert into public.same (id, c${i}) values (${i * 10 + n}, ${value})`),
);

/** Columns of which one side's binary form is not the other's value: type there, type here. */
const OTHER: readonly [there: string, here: string][] = [
  ['regclass', 'regclass'],
  ['regtype[]', 'regtype[]'],
  ['xml', 'xml'],
  ['public.mood', 'public.mood'],
  ['public.mood[]', 'public.mood[]'],
  ['public.small', 'public.small'],
  ['public.pair', 'public.pair'],
  ['int4', 'int8'],
  ['text', 'varchar'],
];

const TYPES = `create type public.mood as enum ('sad'); create domain public.small as int check (value < 10);
  create type public.pair as (a int, b int)`;

async function copy(from: Connection, to: Connection, name: string): Promise<number> {
  let rows = 0;
  await from.execute('begin isolation level repeatable read');
  await to.transaction(async (writer) => {
    const last = await copyTable({
      reader: from,
      writer,
      sourceTable: name,
      destTable: name,
      queueName: 'app',
      tableName: name,
      handler: NO_HANDLER,
      skipTruncate: false,
      report: () => {},
      throttle: { take: () => Promise.resolve() },
      signal: new AbortController().signal,
    });
    rows = last.rowsDone;
  });
  return rows;
}

async function formatOf(from: Connection, to: Connection, name: string): Promise<string> {
  const { relkind, columns } = await readCopySide(from, name);
  const ends = { reader: from, sourceTable: name, relkind, columns, writer: to, destTable: name };
  return chooseFormat({ ...ends, columnsHere: columns, handler: NO_HANDLER });
}

describe.each([10, 18])('the copy between two servers of PostgreSQL %i', (major) => {
  test('sends values as they are, and they are the same', async () => {
    await using provider = await freshDatabase(major, 'provider');
    await using subscriber = await freshDatabase(major, 'subscriber');
    await using from = await provider.connect();
    await using to = await subscriber.connect();
    for (const side of [from, to]) await side.execute(CREATE);
    for (const row of ROWS) await from.execute(row);
    await from.execute(
      "insert into public.paged select i, repeat('x', 2000) from generate_series(1, 3000) as i",
    );
    for (const [name, count] of [
      ['public.same', ROWS.length],
      ['public.none', 0],
      ['public.paged', 3000],
    ] as const) {
      expect(await formatOf(from, to, name)).toBe('binary');
      expect(await copy(from, to, name)).toBe(count);
      const digest = `select count(*)::int as rows, md5(string_agg(t::text, ';' order by id)) as text from ${name} as t`;
      expect(await to.query(digest)).toEqual(await from.query(digest));
    }
  });

  test('sends texts where the value is not what travels', async () => {
    await using provider = await freshDatabase(major, 'provider');
    await using subscriber = await freshDatabase(major, 'subscriber');
    await using from = await provider.connect();
    await using to = await subscriber.connect();
    for (const side of [from, to]) await side.execute(TYPES);
    for (const [there, here] of OTHER) {
      await from.execute(`create table public.t (id int, v ${there})`);
      await to.execute(`create table public.t (id int, v ${here})`);
      expect(await formatOf(from, to, 'public.t'), there).toBe('text');
      for (const side of [from, to]) await side.execute('drop table public.t');
    }
    await from.execute('create table public.t (id int) partition by range (id)');
    await to.execute('create table public.t (id int)');
    expect(await formatOf(from, to, 'public.t')).toBe('text');
  });
});

test('another major version gets texts', async () => {
  await using provider = await freshDatabase(10, 'provider');
  await using subscriber = await freshDatabase(18, 'subscriber');
  await using from = await provider.connect();
  await using to = await subscriber.connect();
  for (const side of [from, to]) await side.execute('create table public.t (id int)');
  expect(await formatOf(from, to, 'public.t')).toBe('text');
});
