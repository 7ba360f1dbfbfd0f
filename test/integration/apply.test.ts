import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EventFields, openSubscriber, rowEvent, type Subscriber } from './apply-fixture.js';

for (const major of [10, 18]) {
  describe(`on PostgreSQL ${major}`, () => {
    let subscriber: Subscriber;
    beforeAll(async () => {
      subscriber = await openSubscriber(major);
    });
    afterAll(async () => {
      await subscriber[Symbol.asyncDispose]();
    });

    let tableCount = 0;
    /** A new table, filled; returns its name in events. */
    async function table(definition: string, rows = ''): Promise<string> {
      const name = `public.t${++tableCount}`;
      await subscriber.query(`create table ${name} ${definition}`);
      if (rows !== '') await subscriber.query(`insert into ${name} values ${rows}`);
      return name;
    }

    async function applyCleanly(events: readonly EventFields[]): Promise<void> {
      expect(await subscriber.apply(events)).toMatchObject({
        applied: events.length,
        skipped: 0,
        conflicts: [],
        leftOut: [],
      });
    }

    test('a block of inserts, updates and deletes ends in the rows of the source', async () => {
      const t = await table('(id bigint primary key, t text, n numeric(10,2))');
      await applyCleanly([
        rowEvent('INSERT', t, ['id'], { id: 1, t: 'one', n: '1.00' }),
        rowEvent('INSERT', t, ['id'], { id: 2, t: 'two', n: '2.00' }),
        rowEvent('UPDATE', t, ['id'], { id: 1, t: 'uno', n: '1.50' }),
        rowEvent('INSERT', t, ['id'], { id: 3, t: null, n: null }),
        rowEvent('DELETE', t, ['id'], { id: 2 }),
      ]);
      expect(await subscriber.rows(t)).toEqual(['(1,uno,1.50)', '(3,,)']);
    });

    test('events of a table that is not ours are skipped', async () => {
      const outcome = await subscriber.apply([rowEvent('INSERT', 'public.unknown', ['id'], { id: 1 })]);
      expect(outcome).toMatchObject({ applied: 0, skipped: 1, conflicts: [], leftOut: [] });
    });

    test('an event that is no row event, or has no data, ends the block', async () => {
      const t = await table('(id integer primary key)');
      const noRow = { type: 'EXECUTE', extra1: t, data: 'select 1' };
      await expect(subscriber.apply([noRow])).rejects.toMatchObject({ code: 'PC404' });
      const noData = { ...rowEvent('INSERT', t, ['id'], {}), data: null };
      await expect(subscriber.apply([noData])).rejects.toMatchObject({ code: 'PC404' });
      const noObject = rowEvent('INSERT', t, ['id'], '[1]');
      await expect(subscriber.apply([noObject])).rejects.toMatchObject({ code: 'PC404' });
      const noOldRow = rowEvent('UPDATE', t, [], { id: 1 });
      await expect(subscriber.apply([noOldRow])).rejects.toMatchObject({ code: 'PC404' });
    });

    describe('conflicts', () => {
      test.each([
        ['an update', 'UPDATE', { id: 7, t: 'x' }],
        ['a delete', 'DELETE', { id: 7 }],
      ] as const)('%s of a row that is not there is one, named by its event', async (_, operation, row) => {
        const t = await table('(id integer primary key, t text)', "(1, 'one')");
        const outcome = await subscriber.apply([
          rowEvent('UPDATE', t, ['id'], { id: 1, t: 'uno' }),
          rowEvent(operation, t, ['id'], row),
          rowEvent('INSERT', t, ['id'], { id: 8, t: 'x' }),
        ]);
        expect(outcome).toMatchObject({
          applied: 0,
          skipped: 3,
          leftOut: [],
          conflicts: [
            {
              queueTable: t,
              eventId: 2n,
              code: 'PC402',
              key: '7',
              message: 'The row to be changed is not on the subscriber.',
            },
          ],
        });
        expect(await subscriber.rows(t)).toEqual(['(1,one)']);
      });

      test('an insert of a row that is there is one', async () => {
        const t = await table('(id integer primary key, t text)', "(1, 'one')");
        const outcome = await subscriber.apply([rowEvent('INSERT', t, ['id'], { id: 1, t: 'secret' })]);
        expect(outcome.conflicts).toMatchObject([{ eventId: 1n, code: 'PC402', key: '1' }]);
        expect(outcome.conflicts[0]?.message).toMatch(/SQLSTATE 23505, constraint t\d+_pkey/);
      });

      test('a row that was there is not taken for one that came and went within the block', async () => {
        const t = await table('(id integer primary key, t text)', "(1, 'one')");
        const outcome = await subscriber.apply([
          rowEvent('INSERT', t, ['id'], { id: 1, t: 'new' }),
          rowEvent('DELETE', t, ['id'], { id: 1 }),
        ]);
        expect(outcome.conflicts).toMatchObject([{ eventId: 1n, code: 'PC402' }]);
        expect(await subscriber.rows(t)).toEqual(['(1,one)']);
      });

      test('the other tables of the block are written, whichever comes first', async () => {
        const good = await table('(id integer primary key, t text)');
        const bad = await table('(id integer primary key, t text)');
        const last = await table('(id integer primary key, t text)');
        const outcome = await subscriber.apply([
          rowEvent('INSERT', good, ['id'], { id: 1, t: 'x' }),
          rowEvent('INSERT', bad, ['id'], { id: 1, t: 'x' }),
          rowEvent('DELETE', bad, ['id'], { id: 2 }),
          rowEvent('INSERT', last, ['id'], { id: 1, t: 'x' }),
          rowEvent('UPDATE', good, ['id'], { id: 1, t: 'y' }),
        ]);
        expect(outcome).toMatchObject({
          applied: 3,
          skipped: 2,
          conflicts: [{ queueTable: bad, eventId: 3n }],
        });
        expect(await subscriber.rows(good)).toEqual(['(1,y)']);
        expect(await subscriber.rows(bad)).toEqual([]);
        expect(await subscriber.rows(last)).toEqual(['(1,x)']);
      });

      test.each([
        ['too long for its column', 'v varchar(3)', { v: 'secret' }, '22001'],
        ['of another length than its bit column', 'v bit(3)', { v: '10101' }, '22026'],
        ['too large for its column', 'v smallint', { v: 70000 }, '22003'],
        ['not a number', 'v integer', { v: 'secret' }, '22P02'],
        ['against a check', "v text check (v <> 'secret')", { v: 'secret' }, '23514'],
        ['missing', 'v text not null', { v: null }, '23502'],
      ])('a value that is %s is one, and the message does not tell it', async (_, column, row, state) => {
        const t = await table(`(id integer primary key, ${column})`);
        const outcome = await subscriber.apply([rowEvent('INSERT', t, ['id'], { id: 1, ...row })]);
        expect(outcome.conflicts).toMatchObject([{ eventId: 1n, code: 'PC403', key: '1' }]);
        expect(outcome.conflicts[0]?.message).toContain(`SQLSTATE ${state}`);
        expect(outcome.conflicts[0]?.message).not.toMatch(/secret|70000/);
        expect(await subscriber.rows(t)).toEqual([]);
      });

      test('a key that two rows of the subscriber have is one, even when another key has none', async () => {
        const t = await table('(id integer, t text)', "(1, 'a'), (1, 'b')");
        const outcome = await subscriber.apply([
          rowEvent('DELETE', t, ['id'], { id: 1 }),
          rowEvent('DELETE', t, ['id'], { id: 2 }),
        ]);
        expect(outcome.conflicts).toMatchObject([
          { eventId: 1n, code: 'PC402', message: 'The change of one row touched 2 rows on the subscriber.' },
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,a)', '(1,b)']);
      });

      test('a lock that another session holds is none: the block ends and can be tried again', async () => {
        const t = await table('(id integer primary key, t text)');
        const other = await subscriber.application();
        await other.execute(`begin; lock table ${t}`);
        await subscriber.query("set lock_timeout = '50ms'");
        const block = [rowEvent('INSERT', t, ['id'], { id: 1, t: 'x' })];
        await expect(subscriber.apply(block)).rejects.toMatchObject({ code: '55P03' });
        await other.execute('commit');
        await applyCleanly(block);
        await subscriber.query('reset lock_timeout');
      });
    });

    test('a missing right is no conflict: it stops the block and says so', async () => {
      const t = await table('(id integer primary key, t text)');
      await subscriber.query('create role without_right');
      await subscriber.query('set role without_right');
      try {
        await expect(
          subscriber.apply([rowEvent('INSERT', t, ['id'], { id: 1, t: 'x' })]),
        ).rejects.toMatchObject({ code: 'PC204' });
      } finally {
        await subscriber.query('reset role');
        await subscriber.query('drop role without_right');
      }
    });

    describe('columns', () => {
      test('a column that the subscriber does not have is a conflict before anything is written', async () => {
        const t = await table('(id integer primary key, t text)');
        const outcome = await subscriber.apply([
          rowEvent('INSERT', t, ['id'], { id: 1, t: 'x' }),
          rowEvent('INSERT', t, ['id'], { id: 2, t: 'x', fresh: 1 }),
        ]);
        expect(outcome.conflicts).toEqual([
          {
            queueTable: t,
            eventId: 2n,
            code: 'PC403',
            key: '2',
            message: 'The table on the subscriber does not have: fresh.',
          },
        ]);
        expect(await subscriber.rows(t)).toEqual([]);
      });

      test('an event without a key column, or with a key that the subscriber does not have, is a conflict', async () => {
        const t = await table('(id integer primary key, t text)');
        for (const event of [
          rowEvent('INSERT', t, ['id'], { t: 'x' }),
          rowEvent('DELETE', t, ['nokey'], { nokey: 1 }),
        ]) {
          expect((await subscriber.apply([event])).conflicts).toMatchObject([{ eventId: 1n, code: 'PC403' }]);
        }
      });

      test('a column that events do not have gets its default, and keeps its value in an update', async () => {
        const t = await table(
          "(extra text default 'd', id integer primary key, t text)",
          "('old', 1, 'one'), ('old', 2, 'two')",
        );
        await applyCleanly([
          rowEvent('UPDATE', t, ['id'], { t: 'uno', id: 1 }),
          rowEvent('DELETE', t, ['id'], { id: 2 }),
          rowEvent('INSERT', t, ['id'], { t: 'again', id: 2 }),
          rowEvent('INSERT', t, ['id'], { t: 'three', id: 3 }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(d,2,again)', '(d,3,three)', '(old,1,uno)']);
      });

      test('a column may appear and go within a block', async () => {
        const t = await table('(id integer primary key, a text, b text)', "(1, 'a', 'b'), (2, 'a', 'b')");
        await applyCleanly([
          rowEvent('UPDATE', t, ['id'], { id: 1, a: 'a1', b: 'b1' }),
          rowEvent('UPDATE', t, ['id'], { id: 1, a: 'a2' }),
          rowEvent('DELETE', t, ['id'], { id: 2 }),
          rowEvent('INSERT', t, ['id'], { id: 2, a: 'a2' }),
          rowEvent('UPDATE', t, ['id'], { b: 'b3', a: 'a3', id: 2 }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,a2,b1)', '(2,a3,b3)']);
      });

      test('rows that hold their columns in another order belong together', async () => {
        const t = await table('(id integer primary key, a text)');
        await applyCleanly([
          rowEvent('INSERT', t, ['id'], { id: 1, a: 'x' }),
          rowEvent('INSERT', t, ['id'], { a: 'y', id: 2 }),
          rowEvent('UPDATE', t, ['id'], '{ "a" : "z", "id" : 1 }'),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,z)', '(2,y)']);
      });

      test('many small tables are written together', async () => {
        const tables: string[] = [];
        for (let i = 0; i < 12; i++) tables.push(await table('(id integer primary key, t text)'));
        const events = tables.flatMap((t, i) => [
          rowEvent('INSERT', t, ['id'], { id: 1, t: `${i}` }),
          rowEvent('INSERT', t, ['id'], { id: 2, t: `${i}` }),
        ]);
        await applyCleanly(events);
        const changes = tables.flatMap((t, i) => [
          rowEvent('DELETE', t, ['id'], { id: 2 }),
          rowEvent('UPDATE', t, ['id'], { id: 1, t: `new ${i}` }),
        ]);
        const outcome = await subscriber.apply([
          ...changes,
          rowEvent('DELETE', tables[5] ?? '', ['id'], { id: 3 }),
        ]);
        expect(outcome).toMatchObject({ applied: 22, skipped: 3, conflicts: [{ eventId: 25n, key: '3' }] });
        for (const [i, t] of tables.entries()) {
          expect(await subscriber.rows(t)).toEqual(i === 5 ? ['(1,5)', '(2,5)'] : [`(1,"new ${i}")`]);
        }
      });

      test('a table with no column but its key can be updated, and a missing row is noticed', async () => {
        const t = await table('(a integer, b text, primary key (a, b))', "(1, 'x')");
        await applyCleanly([rowEvent('UPDATE', t, ['a', 'b'], { a: 1, b: 'x' })]);
        const outcome = await subscriber.apply([rowEvent('UPDATE', t, ['a', 'b'], { a: 2, b: 'x' })]);
        expect(outcome.conflicts).toMatchObject([{ code: 'PC402', key: '2,"x"' }]);
      });

      test('rows without columns are rows', async () => {
        const t = await table('(t text default 1)');
        await applyCleanly([rowEvent('INSERT', t, [], {}), rowEvent('INSERT', t, [], {})]);
        expect(await subscriber.rows(t)).toEqual(['(1)', '(1)']);
        await applyCleanly([rowEvent('DELETE', t, [], { t: '1' })]);
        expect(await subscriber.rows(t)).toEqual(['(1)']);
      });

      test('identity columns take the values of the source', async () => {
        const t = await table('(id integer generated always as identity primary key, n integer, t text)');
        await applyCleanly([
          rowEvent('INSERT', t, ['id'], { id: 10, n: 1, t: 'a' }),
          rowEvent('UPDATE', t, ['id'], { id: 10, n: 1, t: 'b' }),
        ]);
        await applyCleanly([rowEvent('UPDATE', t, ['id'], { id: 10, n: 1, t: 'c' })]);
        expect(await subscriber.rows(t)).toEqual(['(10,1,c)']);
      });

      test('an identity column that cannot be set is written with the whole row, or must not change', async () => {
        const t = await table('(k text primary key, n integer generated always as identity, t text)');
        await applyCleanly([rowEvent('INSERT', t, ['k'], { k: 'a', n: 5, t: 'x' })]);
        await applyCleanly([rowEvent('UPDATE', t, ['k'], { k: 'a', n: 5, t: 'y' })]);
        await applyCleanly([
          rowEvent('DELETE', t, ['k'], { k: 'a' }),
          rowEvent('INSERT', t, ['k'], { k: 'a', n: 6, t: 'z' }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(a,6,z)']);
        await applyCleanly([rowEvent('UPDATE', t, ['k'], { k: 'a', n: 7, t: 'y' })]);
        expect(await subscriber.rows(t)).toEqual(['(a,7,y)']);
        const wider = await table('(k text primary key, n integer generated always as identity, extra text)');
        await applyCleanly([rowEvent('INSERT', wider, ['k'], { k: 'a', n: 5 })]);
        const outcome = await subscriber.apply([rowEvent('UPDATE', wider, ['k'], { k: 'a', n: 7 })]);
        expect(outcome.conflicts).toMatchObject([{ code: 'PC402' }]);
      });

      test.runIf(major >= 12)('generated columns are worked out on the subscriber', async () => {
        const t = await table(
          '(id integer primary key, twice integer generated always as (id * 2) stored, t text)',
        );
        await applyCleanly([
          rowEvent('INSERT', t, ['id'], { id: 1, t: 'x' }),
          // Generated on one side only.
          rowEvent('INSERT', t, ['id'], { id: 2, twice: 99, t: 'x' }),
          rowEvent('UPDATE', t, ['id'], { id: 2, twice: 99, t: 'y' }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,2,x)', '(2,4,y)']);
      });
    });

    describe('order', () => {
      test('a value of another unique column that goes round between rows is no conflict', async () => {
        const t = await table('(id integer primary key, v text unique)', "(1, 'a'), (2, 'b')");
        await applyCleanly([
          rowEvent('UPDATE', t, ['id'], { id: 1, v: null }),
          rowEvent('UPDATE', t, ['id'], { id: 2, v: 'a' }),
          rowEvent('UPDATE', t, ['id'], { id: 1, v: 'b' }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,b)', '(2,a)']);
      });

      test('keys that are equal in other words are the same row', async () => {
        const t = await table('(k numeric primary key, t text)', "(1, 'one'), (2, 'two')");
        await applyCleanly([
          rowEvent('UPDATE', t, ['k'], { k: '1.0', t: 'x' }),
          rowEvent('UPDATE', t, ['k'], { k: '1.00', t: 'y' }),
          rowEvent('DELETE', t, ['k'], { k: '2.0' }),
          rowEvent('INSERT', t, ['k'], { k: '2', t: 'z' }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1.00,y)', '(2,z)']);
      });

      test('citext keys are compared as citext', async () => {
        await subscriber.query('create extension if not exists citext with schema public');
        const t = await table('(k public.citext primary key, t text)', "('Key', 'one')");
        await applyCleanly([
          rowEvent('UPDATE', t, ['k'], { k: 'key', t: 'x' }),
          rowEvent('UPDATE', t, ['k'], { k: 'KEY', t: 'y' }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(KEY,y)']);
      });

      test.runIf(major >= 12)(
        'keys of a collation that calls different texts equal are compared by it',
        async () => {
          await subscriber.query(
            "create collation if not exists public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
          );
          const t = await table('(k text collate public.loose primary key, t text)', "('Key', 'one')");
          await applyCleanly([
            rowEvent('UPDATE', t, ['k'], { k: 'key', t: 'x' }),
            rowEvent('UPDATE', t, ['k'], { k: 'KEY', t: 'y' }),
          ]);
          expect(await subscriber.rows(t)).toEqual(['(KEY,y)']);
        },
      );

      test('a thousand changes that must go in order do so, and a conflict among them is found', async () => {
        const t = await table('(k numeric primary key, v text unique)');
        const events = Array.from({ length: 400 }, (_, i) => [
          rowEvent('INSERT', t, ['k'], { k: `${i}`, v: `v${i}` }),
          rowEvent('UPDATE', t, ['k'], { k: `${i}.0`, v: `w'\\"$1${i}` }),
          rowEvent('DELETE', t, ['k'], { k: `${i - 1}.00` }),
        ])
          .flat()
          .filter((_, i) => i !== 2);
        const wrong = events.with(777, rowEvent('DELETE', t, ['k'], { k: '-5' }));
        const outcome = await subscriber.apply(wrong);
        expect(outcome).toMatchObject({
          applied: 0,
          conflicts: [{ eventId: 778n, code: 'PC402', key: '"-5"' }],
        });
        expect(await subscriber.rows(t)).toEqual([]);
        await applyCleanly(events);
        expect(await subscriber.rows(t)).toEqual([`(399.0,"w'\\\\""$1399")`]);
      });

      test('a block in which values change places between rows ends with every row right', async () => {
        const t = await table('(id integer primary key, v integer unique)');
        await subscriber.query(`insert into ${t} select i, i from generate_series(0, 199) as i`);
        const set = (id: number, v: number | null) => rowEvent('UPDATE', t, ['id'], { id, v });
        const pairs = Array.from({ length: 100 }, (_, i) => 2 * i);
        await applyCleanly(pairs.flatMap((i) => [set(i, null), set(i + 1, i), set(i, i + 1)]));
        // All at once, as one statement of the source may do it.
        await applyCleanly(pairs.flatMap((i) => [set(i, i), set(i + 1, i + 1)]));
        await applyCleanly(pairs.flatMap((i) => [set(i, i + 1), set(i + 1, i)]));
        const wrong = await subscriber.query(
          `select from ${t} where v is distinct from (case when id % 2 = 0 then id + 1 else id - 1 end)`,
        );
        expect(wrong).toEqual([]);
      });

      test('a TRUNCATE removes what was there and what came before it in the block', async () => {
        const t = await table('(id integer primary key, t text)', "(1, 'old')");
        await applyCleanly([
          rowEvent('INSERT', t, ['id'], { id: 2, t: 'gone' }),
          rowEvent('TRUNCATE', t, ['id'], {}),
          rowEvent('INSERT', t, ['id'], { id: 1, t: 'new' }),
          rowEvent('INSERT', t, ['id'], { id: 3, t: 'new' }),
          rowEvent('UPDATE', t, ['id'], { id: 3, t: 'newer' }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,new)', '(3,newer)']);
      });

      test('a TRUNCATE empties a table that a foreign key refers to', async () => {
        const parent = await table('(id integer primary key)', '(1), (2)');
        const child = await table(`(id integer primary key, parent integer references ${parent})`, '(1, 1)');
        await applyCleanly([
          rowEvent('TRUNCATE', parent, ['id'], {}),
          rowEvent('TRUNCATE', child, ['id'], {}),
          rowEvent('INSERT', parent, ['id'], { id: 3 }),
        ]);
        expect(await subscriber.rows(parent)).toEqual(['(3)']);
        expect(await subscriber.rows(child)).toEqual([]);
      });

      test('rows of a table that inherits are left alone', async () => {
        const t = await table('(id integer primary key, t text)', "(1, 'parent')");
        await subscriber.query(`create table ${t}_child (primary key (id)) inherits (${t})`);
        await subscriber.query(`insert into ${t}_child values (1, 'child')`);
        await applyCleanly([rowEvent('UPDATE', t, ['id'], { id: 1, t: 'changed' })]);
        expect(await subscriber.rows(`only ${t}`)).toEqual(['(1,changed)']);
        await applyCleanly([rowEvent('DELETE', t, ['id'], { id: 1 })]);
        await applyCleanly([rowEvent('TRUNCATE', t, ['id'], {})]);
        expect(await subscriber.rows(t)).toEqual(['(1,child)']);
      });

      test('rows of a partitioned table find their partition', async () => {
        const t = await table('(id integer not null, t text) partition by range (id)');
        await subscriber.query(`create table ${t}_1 partition of ${t} for values from (0) to (10)`);
        await subscriber.query(`create table ${t}_2 partition of ${t} for values from (10) to (20)`);
        const key = major >= 11 ? ['id'] : [];
        if (major >= 11) await subscriber.query(`alter table ${t} add primary key (id)`);
        const old = (row: Record<string, unknown>) => (key.length > 0 ? { id: row['id'] } : row);
        await applyCleanly([
          rowEvent('INSERT', t, key, { id: 1, t: 'a' }),
          rowEvent('INSERT', t, key, { id: 11, t: 'a' }),
          rowEvent('INSERT', t, key, { id: 12, t: 'a' }),
          rowEvent('UPDATE', t, key, { id: 11, t: 'b' }, { id: 11, t: 'a' }),
          rowEvent('DELETE', t, key, old({ id: 1, t: 'a' })),
        ]);
        await applyCleanly([
          rowEvent('UPDATE', t, key, { id: 12, t: 'b' }, { id: 12, t: 'a' }),
          rowEvent('DELETE', t, key, old({ id: 11, t: 'b' })),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(12,b)']);
        await applyCleanly([rowEvent('TRUNCATE', t, key, {})]);
        expect(await subscriber.rows(t)).toEqual([]);
      });
    });

    describe('tables without a key', () => {
      test('of equal rows each event touches one', async () => {
        const t = await table(
          '(n integer, j json, f double precision)',
          `
          (1, '{"a": 1}', 1), (1, '{"a": 1}', 1), (1, '{"a": 1}', 1), (1, '{"a":1}', 1), (null, null, null), (null, null, null), (2, null, 'NaN')`,
        );
        const row = { n: 1, j: '{"a": 1}', f: '1' };
        const empty = { n: null, j: null, f: null };
        await applyCleanly([
          rowEvent('DELETE', t, [], row),
          rowEvent('DELETE', t, [], row),
          rowEvent('DELETE', t, [], empty),
          rowEvent('UPDATE', t, [], { n: 5, j: null, f: '-0' }, row),
          rowEvent('UPDATE', t, [], { n: 6, j: null, f: '0' }, { n: 5, j: null, f: '-0' }),
          rowEvent('UPDATE', t, [], { ...empty, n: 2 }, { n: 2, j: null, f: 'NaN' }),
          rowEvent('INSERT', t, [], empty),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(,,)', '(,,)', '(1,"{""a"":1}",1)', '(2,,)', '(6,,0)']);
      });

      test('a row that is not there often enough is a conflict at the first event that misses it', async () => {
        const t = await table('(n integer)', '(1), (1), (2), (3)');
        const outcome = await subscriber.apply([2, 1, 1, 1, 3].map((n) => rowEvent('DELETE', t, [], { n })));
        expect(outcome.conflicts).toMatchObject([{ eventId: 4n, code: 'PC402', key: null }]);
        expect(await subscriber.rows(t)).toEqual(['(1)', '(1)', '(2)', '(3)']);
        const update = await subscriber.apply([rowEvent('UPDATE', t, [], { n: 1 }, { n: 4 })]);
        expect(update.conflicts).toMatchObject([{ eventId: 1n, code: 'PC402' }]);
      });

      test('where the subscriber has more columns, the values of those stay', async () => {
        const t = await table("(extra text default 'd', n integer)", "('old', 1), ('old', 1), ('old', 2)");
        await applyCleanly([
          rowEvent('UPDATE', t, [], { n: 3 }, { n: 1 }),
          rowEvent('DELETE', t, [], { n: 1 }),
          rowEvent('INSERT', t, [], { n: 1 }),
          rowEvent('UPDATE', t, [], { n: 4 }, { n: 3 }),
        ]);
        expect(await subscriber.rows(t)).toEqual(['(d,1)', '(old,2)', '(old,4)']);
        await applyCleanly(
          Array.from({ length: 20 }, (_, i) => rowEvent('UPDATE', t, [], { n: 5 + i }, { n: 4 + i })),
        );
        expect(await subscriber.rows(t)).toEqual(['(d,1)', '(old,2)', '(old,24)']);
      });

      test('an identity column that cannot be set must not change', async () => {
        const t = await table('(n integer generated always as identity, extra text)');
        await applyCleanly([rowEvent('INSERT', t, [], { n: 5 })]);
        await applyCleanly([rowEvent('UPDATE', t, [], { n: 5 }, { n: 5 })]);
        const outcome = await subscriber.apply([rowEvent('UPDATE', t, [], { n: 6 }, { n: 5 })]);
        expect(outcome.conflicts).toMatchObject([{ code: 'PC402' }]);
      });

      test('a row is found as the subscriber stores it', async () => {
        const t = await table(
          '(n numeric(8,2), c character(5), v timestamp(0))',
          "(1.5, 'ab', '2001-01-01 00:00:00.4')",
        );
        const row = { n: '1.5', c: 'ab', v: '2001-01-01 00:00:00.4' };
        await applyCleanly([rowEvent('UPDATE', t, [], { ...row, n: '2.5' }, row)]);
        await applyCleanly([rowEvent('DELETE', t, [], { ...row, n: '2.5' })]);
        expect(await subscriber.rows(t)).toEqual([]);
      });
    });

    describe('events of the stock triggers', () => {
      test('urlencoded rows are written', async () => {
        const t = await table('(a integer, b text, v numeric, f boolean, primary key (b, a))');
        await applyCleanly([
          { type: 'I:b,a', extra1: t, data: 'a=3&b=n%26%3d%25%2b+%c3%bc%27%5c&v=1.10&f=t' },
          { type: 'I:b,a', extra1: t, data: 'a=4&b=&v=7&f=f' },
          { type: 'U:b,a', extra1: t, data: 'a=3&b=n%26%3d%25%2b+%c3%bc%27%5c&v&f' },
          { type: 'D:b,a', extra1: t, data: 'a=4&b=&v=7&f=f' },
        ]);
        expect(await subscriber.rows(t)).toEqual([`(3,"n&=%+ ü'\\\\",,)`]);
        await applyCleanly([
          { type: 'R', extra1: t, data: '' },
          { type: 'I:b,a', extra1: t, data: 'a=4&b=x&v=7&f=f' },
        ]);
        expect(await subscriber.rows(t)).toEqual(['(4,x,7,f)']);
      });

      test('JSON rows of a full delete are written', async () => {
        const t = await table('(id integer primary key, t text)', "(1, 'x')");
        await applyCleanly([rowEvent('DELETE', t, ['id'], { id: 1, t: 'x' })]);
        expect(await subscriber.rows(t)).toEqual([]);
      });

      test('partial SQL is run as it is, and each event must touch one row', async () => {
        const t = await table('(id integer generated always as identity primary key, t text, u text)');
        await applyCleanly([
          { type: 'I', extra1: t, data: "(id,t,u) values ('1','it''s',null)" },
          { type: 'I', extra1: t, data: "(id,t,u) values ('2',E'back\\\\slash','u')" },
          { type: 'U', extra1: t, data: "t=NULL,u='v' where id='1'" },
          { type: 'D', extra1: t, data: "id='2'" },
        ]);
        expect(await subscriber.rows(t)).toEqual(['(1,,v)']);
        await applyCleanly(
          Array.from({ length: 20 }, (_, i) => ({ type: 'U', extra1: t, data: `t='$1;${i}' where id='1'` })),
        );
        expect(await subscriber.rows(t)).toEqual(['(1,$1;19,v)']);
        await applyCleanly([{ type: 'U', extra1: t, data: "t=NULL where id='1'" }]);
        const outcome = await subscriber.apply([
          { type: 'U', extra1: t, data: "t='x' where id='1'" },
          { type: 'D', extra1: t, data: "id='7'" },
        ]);
        expect(outcome.conflicts).toMatchObject([{ eventId: 2n, code: 'PC402' }]);
        expect(await subscriber.rows(t)).toEqual(['(1,,v)']);
      });
    });
  });
}
