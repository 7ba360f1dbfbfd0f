import { expect, test } from 'vitest';
import { MAJORS, openQueue } from './queue-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: queues tell their settings, rate and what is new`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.create_queue('a')");
    await queue.rows("update pgq.tick set tick_time = tick_time - interval '10 s'");
    for (let i = 0; i < 21; i++) await queue.write('x');
    await queue.tick();
    await queue.rows("update pgq.tick set tick_time = now() - (2 - tick_id) * interval '10 s'");
    await queue.write('new');
    await queue.write('new');

    const [info] = await queue.rows("select * from pgq.get_queue_info('q')");
    expect(Object.keys(info ?? {})).toEqual([
      'queue_name',
      'queue_ntables',
      'queue_cur_table',
      'queue_rotation_period',
      'queue_switch_time',
      'queue_external_ticker',
      'queue_ticker_paused',
      'queue_ticker_max_count',
      'queue_ticker_max_lag',
      'queue_ticker_idle_period',
      'ticker_lag',
      'ev_per_sec',
      'ev_new',
      'last_tick_id',
    ]);
    expect(info).toMatchObject({
      queue_name: 'q',
      queue_ntables: 3,
      queue_cur_table: 0,
      queue_ticker_max_count: 500,
      ev_per_sec: 2,
      ev_new: 2n,
      last_tick_id: 2n,
    });
    expect(await queue.rows('select queue_name, ev_per_sec from pgq.get_queue_info()')).toEqual([
      { queue_name: 'a', ev_per_sec: null },
      { queue_name: 'q', ev_per_sec: 2 },
    ]);
    expect(await queue.rows("select * from pgq.get_queue_info('x')")).toEqual([]);
  });

  test(`PostgreSQL ${major}: consumers tell where they are and how much waits`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.create_queue('a')");
    await queue.value("pgq.register_consumer('a', 'z')");
    await queue.value("pgq.register_consumer('q', 'b')");
    for (let i = 0; i < 11; i++) await queue.write('x');
    await queue.tick();
    await queue.value("pgq.next_batch('q', 'c')");

    const [info] = await queue.rows("select * from pgq.get_consumer_info('q', 'c')");
    expect(Object.keys(info ?? {})).toEqual([
      'queue_name',
      'consumer_name',
      'lag',
      'last_seen',
      'last_tick',
      'current_batch',
      'next_tick',
      'pending_events',
    ]);
    expect(info).toMatchObject({
      queue_name: 'q',
      consumer_name: 'c',
      last_tick: 1n,
      current_batch: 1n,
      next_tick: 2n,
      pending_events: 10n,
    });
    const names = async (call: string) =>
      (await queue.rows(`select queue_name, consumer_name from pgq.get_consumer_info(${call})`)).map((row) =>
        Object.values(row).join('/'),
      );
    expect(await names('')).toEqual(['a/z', 'q/b', 'q/c']);
    expect(await names("'q'")).toEqual(['q/b', 'q/c']);
    expect(await names('null, null')).toEqual(['a/z', 'q/b', 'q/c']);
    expect(await names("null, 'z'")).toEqual(['a/z']);
    expect(await names("'q', 'z'")).toEqual([]);
  });

  test(`PostgreSQL ${major}: sequences are read as they stand and set forward only`, async () => {
    await using queue = await openQueue(major);
    await queue.rows('create sequence public."My Seq"');
    expect(await queue.value("pgq.seq_getval('My Seq')")).toBe(1n);
    expect(await queue.value("pgq.seq_setval('public.My Seq', 7)")).toBe(7n);
    expect(await queue.value("pgq.seq_setval('public.My Seq', 3)")).toBe(7n);
    expect(await queue.value('nextval(\'"My Seq"\')')).toBe(8n);
    expect(await queue.error("pgq.seq_getval('x')")).toBe('relation "public.x" does not exist');
  });

  test(`PostgreSQL ${major}: names are quoted at their first dot`, async () => {
    await using queue = await openQueue(major);
    const quoted = (name: string | null) => queue.value('pgq.quote_fqname($1)', [name]);
    expect(await quoted('s.t')).toBe('s.t');
    expect(await quoted('t')).toBe('public.t');
    expect(await quoted('S.a.b"c')).toBe('"S"."a.b""c"');
    expect(await quoted(null)).toBe(null);
    expect(await queue.value('pgq.version()')).toBe('3.5.2');
    expect(await queue.value('pgq.upgrade_schema()')).toBe(0);
  });
}
