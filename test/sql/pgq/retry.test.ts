import { expect, test } from 'vitest';
import { MAJORS, openQueue } from './queue-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: an event that is asked for again comes again, counted, to its consumer only`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.register_consumer('q', 'other')");
    for (const data of ['a', 'b', 'c']) await queue.write(data);
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    expect(await queue.value('pgq.event_retry($1, 2, 0)', [batch])).toBe(1);
    expect(await queue.value('pgq.event_retry($1, 2, 0)', [batch])).toBe(0);
    expect(await queue.value("pgq.event_retry($1, 3, now() + '1 hour'::interval)", [batch])).toBe(1);
    expect(await queue.error(`pgq.event_retry(${batch}, 99, 0)`)).toBe('event not found');
    expect(await queue.error('pgq.event_retry(99, 1, 0)')).toBe('event not found');
    await queue.value('pgq.finish_batch($1)', [batch]);

    expect(await queue.value('pgq.maint_retry_events()')).toBe(1);
    expect(await queue.value('pgq.maint_retry_events()')).toBe(0);
    await queue.tick();
    await queue.value("pgq.next_batch('q', 'c')");
    expect(
      await queue.rows(
        "select ev_id, ev_retry, ev_type, ev_data from pgq.get_batch_events(pgq.next_batch('q', 'c'))",
      ),
    ).toEqual([{ ev_id: 2n, ev_retry: 1, ev_type: 'type', ev_data: 'b' }]);
    expect(await queue.value("pgq.event_retry(pgq.next_batch('q', 'c'), 2, 0)")).toBe(1);
    expect(await queue.value('(select ev_retry from pgq.retry_queue where ev_id = 2)')).toBe(2);
    expect(await queue.readAll('other')).toEqual(['a', 'b', 'c']);
  });

  test(`PostgreSQL ${major}: a whole batch is asked for again, but for events that were already`, async () => {
    await using queue = await openQueue(major);
    for (let i = 0; i < 12; i++) await queue.write(`${i}`);
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    await queue.value('pgq.event_retry($1, 1, 0)', [batch]);
    expect(await queue.value('pgq.batch_retry($1, 0)', [batch])).toBe(11);
    expect(await queue.value('pgq.batch_retry($1, 0)', [batch])).toBe(0);
    expect(await queue.error('pgq.batch_retry(99, 0)')).toBe('batch_retry: batch 99 not found');
    await queue.value('pgq.finish_batch($1)', [batch]);
    // Ten at a time.
    expect(await queue.value('pgq.maint_retry_events()')).toBe(10);
    expect(await queue.value('pgq.maint_retry_events()')).toBe(2);
    expect(await queue.value('pgq.maint_retry_events()')).toBe(0);
    await queue.tick();
    expect(await queue.readAll()).toHaveLength(12);
  });

  test(`PostgreSQL ${major}: events of a queue that takes none wait and do not keep others waiting`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.create_queue('two')");
    await queue.value("pgq.register_consumer('two', 'c')");
    for (const name of ['q', 'two']) {
      await queue.value(
        "pgq.event_retry_raw($1, 'c', now(), null, null, 1, 't', 'd', null, null, null, null)",
        [name],
      );
    }
    await queue.value("pgq.set_queue_config('q', 'disable_insert', 'true')");
    expect(await queue.value('pgq.maint_retry_events()')).toBe(1);
    expect(await queue.value('pgq.maint_retry_events()')).toBe(0);
    await queue.value("pgq.set_queue_config('q', 'disable_insert', 'false')");
    expect(await queue.value('pgq.maint_retry_events()')).toBe(1);
  });

  test(`PostgreSQL ${major}: an event of any content can be put into the retry queue of a consumer`, async () => {
    await using queue = await openQueue(major);
    const call = (id: string) =>
      `pgq.event_retry_raw('q', 'c', '2020-01-01', ${id}, null, 3, 't', 'd', '1', '2', '3', '4')`;
    expect(await queue.value(call('null'))).toBe(1n);
    expect(await queue.value(call('50'))).toBe(50n);
    expect(await queue.error(call('50'))).toMatch(/^duplicate key value/);
    expect(await queue.error(call('1').replace("'c'", "'x'"))).toBe('consumer not registered');
    expect(await queue.error(call('1').replace("'q'", "'x'"))).toBe('consumer not registered');
    expect(await queue.value('pgq.maint_retry_events()')).toBe(2);
    await queue.tick();
    expect(await queue.rows("select * from pgq.get_batch_events(pgq.next_batch('q', 'c'))")).toMatchObject([
      { ev_id: 1n, ev_retry: 3, ev_type: 't', ev_data: 'd', ev_extra1: '1', ev_extra4: '4' },
      { ev_id: 50n, ev_retry: 3 },
    ]);
  });
}
