import { expect, test } from 'vitest';
import { errorOf, MAJORS, openQueue, pidOf, type QueueFixture } from './queue-fixture.js';

const NO_BATCH = {
  batch_id: null,
  cur_tick_id: null,
  prev_tick_id: null,
  cur_tick_time: null,
  prev_tick_time: null,
  cur_tick_event_seq: null,
  prev_tick_event_seq: null,
};

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: an open batch is returned until it is finished, and finishing moves on`, async () => {
    await using queue = await openQueue(major);
    expect(await queue.rows("select * from pgq.next_batch_info('q', 'c')")).toEqual([NO_BATCH]);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(null);
    await queue.write('a');
    await queue.tick();
    await queue.write('b');
    await queue.tick();

    const [info] = await queue.rows("select * from pgq.next_batch_info('q', 'c')");
    expect(Object.keys(info ?? {})).toEqual(Object.keys(NO_BATCH));
    expect(info).toMatchObject({
      batch_id: 1n,
      cur_tick_id: 2n,
      prev_tick_id: 1n,
      cur_tick_event_seq: 1n,
      prev_tick_event_seq: 1n,
    });
    expect(await queue.rows("select * from pgq.next_batch_info('q', 'c')")).toEqual([info]);
    expect(await queue.rows("select * from pgq.next_batch_custom('q', 'c', '1 h', 9, '1 h')")).toEqual([
      info,
    ]);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(1n);
    expect(await queue.value('pgq.finish_batch(1)')).toBe(1);
    expect(await queue.value('pgq.finish_batch(1)')).toBe(0);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(2n);
    expect(await queue.readAll()).toEqual(['b']);
  });

  test(`PostgreSQL ${major}: only a registered consumer gets batches`, async () => {
    await using queue = await openQueue(major);
    for (const call of ["next_batch('q', 'x')", "next_batch_custom('q', 'x', null, null, null)"]) {
      expect(await queue.error(`pgq.${call}`)).toBe('Not subscriber to queue: q/x');
    }
    expect(await queue.error("pgq.next_batch('x', 'c')")).toBe('Not subscriber to queue: x/c');
    await queue.rows('update pgq.subscription set sub_last_tick = 99');
    expect(await queue.error("pgq.next_batch('q', 'c')")).toBe(
      'PgQ corruption: Consumer c on queue q does not see tick 99',
    );
  });

  test(`PostgreSQL ${major}: of two sessions that ask for the next batch one opens it and both get it`, async () => {
    await using queue = await openQueue(major);
    const first = await queue.open();
    const second = await queue.open();
    const pid = await pidOf(second);
    await queue.write('a');
    await queue.tick();
    await queue.tick();
    await first.execute('begin');
    const batch = await first.one<{ batch_id: bigint }>("select * from pgq.next_batch_info('q', 'c')");
    const waiting = second.one("select * from pgq.next_batch_info('q', 'c')");
    await queue.blocked(pid);
    await first.execute('commit');
    expect(await waiting).toEqual(batch);

    // One that has waited for a batch that was finished meanwhile gets the one after it.
    await first.execute('begin');
    await first.query('select pgq.finish_batch($1)', [batch.batch_id]);
    const again = await first.one<{ batch_id: bigint }>("select * from pgq.next_batch_info('q', 'c')");
    await first.query('select pgq.finish_batch($1)', [again.batch_id]);
    await first.execute('commit');
    expect(await second.one("select * from pgq.next_batch_info('q', 'c')")).toEqual(NO_BATCH);
  });

  test(`PostgreSQL ${major}: asking for a batch that is not there yet writes nothing`, async () => {
    await using queue = await openQueue(major);
    await queue.session.execute('begin read only');
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(null);
    expect(await queue.value('txid_current_if_assigned()')).toBe(null);
    await queue.session.execute('commit');
  });

  test(`PostgreSQL ${major}: a custom batch ends where it was wished`, async () => {
    await using queue = await openQueue(major);
    const custom = async (lag: string, count: string, interval: string) => {
      const [row] = await queue.rows<{ cur_tick_id: bigint | null }>(
        `select cur_tick_id from pgq.next_batch_custom('q', 'c', ${lag}, ${count}, ${interval})`,
      );
      await queue.rows('update pgq.subscription set sub_batch = null, sub_next_tick = null');
      return row?.cur_tick_id;
    };
    // Ticks 2 … 11, ten events and a minute each, the last one now.
    for (let tick = 2; tick <= 11; tick++) {
      for (let i = 0; i < 10; i++) await queue.write('x');
      await queue.tick();
    }
    await queue.rows("update pgq.tick set tick_time = now() - (11 - tick_id) * interval '1 minute'");

    expect(await custom('null', 'null', 'null')).toBe(2n);
    expect(await custom("'5 min'", 'null', 'null')).toBe(2n);
    expect(await custom("'9 min 30 s'", 'null', 'null')).toBe(null);
    // Far more than twice the wish: the first tick that is far enough.
    expect(await custom('null', '25', 'null')).toBe(4n);
    expect(await custom('null', 'null', "'3 min'")).toBe(4n);
    // Less than twice the wish: the newest one.
    expect(await custom('null', '60', 'null')).toBe(11n);
    expect(await custom('null', 'null', "'8 min'")).toBe(11n);
    expect(await custom("'1 s'", '60', 'null')).toBe(null);
    // Either of the two limits is enough.
    expect(await custom('null', '1000', "'8 min'")).toBe(11n);
    expect(await custom('null', '1000', 'null')).toBe(null);
    expect(await custom('null', 'null', "'1 hour'")).toBe(null);
  });

  test(`PostgreSQL ${major}: the events of a batch come whole, by id, and through a cursor in parts`, async () => {
    await using queue = await openQueue(major);
    for (let i = 1; i <= 5; i++) {
      await queue.value("pgq.insert_event('q', 't', $1, $2, '2', '3', '4')", [
        `${i}`,
        i % 2 ? 'odd' : 'even',
      ]);
    }
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    const all = await queue.rows('select * from pgq.get_batch_events($1)', [batch]);
    expect(all).toHaveLength(5);
    expect(Object.keys(all[0] ?? {})).toEqual([
      'ev_id',
      'ev_time',
      'ev_txid',
      'ev_retry',
      'ev_type',
      'ev_data',
      'ev_extra1',
      'ev_extra2',
      'ev_extra3',
      'ev_extra4',
    ]);
    expect(all[0]).toMatchObject({ ev_id: 1n, ev_retry: null, ev_type: 't', ev_data: '1', ev_extra1: 'odd' });

    const data = async (sql: string) =>
      (await queue.rows<{ ev_data: string }>(sql)).map((row) => row.ev_data);
    await queue.session.execute('begin');
    expect(await data(`select * from pgq.get_batch_cursor(${batch}, 'one', 2)`)).toEqual(['1', '2']);
    expect(await data('fetch 2 from one')).toEqual(['3', '4']);
    expect(await data('fetch 2 from one')).toEqual(['5']);
    expect(await data(`select * from pgq.get_batch_cursor(${batch}, 'two', 0)`)).toEqual([]);
    expect(await data('fetch all from two')).toEqual(['1', '2', '3', '4', '5']);
    expect(
      await data(
        `select * from pgq.get_batch_cursor(${batch}, 'Wo"rst', 9, 'ev_extra1 = ''even'' or ev_id = 5')`,
      ),
    ).toEqual(['2', '4', '5']);
    expect(await data('fetch all from "Wo""rst"')).toEqual([]);
    expect(await data(`select * from pgq.get_batch_cursor(${batch}, 'no', null, null)`)).toEqual([]);
    expect(await data("select * from pgq.get_batch_cursor(null, 'no', 5)")).toEqual([]);
    expect(await data(`select * from pgq.get_batch_cursor(${batch}, null, 5, null)`)).toEqual([]);
    await queue.session.execute('commit');

    for (const call of ['get_batch_events(99)', "get_batch_cursor(99, 'x', 5)", 'batch_event_sql(99)']) {
      expect(await errorOf(queue.rows(`select * from pgq.${call}`)), call).toBe('batch not found');
    }
    expect(await queue.error('pgq.batch_event_tables(99)')).toBe('Cannot find data for batch 99');
  });

  test(`PostgreSQL ${major}: the query of a batch can be wrapped and keeps its order`, async () => {
    await using queue = await openQueue(major);
    for (const data of ['a', 'b', 'c']) await queue.write(data);
    await queue.tick();
    const sql = await queue.value<string>("pgq.batch_event_sql(pgq.next_batch('q', 'c'))");
    expect(
      await queue.rows(`
        select e.ev_id, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4, e.ev_type, e.ev_retry
          from (${sql}) e where e.ev_data <> 'b'`),
    ).toMatchObject([{ ev_data: 'a' }, { ev_data: 'c' }]);
  });

  test(`PostgreSQL ${major}: a batch without transactions is empty`, async () => {
    await using queue = await openQueue(major);
    await queue.tick();
    expect(await queue.readBatch()).toEqual([]);
  });

  test(`PostgreSQL ${major}: a batch tells about itself while it is open`, async () => {
    await using queue = await openQueue(major);
    await queue.write('a');
    await queue.write('b');
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    const [info] = await queue.rows('select * from pgq.get_batch_info($1)', [batch]);
    expect(Object.keys(info ?? {})).toEqual([
      'queue_name',
      'consumer_name',
      'batch_start',
      'batch_end',
      'prev_tick_id',
      'tick_id',
      'lag',
      'seq_start',
      'seq_end',
    ]);
    expect(info).toMatchObject({
      queue_name: 'q',
      consumer_name: 'c',
      prev_tick_id: 1n,
      tick_id: 2n,
      seq_start: 1n,
      seq_end: 2n,
    });
    const [unknown] = await queue.rows('select * from pgq.get_batch_info(99)');
    expect(new Set(Object.values(unknown ?? {}))).toEqual(new Set([null]));
  });

  test(`PostgreSQL ${major}: a batch looks at few versions of the consumer's row, also when none can be removed`, async () => {
    await using queue = await openQueue(major);
    // So that the planner knows the table as small.
    await queue.rows('vacuum analyze pgq.subscription');
    const dump = await queue.open();
    await dump.execute('begin isolation level repeatable read');
    await dump.query('select 1');
    for (let round = 0; round < 300; round++) {
      await queue.write('a');
      await queue.tick();
      expect(await queue.readBatch()).toEqual(['a']);
    }
    await queue.write('b');
    await queue.tick();
    await queue.session.execute('begin');
    const before = await versionsRead(queue);
    expect(await queue.readBatch()).toEqual(['b']);
    const after = await versionsRead(queue);
    expect(after.scans).toBe(before.scans);
    expect(after.entries - before.entries).toBeLessThan(20n);
    await queue.session.execute('commit');
  });

  test(`PostgreSQL ${major}: a consumer is on a queue only once, whoever writes the row`, async () => {
    await using queue = await openQueue(major);
    const again = `insert into pgq.subscription (sub_queue, sub_consumer, sub_last_tick)
      select sub_queue, sub_consumer, sub_last_tick from pgq.subscription`;
    expect(await errorOf(queue.rows(again))).toMatch(/^duplicate key value violates unique constraint/);
    await queue.rows("set session_replication_role = 'replica'");
    expect(await errorOf(queue.rows(again))).toMatch(/^duplicate key value violates unique constraint/);
    await queue.rows("set session_replication_role = 'origin'");
    expect(await queue.value("pgq.unregister_consumer('q', 'c')")).toBe(1);
    expect(await queue.value("pgq.register_consumer('q', 'c')")).toBe(1);
    await queue.rows('update pgq.subscription set sub_queue = sub_queue, sub_consumer = sub_consumer');
    expect(await errorOf(queue.rows(again))).toMatch(/^duplicate key value violates unique constraint/);
    await queue.rows('truncate pgq.subscription');
    expect(await queue.value("pgq.register_consumer('q', 'c')")).toBe(1);
  });
}

/** How often this transaction has read all of pgq.subscription, and how many index entries of it, dead ones too. */
function versionsRead(queue: QueueFixture): Promise<{ scans: bigint; entries: bigint }> {
  return queue.session.one<{ scans: bigint; entries: bigint }>(`
    select pg_stat_get_xact_numscans('pgq.subscription'::regclass) as scans,
           sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint as entries
      from pg_index
     where indrelid = 'pgq.subscription'::regclass`);
}
