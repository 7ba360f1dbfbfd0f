import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSubscriber, rowEvent, type Subscriber } from './apply-fixture.js';

for (const major of [10, 18]) {
  describe(`on PostgreSQL ${major}`, () => {
    let subscriber: Subscriber;
    beforeAll(async () => {
      subscriber = await openSubscriber(major);
    });
    afterAll(async () => {
      await subscriber[Symbol.asyncDispose]();
    });

    test('a block of inserts, updates and deletes ends in the rows of the source', async () => {
      await subscriber.query('create table public.t (id bigint primary key, t text, n numeric(10,2))');
      const outcome = await subscriber.apply([
        rowEvent('INSERT', 'public.t', ['id'], { id: 1, t: 'one', n: '1.00' }),
        rowEvent('INSERT', 'public.t', ['id'], { id: 2, t: 'two', n: '2.00' }),
        rowEvent('UPDATE', 'public.t', ['id'], { id: 1, t: 'uno', n: '1.50' }),
        rowEvent('INSERT', 'public.t', ['id'], { id: 3, t: null, n: null }),
        rowEvent('DELETE', 'public.t', ['id'], { id: 2 }),
      ]);
      expect(outcome).toEqual({ applied: 5, skipped: 0, conflicts: [] });
      expect(await subscriber.rows('public.t')).toEqual(['(1,uno,1.50)', '(3,,)']);
    });

    test('events of a table that is not ours are skipped', async () => {
      const outcome = await subscriber.apply([rowEvent('INSERT', 'public.unknown', ['id'], { id: 1 })]);
      expect(outcome).toEqual({ applied: 0, skipped: 1, conflicts: [] });
    });
  });
}
