import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyText } from '../../src/apply/copy-text.js';
import { listLiterals } from '../../src/apply/list-literals.js';
import { RowReader } from '../../src/apply/row-reader.js';
import type { RowRewrite } from '../../src/apply/row-rewrite.js';
import type { TargetColumn } from '../../src/apply/target-table.js';
import type { Connection } from '../../src/db/connection.js';
import { quoteIdentifier, quoteLiteral } from '../../src/db/identifier.js';
import { readPartTime } from '../../src/handlers/partition-period.js';
import { rewriteEvents } from '../../src/handlers/rewrite-events.js';
import type { QueueEvent } from '../../src/queue/event.js';
import { eventId } from '../../src/queue/ids.js';
import { splitScript } from '../../src/replica/split-script.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';
import { SEED, seededRuns } from '../support/fuzz.js';
import { hostileText, text } from '../support/hostile.js';

let database: FreshDatabase;
let session: Connection;
beforeAll(async () => {
  database = await freshDatabase(18, 'hostile');
  session = await database.application();
  await session.execute(`create table by_json (id int, v text, n numeric, b bool, c text);
    create table by_copy (like by_json); create table by_list (like by_json); create table written (no serial, v text)`);
});
afterAll(async () => {
  await session?.close();
  await database?.[Symbol.asyncDispose]();
});

/** The same cases for a seed; all of them go to the server at once. */
const cases = <T>(arbitrary: fc.Arbitrary<T>, share = 1): T[] =>
  fc.sample(arbitrary, { numRuns: seededRuns(share), seed: SEED });

/** What a text of PostgreSQL can hold. */
const words = hostileText.map((all) => all.replaceAll('\0', ''));
const columns = ['id', 'v', 'n', 'b', 'c'].map((name) => ({ name })) as unknown as readonly TargetColumn[];
const rows = fc.record({
  v: fc.option(words),
  n: fc.option(fc.constantFrom('0', '-1.50', '1e5', '12345678901234567890.5')),
  b: fc.option(fc.boolean()),
  c: words,
});

test(`rows are what the server itself takes them for, by COPY and by arrays (seed ${SEED})`, async () => {
  const written = cases(rows).map(
    ({ v, n, b, c }, id) =>
      `{"id":${id},"v":${JSON.stringify(v)},"n":${n},"b":${b},"c":${JSON.stringify(c).replaceAll('/', '\\/')}}`,
  );
  const reader = new RowReader();
  const located = written.map((row) => reader.locate(row));
  await session.query('insert into by_json select * from json_populate_recordset(null::by_json, $1)', [
    `[${written.join(',')}]`,
  ]);
  const target = session.copyFrom('copy by_copy from stdin');
  target.end((copyText(columns, located) ?? []).join(''));
  await once(target, 'finish');
  await session.query(
    'insert into by_list select * from unnest($1::int[], $2::text[], $3::numeric[], $4::bool[], $5::text[])',
    listLiterals(columns, located),
  );
  for (const other of ['by_copy', 'by_list']) {
    expect(
      await session.query(
        `(table by_json except all table ${other}) union all (table ${other} except all table by_json)`,
      ),
    ).toEqual([]);
  }
  expect(await session.query('select count(*)::int as rows from by_copy')).toEqual([
    { rows: written.length },
  ]);
});

test('the text of a key of several columns is the one of the server', async () => {
  const keys = cases(
    fc.record({ v: fc.option(words), n: fc.constantFrom('0', '-1.50'), b: fc.boolean(), c: words }),
  ).map(({ v, n, b, c }) => `{"v":${JSON.stringify(v)},"n":${n},"b":${b},"c":${JSON.stringify(c)}}`);
  const type = '{"op":"UPDATE","table":["public","t"],"pkey":["v","n","b","c"]}';
  const event: QueueEvent = {
    id: eventId(1n),
    txid: 1n,
    type,
    data: '',
    extra1: 'public.t',
    extra2: null,
    extra3: null,
    extra4: null,
  };
  const rewrite: RowRewrite['rewrite'] = async (_, all) => all.map(({ row }) => ({ row, isHere: true }));
  const asItIs: RowRewrite = { isPartial: false, ignoresTruncate: false, changesRows: true, rewrite };
  const events = await rewriteEvents(
    session,
    keys.map((data) => ({ ...event, data })),
    asItIs,
  );
  const expected = await session.query<{ key: string }>(
    'select row(v, n, b, c)::text as key from json_populate_recordset(null::by_json, $1)',
    [`[${keys.join(',')}]`],
  );
  expect(events.map(({ extra3 }) => extra3)).toEqual(expected.map(({ key }) => key));
});

test.each(['on', 'off'])(
  'names and literals mean what they were made of (standard_conforming_strings %s)',
  async (standard) => {
    await session.execute(`set standard_conforming_strings = ${standard}`);
    const texts = cases(words, 0.3);
    const names = texts.map((all, i) => `${i}${Array.from(all).slice(0, 10).join('')}`);
    const [row] = await session.query(
      `select ${texts.map((all, i) => `${quoteLiteral(all)} as ${quoteIdentifier(names[i] as string)}`).join(', ')}`,
    );
    expect(Object.entries(row ?? {}).toSorted()).toEqual(names.map((name, i) => [name, texts[i]]).toSorted());
    await session.execute('reset standard_conforming_strings');
  },
);

const inside = text([
  ';',
  '(',
  ')',
  '\n',
  'a',
  '--x',
  '/*',
  '*/',
  'begin atomic',
  'end',
  'ü',
  '\u00a0',
  '$',
  "''",
  '"',
]);
const gap = fc.oneof(
  fc.constantFrom(' ', '\n', '\t\v\f\r'),
  inside.map((all) => `-- ${all.replaceAll(/[\r\n]/g, ' ')}\n`),
  fc.constant(' /* \' ; /* $$ */ " */ '),
);
const literal = fc.oneof(
  inside.map((all) => `'${all}'`),
  inside.map((all) => `E'${all}\\';\\\\'`),
  fc
    .tuple(fc.constantFrom('$$', '$é1$'), inside)
    .map(([tag, all]) => `${tag}${all.replaceAll('$', "'")}${tag}`),
  fc.constant("'a'\n -- ;'\n 'b;'"),
  fc.constant("(select ';' || $a$;$a$)"),
);
const statements = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(gap, literal, gap, literal, gap)
      .map(
        ([one, first, two, second, three]) =>
          `insert${one}into written (v)${two}values (${first}),${three}(${second})`,
      ),
  },
  fc
    .tuple(gap, literal, gap)
    .map(
      ([one, value, two]) =>
        `create or replace function f()${one}returns void begin${two}atomic insert into written (v) values (${value}); select case when true then 1 end; end`,
    ),
  fc.constant('select f()'),
);
const scripts = fc
  .tuple(gap, fc.array(statements, { minLength: 1, maxLength: 4 }), gap)
  .map(([head, all, between]) => `${head}${all.join(`${between};${between}`)};${between}`);

test.each([true, false])(
  'a script does piece by piece what the server does with it whole (standard strings: %s)',
  async (standardStrings) => {
    await session.execute(`set standard_conforming_strings = ${standardStrings ? 'on' : 'off'}`);
    const begin =
      'create or replace function f() returns void language sql as $f$ select 1 $f$; truncate written restart identity';
    const done = async (work: () => Promise<unknown>) => {
      await session.execute(begin);
      await work();
      return session.query('select no, v from written order by no');
    };
    for (const script of cases(scripts, 0.1)) {
      const pieces = splitScript(script, { fileName: 'f', standardStrings });
      const whole = await done(() => session.execute(script));
      const byPiece = await done(async () => {
        for (const { text: piece } of pieces) await session.execute(piece);
      });
      expect(byPiece, script).toEqual(whole);
    }
    await session.execute('reset standard_conforming_strings');
  },
);

test('a time is in the hour in which the server has it', async () => {
  const days = fc.integer({ min: 1, max: 3_000_000 });
  const times = cases(
    fc.tuple(days, fc.nat(86_399), fc.integer({ min: -15, max: 15 }), fc.constantFrom('', ':30', ':45')),
  );
  const found = await session.query<{ written: string; hour: string; year: number }>(
    `select written, to_char(moment, 'YYYY-MM-DD HH24') as hour, extract(year from moment)::int as year
       from (select written, written::timestamptz at time zone 'UTC' as moment
               from (select (date '1000-01-02' + day)::text || ' ' || (time '00:00' + second * interval '1 s')::text || zone as written
                       from unnest($1::int[], $2::int[], $3::text[]) as u (day, second, zone)) as t) as m`,
    [
      times.map(([day]) => day),
      times.map(([, second]) => second),
      times.map(
        ([, , hours, rest]) => `${hours < 0 ? '-' : '+'}${String(Math.abs(hours)).padStart(2, '0')}${rest}`,
      ),
    ],
  );
  for (const { written, hour, year } of found) {
    const part = readPartTime(written, true);
    const shown = part && `${part.year}-${part.month}-${part.day} ${part.hour}`;
    expect([written, shown]).toEqual([written, year > 9999 ? undefined : hour]);
  }
});
