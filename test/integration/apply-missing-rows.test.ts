import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyBlock } from '../../src/apply/apply-block.js';
import type { BlockOutcome } from '../../src/apply/block-writer.js';
import type { Connection } from '../../src/db/connection.js';
import {
  type EventFields,
  loadTables,
  numbered,
  openSubscriber,
  rowEvent,
  type Subscriber,
} from './apply-fixture.js';

let subscriber: Subscriber;
let count = 0;
beforeAll(async () => {
  subscriber = await openSubscriber(10);
});
afterAll(() => subscriber[Symbol.asyncDispose]());

async function table(definition: string, rows: string): Promise<string> {
  const name = `public.t${++count}`;
  await subscriber.query(
    `create table ${name} ${definition}; insert into ${name} overriding system value ${rows}`,
  );
  return name;
}

/** Applies one block and leaves out changes of missing rows; `sent` gets the statements. */
async function apply(events: readonly EventFields[], sent: string[] = []): Promise<BlockOutcome> {
  const { session } = subscriber;
  const block = numbered(events);
  const tables = await loadTables(session, block);
  return session.transaction((tx) => {
    const noting = new Proxy(tx, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (given: string | { text: string }[], ...more: unknown[]) => {
          sent.push(...(typeof given === 'string' ? [given] : given.map(({ text }) => text)));
          return (value as (...args: unknown[]) => unknown).call(target, given, ...more);
        };
      },
    }) as Connection;
    return applyBlock({ tx: noting, tableOf: (name) => tables.get(name), ignoresMissing: () => true }, block);
  });
}

test.each([1, 700])(
  'rows that are missing cost no statement for each of them: %i of 2000',
  async (missing) => {
    const t = await table(
      '(id integer primary key, v text)',
      `select g, 'old' from generate_series(1, ${2000 - missing}) as g`,
    );
    const sent: string[] = [];
    const events = Array.from({ length: 2000 }, (_, i) =>
      i % 2 === 0
        ? rowEvent('UPDATE', t, ['id'], { id: i + 1, v: 'new' })
        : rowEvent('DELETE', t, ['id'], { id: i + 1 }),
    );
    const outcome = await apply(events, sent);
    const eventId = BigInt(2000 - missing + 1);
    expect(outcome).toMatchObject({
      applied: 2000,
      skipped: 0,
      conflicts: [],
      leftOut: [{ queueTable: t, count: missing, eventId, key: String(eventId) }],
    });
    // Three tries with two statements at most, the query for what is missing, and savepoints around them.
    expect(sent.length).toBeLessThan(25);
    expect(sent.filter((text) => /^(update|delete|select x)/.test(text)).length).toBeLessThanOrEqual(8);
  },
);

test.each([
  ['a key that is proven', '(id integer primary key, n integer generated always as identity, more text)'],
  ['a key of several texts', '(id numeric primary key, n integer generated always as identity, more text)'],
])('a row that is there and cannot be set is not taken for missing, with %s', async (_, definition) => {
  const t = await table(definition, 'values (1, 1)');
  const outcome = await apply([
    rowEvent('UPDATE', t, ['id'], { id: 2, n: 7 }),
    rowEvent('UPDATE', t, ['id'], { id: 1, n: 7 }),
  ]);
  expect(outcome).toMatchObject({ conflicts: [{ eventId: 2n, code: 'PC402' }], leftOut: [] });
});

test('changes that came as SQL are left out too, and only where no row is touched', async () => {
  const t = await table('(id integer, v text)', "values (1, 'a'), (2, 'b'), (2, 'c')");
  const sql = (type: string, data: string) => ({ type, data, extra1: t });
  expect(
    await apply([sql('U', "v='new' where id='9'"), sql('D', "id='8'"), sql('D', "id='1'")]),
  ).toMatchObject({
    applied: 3,
    conflicts: [],
    leftOut: [{ count: 2, eventId: 1n, key: null }],
  });
  expect(await subscriber.rows(t)).toEqual(['(2,b)', '(2,c)']);
  expect(await apply([sql('D', "id='8'"), sql('D', "id='2'")])).toMatchObject({
    conflicts: [
      { eventId: 2n, code: 'PC402', message: 'The change of one row touched 2 rows on the subscriber.' },
    ],
    leftOut: [],
  });
});

test('what does not fit a row that is missing is left out with it; a key that does not fit is a conflict', async () => {
  const t = await table('(id smallint primary key, v varchar(3))', "values (1, 'a')");
  const update = (id: number, v: string) => rowEvent('UPDATE', t, ['id'], { id, v });
  expect(await apply([update(2, 'too long'), update(1, 'b')])).toMatchObject({
    conflicts: [],
    leftOut: [{ count: 1, key: '2' }],
  });
  expect(await subscriber.rows(t)).toEqual(['(1,b)']);
  expect(await apply([update(2, 'c'), update(100_000, 'c')])).toMatchObject({
    conflicts: [{ eventId: 2n, code: 'PC403' }],
  });
});

test('after a TRUNCATE in the block no row is there but those that came since', async () => {
  const t = await table('(id integer primary key, v text)', "values (1, 'a')");
  const outcome = await apply([
    rowEvent('UPDATE', t, ['id'], { id: 7, v: 'before' }),
    rowEvent('TRUNCATE', t, ['id'], {}),
    rowEvent('UPDATE', t, ['id'], { id: 1, v: 'b' }),
    rowEvent('INSERT', t, ['id'], { id: 2, v: 'c' }),
    rowEvent('UPDATE', t, ['id'], { id: 2, v: 'd' }),
  ]);
  expect(outcome).toMatchObject({
    applied: 5,
    conflicts: [],
    leftOut: [{ count: 1, eventId: 3n, key: '1' }],
  });
  expect(await subscriber.rows(t)).toEqual(['(2,d)']);
});
