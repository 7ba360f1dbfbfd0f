import { afterAll, expect, test } from 'vitest';
import type { TableComparison } from '../../src/compare/compare-table.js';
import { planTables, type UnionPlan } from '../../src/compare/plan-tables.js';
import { type RepairItem, readRepairs } from '../../src/compare/repair-rows.js';
import type { RowDifference } from '../../src/compare/row-differences.js';
import { openSnapshotPair } from '../../src/compare/snapshot-pair.js';
import { waitUntil } from '../support/wait-until.js';
import { COMPARING, type CompareFixture, openCompareFixture, QUEUE } from './compare-fixture.js';

let opened: Promise<CompareFixture> | undefined;
const shared = () => (opened ??= openCompareFixture(10, 18));

afterAll(async () => {
  await (await opened)?.[Symbol.asyncDispose]();
});

const ROWS = 4000;

const GROUPED = { groupRows: 1_000, snapshotMaxAgeMs: 0.001, jobs: 1 };
const WHOLE = { groupRows: 1_000_000 };

/** A table on both sides whose key is made of `n`, and one row each changed, missing and extra on the subscriber when it is told to be. */
async function makeTable(fixture: CompareFixture, table: string, columns: string, keys: readonly string[]) {
  await fixture.both(`create table ${table} (n int, v text, ${columns});
    insert into ${table} select n, 'row ' || n, ${keys.join(', ')} from generate_series(1, ${ROWS}) as n; create index on ${table} (n); analyze ${table}`);
  await fixture.addTables(`public.${table}`);
  const makeDifferent = () =>
    fixture.subscriber.query(`update ${table} set v = 'x' where n in (3, 3999); delete from ${table} where n = 2000;
      insert into ${table} select n, 'y', ${keys.join(', ')} from generate_series(90001, 90001) as n`);
  const keysOf = async (...numbers: number[]) => {
    const rows = await fixture.subscriber.query<{ key: string[] }>(
      `select array[${keys.map((key) => `(${key})::text`).join(', ')}] as key from unnest($1::int[]) as n`,
      [numbers],
    );
    return rows.map((row) => row.key).sort();
  };
  return { name: `public.${table}`, makeDifferent, keysOf };
}

function differencesOf({ tables }: { readonly tables: readonly TableComparison[] }) {
  const { verdict } = tables[0] as TableComparison;
  if (verdict.kind !== 'different' || verdict.differences === undefined) return verdict;
  const { changed, missing, extra, isComplete } = verdict.differences;
  const sorted = ({ keys }: typeof changed) => [...keys].sort();
  return { changed: sorted(changed), missing: sorted(missing), extra: sorted(extra), isComplete };
}

test.each([
  ['uuids', 'id uuid primary key', ['md5(n::text)::uuid']],
  ['short_words', 'id varchar(20) primary key', ["'K ' || n"]],
  [
    'moments_and_bytes',
    'a timestamptz, b bytea, c text collate "C", primary key (a, b, c)',
    [
      "timestamptz '2020-01-01Z' + (n % 7) * interval '1 hour'",
      "decode(md5((n % 50)::text), 'hex')",
      "'K' || n",
    ],
  ],
  ['pairs', 'a int, b text, primary key (a, b)', ['n % 3', "'k' || n"]],
])(
  'a table with %s as keys is compared in groups at several ticks, and what differs is found without reading it all again',
  async (table, columns, keys) => {
    const fixture = await shared();
    const { name, makeDifferent, keysOf } = await makeTable(fixture, table, columns, keys);
    const equal = await fixture.compare([name], GROUPED);
    expect(differencesOf(equal)).toEqual({ kind: 'equal' });
    expect(equal.tables[0]?.totals?.subscriber.rows).toBe(BigInt(ROWS));
    expect(equal.tick).toBeGreaterThan(equal.firstTick);

    const ofEqual = await scansDuring(fixture, table, async () => {
      expect(differencesOf(await fixture.compare([name], WHOLE))).toEqual({ kind: 'equal' });
    });
    await makeDifferent();
    const expected = {
      changed: await keysOf(3, 3999),
      missing: await keysOf(2000),
      extra: await keysOf(90001),
      isComplete: true,
    };
    const ofDifferent = await scansDuring(fixture, table, async () => {
      expect(differencesOf(await fixture.compare([name], WHOLE))).toEqual(expected);
    });
    expect(ofEqual).toBe(1);
    expect(ofDifferent).toBe(1);
    expect(differencesOf(await fixture.compare([name], GROUPED))).toEqual(expected);
  },
);

test('where the servers order the same collation in two ways all is found, once, and nothing else', async () => {
  const fixture = await shared();
  // The root takes no notice of what the leaf takes for "numbers by their value": the names are alike all the same.
  await fixture.provider.query("create collation in_order (provider = icu, locale = 'en-US-u-kntrue')");
  await fixture.subscriber.query("create collation in_order (provider = icu, locale = 'en-US-u-kn-true')");
  const { name, makeDifferent, keysOf } = await makeTable(
    fixture,
    'ordered_words',
    'id text collate in_order primary key',
    ["'k' || n"],
  );
  const first = 'select id from ordered_words order by id limit 2';
  expect(await fixture.provider.query(first)).not.toEqual(await fixture.subscriber.query(first));
  for (const way of [WHOLE, GROUPED]) {
    expect(differencesOf(await fixture.compare([name], way))).toEqual({ kind: 'equal' });
  }
  await makeDifferent();
  const expected = {
    changed: await keysOf(3, 3999),
    missing: await keysOf(2000),
    extra: await keysOf(90001),
    isComplete: true,
  };
  for (const way of [WHOLE, GROUPED]) {
    expect(differencesOf(await fixture.compare([name], way))).toEqual(expected);
  }
});

test('rows of many MB are read for a repair a few at a time, with a key and without', async () => {
  const fixture = await shared();
  await fixture.both(`create table large_rows (id text primary key, v text, b bytea); create table large_bag (v text);
    insert into large_rows select 'k' || i, repeat('x', 2000000), null from generate_series(1, 10) as i;
    insert into large_bag select v from large_rows limit 2; insert into large_rows select 'small ' || i from generate_series(1, 30) as i`);
  await fixture.addTables('public.large_rows', 'public.large_bag');
  await fixture.subscriber.query(
    `update large_rows set b = decode(repeat('00', 1000000), 'hex') where id like 'k%';
     update large_rows set b = '' where id like 'small%'; delete from large_bag where ctid = (select min(ctid) from large_bag)`,
  );
  await using pair = await openSnapshotPair(fixture.ports, {
    queueName: QUEUE,
    jobs: 1,
    timeoutMs: 10_000,
    lockTimeoutMs: 1_000,
  });
  const tableNames = ['public.large_rows', 'public.large_bag'];
  const plans = await planTables(pair, fixture.ports, { queueName: QUEUE, tableNames, handlers: {} });
  const [keyed, bag] = plans as [UnionPlan, UnionPlan];
  const keys = Array.from({ length: 40 }, (_, i) => (i < 10 ? `k${i + 1}` : `small ${i - 9}`));
  const items = keys.map(
    (key) => ({ tableName: 'public.large_rows', kind: 'changed', key: [key], rowHash: null }) as const,
  );
  const chunks: number[][] = [];
  for await (const { names, repairs } of readRepairs(keyed, pair, items)) {
    const lengths = repairs.flatMap((repair) => (repair.kind === 'update' ? [repair.row, repair.old] : []));
    const texts = lengths.flatMap((row) => row.texts.map((text) => text?.length ?? 0));
    chunks.push([names, texts.reduce((sum, length) => sum + length, 0)]);
  }
  // Each of the first ten is 2 MB on both sides and 2 MB as hexadecimal digits here.
  expect(chunks.length).toBeGreaterThan(3);
  expect(Math.max(...chunks.map(([, bytes]) => bytes as number))).toBeLessThan(16 * 1024 * 1024);
  expect(chunks.reduce((sum, [names]) => sum + (names as number), 0)).toBe(40);

  const found: RepairItem[] = [];
  const sink = async (tableName: string, differences: readonly RowDifference[]) => {
    for (const { kind, rowHash } of differences)
      found.push({ tableName, kind, key: null, rowHash } as RepairItem);
  };
  await fixture.compare(['public.large_bag'], { differences: { sink, most: 10 } });
  expect(found).toHaveLength(1);
  for await (const { repairs } of readRepairs(bag, pair, found)) {
    expect(repairs.map(({ kind }) => kind)).toEqual(['insert']);
  }
});

/** How often the whole table was read on the subscriber by `work`. From PostgreSQL 15 on a session has told its counts before it is gone. */
async function scansDuring(
  { subscriber }: CompareFixture,
  table: string,
  work: () => Promise<unknown>,
): Promise<number> {
  const scans = async () => {
    await waitUntil('the sessions of compares have ended', async () => {
      const sessions = await subscriber.query(
        'select from pg_stat_activity where datname = current_database() and application_name = $1',
        [COMPARING],
      );
      return sessions.length === 0;
    });
    // What this session did before, the building of indexes for one, is told up to a second later otherwise.
    await subscriber.query('select pg_stat_force_next_flush()');
    const [row] = await subscriber.query<{ scans: bigint }>(
      'select seq_scan as scans from pg_stat_user_tables where relname = $1',
      [table],
    );
    return Number(row?.scans);
  };
  const before = await scans();
  await work();
  return (await scans()) - before;
}
