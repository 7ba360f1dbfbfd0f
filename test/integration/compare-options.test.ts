import { afterAll, expect, test } from 'vitest';
import type { TableComparison } from '../../src/compare/compare-table.js';
import { type Comparison, compareTables } from '../../src/compare/compare-tables.js';
import type { RowDifference } from '../../src/compare/row-differences.js';
import { type CompareFixture, openCompareFixture, QUEUE } from './compare-fixture.js';

let opened: Promise<CompareFixture> | undefined;
const shared = () => (opened ??= openCompareFixture(10, 18));

afterAll(async () => {
  await (await opened)?.[Symbol.asyncDispose]();
});

/** A table of rows 1 to `rows` on both sides. */
async function makeTable(fixture: CompareFixture, name: string, rows: number, key = 'i'): Promise<void> {
  await fixture.both(`create table ${name} (id ${key === 'i' ? 'bigint' : 'text'} primary key, v text);
    insert into ${name} select ${key}, 'row ' || i from generate_series(1, ${rows}) as i; analyze ${name}`);
  await fixture.addTables(`public.${name}`);
}

test('a large table is compared in groups of keys, each at its own tick, while rows are written and removed', async () => {
  const fixture = await shared();
  await makeTable(fixture, 'grouped', 4000);
  const ticks: bigint[] = [];
  const writes: Promise<unknown>[] = [];
  const write = (id: number) => {
    const statement = `insert into public.grouped values (${id}, $$x$$); delete from public.grouped where id = ${4_000 + id}`;
    return fixture.provider.query(`${statement}; select pgq.insert_event('${QUEUE}', 'SQL', '${statement}')`);
  };
  const found = await compareTables(
    fixture.ports,
    {
      queueName: QUEUE,
      tableNames: ['public.grouped'],
      handlers: {},
      countOnly: false,
      jobs: 1,
      chunkRows: 100,
      timeoutMs: 20_000,
      lockTimeoutMs: 1_000,
      signal: new AbortController().signal,
      groupRows: 1_000,
      snapshotMaxAgeMs: 1,
    },
    {
      onTick: (tick) => {
        ticks.push(tick);
        // Rows at both ends, of which no group knew when it was cut, and one in the middle.
        writes.push(write(-ticks.length), write(10_000 + ticks.length), write(5_000 + ticks.length));
      },
      onStart() {},
      onRows() {},
      onTable() {},
    },
  );
  await Promise.all(writes);
  expect(found.tables[0]?.verdict).toEqual({ kind: 'equal' });
  expect(new Set(ticks).size).toBeGreaterThan(2);
  expect(found.firstTick).toBe(ticks[0]);
  expect(found.tick).toBe(ticks.at(-1));
  expect(found.tables).toHaveLength(1);
  expect(found.tables[0]?.totals?.provider.rows).toBeGreaterThan(3900n);
});

test('differences in several groups of keys are one verdict with all of them', async () => {
  const fixture = await shared();
  await makeTable(fixture, 'grouped_different', 4000);
  await fixture.subscriber.query(
    "update grouped_different set v = 'x' where id in (3, 3999); delete from grouped_different where id = 2000; insert into grouped_different values (-7, 'y'), (99999, 'y')",
  );
  const found = await fixture.compare(['public.grouped_different'], {
    groupRows: 500,
    snapshotMaxAgeMs: 60_000,
  });
  const { verdict, totals } = found.tables[0] as TableComparison;
  expect(totals?.provider.rows).toBe(4000n);
  expect(totals?.subscriber.rows).toBe(4001n);
  expect(keysOf(verdict)).toEqual({
    changed: [['3'], ['3999']],
    missing: [['2000']],
    extra: [['-7'], ['99999']],
  });
});

test('where and a sample leave rows out on both sides alike, and count those that are looked at', async () => {
  const fixture = await shared();
  await makeTable(fixture, 'parts', 5000);
  await makeTable(fixture, 'worded_parts', 5000, "'w' || i");
  await fixture.both('create table bare_parts as select v from parts');
  await fixture.addTables('public.bare_parts');
  await fixture.subscriber.query("update parts set v = 'x' where id = 4000");
  const names = ['public.parts', 'public.worded_parts', 'public.bare_parts'];
  const where = await fixture.compare(['public.parts'], { choice: { where: "id < 100 -- v <> 'row 5'" } });
  expect(where.tables[0]?.verdict).toEqual({ kind: 'equal' });
  expect(rowsOf(where)).toEqual([99n]);
  const unknown = await fixture.compare(names, { choice: { where: 'id = 0 and nothing = 1' } });
  expect(unknown.tables.map(({ verdict }) => verdict.kind)).toEqual(Array(3).fill('not checked'));

  const sampled = await fixture.compare(names, { choice: { samplePercent: 10 } });
  for (const rows of rowsOf(sampled)) {
    expect(rows).toBeGreaterThan(250n);
    expect(rows).toBeLessThan(1_000n);
  }
  const all = await fixture.compare(names, { choice: { samplePercent: 100 } });
  expect(all.tables.map(({ verdict }) => verdict.kind)).toEqual(['different', 'equal', 'equal']);
  expect(rowsOf(all)).toEqual([5000n, 5000n, 5000n]);
});

test('all differences go to who wants them, up to a limit, and the verdict says when there are more', async () => {
  const fixture = await shared();
  await makeTable(fixture, 'wanted', 3000);
  await makeTable(fixture, 'worded_wanted', 3000, "'w' || i");
  for (const name of ['wanted', 'worded_wanted']) {
    await fixture.subscriber.query(
      `update ${name} set v = 'x'; delete from ${name} where v = 'x' and length(id::text) < 3`,
    );
  }
  for (const name of ['public.wanted', 'public.worded_wanted']) {
    const found: RowDifference[] = [];
    const sink = async (_table: string, differences: readonly RowDifference[]) => {
      found.push(...differences);
    };
    const all = await fixture.compare([name], { differences: { sink, most: 10_000 } });
    expect(found).toHaveLength(3000);
    expect(new Set(found.map(({ key }) => key?.[0])).size).toBe(3000);
    expect(all.tables[0]?.verdict).toMatchObject({ differences: { isComplete: true } });
    found.length = 0;
    const some = await fixture.compare([name], { differences: { sink, most: 100 } });
    expect(found).toHaveLength(100);
    expect(some.tables[0]?.verdict).toMatchObject({ differences: { isComplete: false } });
  }
});

test('a query of compare_sql is run on both sides and its row compared', async () => {
  const fixture = await shared();
  await makeTable(fixture, 'queried', 10);
  const sql = 'select count(1) as cnt, sum(length(_COLS_::text)) as chksum from only _TABLE_';
  const customQuery = { sql, format: '%(cnt)d rows, checksum=%(chksum)s' };
  const equal = await fixture.compare(['public.queried'], { customQuery });
  expect(equal.tables[0]).toMatchObject({
    verdict: { kind: 'equal' },
    customResults: { provider: '10 rows, checksum=112', subscriber: '10 rows, checksum=112' },
  });
  await fixture.subscriber.query('delete from queried where id = 1');
  const different = await fixture.compare(['public.queried'], { customQuery });
  expect(different.tables[0]?.verdict.kind).toBe('different');
});

test('a rate holds the reading up', async () => {
  const fixture = await shared();
  await makeTable(fixture, 'slow', 3000);
  const startedAt = performance.now();
  const found = await fixture.compare(['public.slow'], { maxRate: 3_000, groupRows: 1_000, jobs: 1 });
  expect(found.tables[0]?.verdict).toEqual({ kind: 'equal' });
  // Three groups of a thousand; the last one is begun when the two before have had their time.
  expect(performance.now() - startedAt).toBeGreaterThan(500);
});

test('a sequence that is behind is found, one that is ahead is not', async () => {
  const fixture = await shared();
  const names = ['public.behind', 'public.ahead', 'public.down', 'public.gone'];
  for (const [i, name] of names.entries()) {
    await fixture.provider.query(
      `create sequence ${name} ${i === 2 ? 'increment -1' : ''}; select nextval('${name}')`,
    );
    if (i < 3) await fixture.subscriber.query(`create sequence ${name} ${i === 2 ? 'increment -1' : ''}`);
  }
  await fixture.provider.query("select setval('behind', 100), setval('ahead', 100), setval('down', -100)");
  await fixture.subscriber.query("select setval('behind', 99), setval('ahead', 150), setval('down', -90)");
  const { sequences } = await fixture.compare([], { sequenceNames: names, sequencePatienceMs: 300 });
  expect(sequences.map(({ name, values, verdict }) => [name, verdict.kind, values?.subscriber])).toEqual([
    ['public.behind', 'different', 99n],
    ['public.ahead', 'equal', 150n],
    ['public.down', 'different', -90n],
    ['public.gone', 'not checked', undefined],
  ]);
});

function rowsOf({ tables }: Comparison): (bigint | undefined)[] {
  return tables.map(({ totals }) => totals?.subscriber.rows);
}

function keysOf(verdict: TableComparison['verdict']): unknown {
  if (verdict.kind !== 'different' || verdict.differences === undefined) return verdict;
  const sorted = (keys: readonly (readonly (string | null)[])[]) =>
    keys.toSorted((a, b) => Number(a[0]) - Number(b[0]));
  const { changed, missing, extra } = verdict.differences;
  return { changed: sorted(changed.keys), missing: sorted(missing.keys), extra: sorted(extra.keys) };
}
