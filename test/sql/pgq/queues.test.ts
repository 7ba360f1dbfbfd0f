import { expect, test } from 'vitest';
import { MAJORS, openQueue, pidOf } from './queue-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a queue is created once, with its tables, sequences and first tick`, async () => {
    await using queue = await openQueue(major);
    expect(await queue.value("pgq.create_queue('two')")).toBe(1);
    expect(await queue.value("pgq.create_queue('two')")).toBe(0);
    expect(await queue.error('pgq.create_queue(null)')).toBe('Invalid NULL value');

    const [row] = await queue.rows("select * from pgq.queue where queue_name = 'two'");
    expect(row).toMatchObject({
      queue_id: 2,
      queue_ntables: 3,
      queue_cur_table: 0,
      queue_data_pfx: 'pgq.event_2',
      queue_event_seq: 'pgq.event_2_id_seq',
      queue_tick_seq: 'pgq.event_2_tick_seq',
      queue_external_ticker: false,
      queue_ticker_max_count: 500,
      queue_per_tx_limit: null,
    });
    const tables = await queue.rows<{ name: string; parent: string; options: string[] | null }>(`
      select c.oid::regclass::text as name, i.inhparent::regclass::text as parent, c.reloptions as options
        from pg_class as c
        join pg_inherits as i on i.inhrelid = c.oid
       where c.relname like 'event\\_2%'
       order by 1`);
    const options = ['fillfactor=100', 'autovacuum_enabled=off'];
    expect(tables).toEqual([
      { name: 'pgq.event_2', parent: 'pgq.event_template', options: null },
      { name: 'pgq.event_2_0', parent: 'pgq.event_2', options },
      { name: 'pgq.event_2_1', parent: 'pgq.event_2', options },
      { name: 'pgq.event_2_2', parent: 'pgq.event_2', options },
    ]);
    expect(await queue.value("to_regclass('pgq.event_2_0_txid_idx') is not null")).toBe(true);
    expect(await queue.rows('select tick_id, tick_event_seq from pgq.tick where tick_queue = 2')).toEqual([
      { tick_id: 1n, tick_event_seq: 1n },
    ]);
  });

  test(`PostgreSQL ${major}: of two sessions that create the same queue one creates it`, async () => {
    await using queue = await openQueue(major);
    const other = await queue.open();
    const pid = await pidOf(other);
    await queue.session.execute('begin');
    expect(await queue.value("pgq.create_queue('two')")).toBe(1);
    const second = other.one("select pgq.create_queue('two') as created");
    await queue.blocked(pid);
    await queue.session.execute('commit');
    expect(await second).toEqual({ created: 0 });
  });

  test(`PostgreSQL ${major}: a queue with a consumer is dropped only by force`, async () => {
    await using queue = await openQueue(major);
    await queue.write('a');
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    await queue.value('pgq.batch_retry($1, 0)', [batch]);

    expect(await queue.error("pgq.drop_queue('nothing')")).toBe('No such event queue');
    expect(await queue.error("pgq.drop_queue('q')")).toBe('cannot drop queue, consumers still attached');
    expect(await queue.error("pgq.drop_queue('q', false)")).toBe(
      'cannot drop queue, consumers still attached',
    );
    expect(await queue.value("pgq.drop_queue('q', true)")).toBe(1);
    for (const table of ['queue', 'tick', 'subscription', 'consumer', 'retry_queue']) {
      expect(await queue.value(`(select count(*) from pgq.${table})`), table).toBe(0n);
    }
    expect(await queue.value("(select count(*) from pg_class where relname like 'event\\_1%')")).toBe(0n);
    expect(await queue.value('pgq.drop_queue(null)')).toBe(null);
    expect(await queue.value("pgq.create_queue('q')")).toBe(1);
    expect(await queue.value("pgq.drop_queue('q')")).toBe(1);
  });

  test(`PostgreSQL ${major}: the settings of a queue can be set and others cannot`, async () => {
    await using queue = await openQueue(major);
    for (const [name, value] of [
      ['ticker_max_count', '7'],
      ['ticker_max_lag', '00:00:11'],
      ['ticker_idle_period', '00:00:13'],
      ['ticker_paused', 'true'],
      ['rotation_period', '05:00:00'],
      ['external_ticker', 'true'],
      ['disable_insert', 'true'],
      ['per_tx_limit', '17'],
      ['per_tx_limit', null],
      ['extra_maint', '{a.b,c.d}'],
    ] as const) {
      expect(await queue.value("pgq.set_queue_config('q', $1, $2)", [name, value])).toBe(1);
      expect(await queue.value(`(select queue_${name}::text from pgq.queue)`), name).toBe(value);
    }
    expect(await queue.error("pgq.set_queue_config(null, 'ticker_paused', 'true')")).toBe(
      'Invalid NULL value',
    );
    expect(await queue.error("pgq.set_queue_config('q', null, 'true')")).toBe('Invalid NULL value');
    expect(await queue.error("pgq.set_queue_config('x', 'ticker_paused', '1')")).toBe('No such event queue');
    expect(await queue.error("pgq.set_queue_config('q', 'data_pfx', 'x')")).toBe(
      'cannot change parameter "data_pfxs"',
    );
    expect(await queue.error("pgq.set_queue_config('q', 'ticker_max_count', '1; drop table x')")).toMatch(
      /^invalid input syntax for/,
    );
  });
}
