import { expect, test } from 'vitest';
import { MAJORS, openQueue, pidOf } from './queue-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a consumer is registered once, at the newest tick`, async () => {
    await using queue = await openQueue(major);
    await queue.write('before');
    await queue.tick();
    expect(await queue.value("pgq.register_consumer('q', 'late')")).toBe(1);
    expect(await queue.value("pgq.register_consumer('q', 'late')")).toBe(0);
    await queue.write('after');
    await queue.tick();
    expect(await queue.value("pgq.register_consumer('q', 'late')")).toBe(0);
    expect(await queue.readAll('late')).toEqual(['after']);
    expect(await queue.readAll('c')).toEqual(['before', 'after']);

    expect(await queue.error("pgq.register_consumer('x', 'c')")).toBe('Event queue not created yet');
    await queue.value("pgq.create_queue('empty')");
    await queue.rows('delete from pgq.tick where tick_queue = 2');
    expect(await queue.error("pgq.register_consumer('empty', 'c')")).toBe(
      'No ticks for this queue.  Please run ticker on database.',
    );
  });

  test(`PostgreSQL ${major}: a consumer is set back to an older tick and loses its open batch`, async () => {
    await using queue = await openQueue(major);
    for (const data of ['a', 'b', 'c']) {
      await queue.write(data);
      await queue.tick();
    }
    expect(await queue.readAll()).toEqual(['a', 'b', 'c']);
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    expect(await queue.error("pgq.register_consumer_at('q', 'c', 99)")).toBe(
      'cannot reposition, tick not found: 99',
    );
    expect(await queue.value("pgq.register_consumer_at('q', 'c', null)")).toBe(0);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(batch);
    expect(await queue.value("pgq.register_consumer_at('q', 'c', 2)")).toBe(0);
    expect(await queue.value('pgq.finish_batch($1)', [batch])).toBe(0);
    expect(await queue.readAll()).toEqual(['b', 'c']);

    expect(await queue.value("pgq.register_consumer_at('q', 'new', 3)")).toBe(1);
    expect(await queue.readAll('new')).toEqual(['c']);
  });

  test(`PostgreSQL ${major}: an unregistered consumer leaves nothing behind`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.create_queue('two')");
    await queue.value("pgq.register_consumer('two', 'c')");
    await queue.write('a');
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    await queue.value('pgq.batch_retry($1, 0)', [batch]);

    expect(await queue.value("pgq.unregister_consumer('q', 'c')")).toBe(1);
    expect(await queue.value('(select count(*) from pgq.retry_queue)')).toBe(0n);
    expect(await queue.value('(select count(*) from pgq.consumer)')).toBe(1n);
    expect(await queue.value("pgq.unregister_consumer('q', 'c')")).toBe(0);
    expect(await queue.value("pgq.unregister_consumer('two', 'c')")).toBe(1);
    expect(await queue.value('(select count(*) from pgq.consumer)')).toBe(0n);
    expect(await queue.error("pgq.next_batch('q', 'c')")).toBe('Not subscriber to queue: q/c');
  });

  test(`PostgreSQL ${major}: members of a cooperative consumer go with it, and alone without it`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.register_consumer('q', 'c.one')");
    await queue.value("pgq.register_consumer('q', 'c.two')");
    await queue.value("pgq.register_consumer('q', 'c.own')");
    await queue.rows(`
      update pgq.subscription
         set sub_id = 1, sub_last_tick = null
        from pgq.consumer
       where co_id = sub_consumer and co_name in ('c.one', 'c.two')`);
    expect(await queue.value("pgq.unregister_consumer('q', 'c.one')")).toBe(1);
    expect(await queue.value("pgq.unregister_consumer('q', 'c')")).toBe(2);
    expect(await queue.rows('select co_name from pgq.consumer')).toEqual([{ co_name: 'c.own' }]);
  });

  test(`PostgreSQL ${major}: two sessions may register the same consumer at the same time`, async () => {
    await using queue = await openQueue(major);
    const first = await queue.open();
    const second = await queue.open();
    const pid = await pidOf(second);
    await first.execute('begin');
    expect(await first.one("select pgq.register_consumer('q', 'new')")).toEqual({ register_consumer: 1 });
    const waiting = second.one("select pgq.register_consumer('q', 'new')");
    await queue.blocked(pid);
    await first.execute('commit');
    expect(await waiting).toEqual({ register_consumer: 0 });
  });
}
