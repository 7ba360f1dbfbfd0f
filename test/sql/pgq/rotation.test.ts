import { expect, test } from 'vitest';
import { MAJORS, openQueue, type QueueFixture } from './queue-fixture.js';

/** Lets the queue's rotation period be over. */
async function letPeriodPass(queue: QueueFixture): Promise<void> {
  await queue.rows(
    "update pgq.queue set queue_switch_time = now() - interval '1 day' where queue_name = 'q'",
  );
}

/** Does what a maintenance program does for rotation. Returns the table that is written then. */
async function maintain(queue: QueueFixture): Promise<number> {
  expect(await queue.value("pgq.maint_rotate_tables_step1('q')")).toBe(0);
  expect(await queue.value('pgq.maint_rotate_tables_step2()')).toBe(0);
  return queue.value<number>("(select queue_cur_table from pgq.queue where queue_name = 'q')");
}

/** Rotates when nothing but the period stands against it. */
async function rotate(queue: QueueFixture): Promise<number> {
  await letPeriodPass(queue);
  return maintain(queue);
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: tables rotate when the period is over and all consumers have passed the last switch`, async () => {
    await using queue = await openQueue(major);
    await queue.write('a');
    expect(await queue.value("pgq.maint_rotate_tables_step1('q')")).toBe(0);
    expect(await queue.value('(select queue_cur_table from pgq.queue)'), 'too early').toBe(0);

    await queue.tick();
    expect(await queue.readAll()).toEqual(['a']);
    expect(await rotate(queue)).toBe(1);
    await queue.write('b');
    await queue.tick();
    expect(await rotate(queue), 'the consumer has not read b').toBe(1);
    expect(await queue.readAll()).toEqual(['b']);
    expect(await rotate(queue)).toBe(2);
    expect(await queue.value('(select count(*) from pgq.event_1)'), 'a and b are kept').toBe(2n);
    await queue.write('c');
    await queue.tick();
    expect(await queue.readAll()).toEqual(['c']);
    expect(await rotate(queue)).toBe(0);
    expect(await queue.rows('select ev_data from pgq.event_1 order by 1'), 'a is gone').toEqual([
      { ev_data: 'b' },
      { ev_data: 'c' },
    ]);
    await queue.write('d');
    await queue.tick();
    expect(await queue.readAll()).toEqual(['d']);
    expect(await queue.value("pgq.maint_rotate_tables_step1('no such queue')")).toBe(0);
  });

  test(`PostgreSQL ${major}: no event is lost or doubled while tables rotate under overlapping transactions`, async () => {
    await using queue = await openQueue(major);
    const writers = await Promise.all([queue.open(), queue.open()]);
    const expected: string[] = [];
    const delivered: string[] = [];
    const tables = new Set<number>();
    for (let round = 0; round < 25; round++) {
      for (const [nr, writer] of writers.entries()) {
        if (round % 5 === nr) await writer.execute('begin');
        expected.push(`${round}/${nr}`);
        await writer.query("select pgq.insert_event('q', 't', $1)", [`${round}/${nr}`]);
        if (round % 5 === nr + 2) await writer.execute('commit');
      }
      await queue.tick();
      delivered.push(...(await queue.readAll()));
      tables.add(await rotate(queue));
    }
    for (const writer of writers) await writer.execute('commit');
    await queue.tick();
    delivered.push(...(await queue.readAll()));
    expect(delivered.toSorted()).toEqual(expected.toSorted());
    expect([...tables].toSorted()).toEqual([0, 1, 2]);
  });

  test(`PostgreSQL ${major}: a long transaction keeps its table from being emptied`, async () => {
    await using queue = await openQueue(major);
    const long = await queue.open();
    await long.execute('begin');
    await long.query("select pgq.insert_event('q', 't', 'long')");
    const seen: number[] = [];
    for (let round = 0; round < 4; round++) {
      await queue.write(`${round}`);
      await queue.tick();
      await queue.readAll();
      seen.push(await rotate(queue));
    }
    // One switch is harmless; the next one waits until nobody needs the first table.
    expect(seen).toEqual([1, 1, 1, 1]);
    await long.execute('commit');
    await queue.tick();
    expect(await queue.readAll()).toEqual(['long']);
    expect(await rotate(queue)).toBe(2);
  });

  test(`PostgreSQL ${major}: what a transaction with an old snapshot writes after a switch is delivered`, async () => {
    await using queue = await openQueue(major);
    const old = await queue.open();
    await old.execute('begin isolation level repeatable read');
    await old.query('select 1');
    await queue.tick();
    await queue.readAll();
    expect(await rotate(queue)).toBe(1);
    expect(await queue.value('(select queue_switch_step2 is null from pgq.queue)')).toBe(true);
    for (let round = 0; round < 3; round++) {
      await queue.write(`${round}`);
      await queue.tick();
      await queue.readAll();
      expect(await rotate(queue), 'the switch is not complete').toBe(1);
    }
    await old.query("select pgq.insert_event('q', 't', 'old')");
    expect(await old.query('select tableoid::regclass::text as name from pgq.event_1')).toEqual([
      { name: 'pgq.event_1_0' },
    ]);
    await queue.tick();
    expect(await queue.readAll()).toEqual([]);
    await old.execute('commit');
    await queue.tick();
    expect(await queue.readAll()).toEqual(['old']);

    await rotate(queue);
    expect(await queue.value('(select queue_switch_step2 is null from pgq.queue)')).toBe(false);
    await queue.tick();
    await queue.readAll();
    expect(await rotate(queue)).toBe(2);
  });

  test(`PostgreSQL ${major}: what is copied into the current table after a switch is delivered`, async () => {
    await using queue = await openQueue(major);
    const copier = await queue.open();
    await copier.execute('begin');
    const { name } = await copier.one<{ name: string }>("select pgq.current_event_table('q') as name");
    await queue.tick();
    await queue.readAll();
    expect(await rotate(queue)).toBe(1);
    await queue.tick();
    await queue.readAll();
    await copier.query(`insert into ${name} (ev_time, ev_data) values (now(), 'copied')`);
    await copier.execute('commit');
    await queue.tick();
    expect(await queue.readAll()).toEqual(['copied']);
  });

  test(`PostgreSQL ${major}: rotation waits for nobody who reads the next table`, async () => {
    await using queue = await openQueue(major);
    const dump = await queue.open();
    await dump.execute('begin');
    await dump.query('lock table pgq.event_1_1 in access share mode');
    await queue.tick();
    await queue.readAll();
    expect(await rotate(queue)).toBe(0);
    await dump.execute('commit');
    expect(await rotate(queue)).toBe(1);
  });

  test(`PostgreSQL ${major}: rotation waits for nobody who registers, and keeps the tick`, async () => {
    await using queue = await openQueue(major);
    for (let round = 0; round < 3; round++) {
      await queue.tick();
      await queue.readAll();
    }
    expect(await rotate(queue)).toBe(1);
    await letPeriodPass(queue);
    const registering = await queue.open();
    await registering.execute('begin');
    await registering.query("select pgq.register_consumer_at('q', 'new', 1)");
    await queue.tick();
    await queue.readAll();
    expect(await maintain(queue)).toBe(1);
    await registering.execute('commit');
    expect(await maintain(queue), 'the new consumer needs the old events').toBe(1);
    await queue.tick();
    await queue.readAll();
    await queue.readAll('new');
    expect(await maintain(queue)).toBe(2);
  });

  test(`PostgreSQL ${major}: ticks of one rotation are kept, older ones are dropped, the newest never`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.unregister_consumer('q', 'c')");
    for (let round = 0; round < 4; round++) await rotate(queue);
    expect(await queue.rows('select tick_id from pgq.tick')).toEqual([{ tick_id: 1n }]);
    await queue.tick();
    await queue.tick();
    await rotate(queue);
    expect(await queue.rows('select tick_id from pgq.tick order by 1')).toEqual([
      { tick_id: 2n },
      { tick_id: 3n },
    ]);
    expect(await queue.value("pgq.register_consumer('q', 'c')")).toBe(1);
  });

  test(`PostgreSQL ${major}: rotation refuses a queue whose state cannot be`, async () => {
    await using queue = await openQueue(major);
    await queue.rows("update pgq.queue set queue_switch_time = now() - interval '1 day'");
    await queue.rows('update pgq.subscription set sub_last_tick = 77');
    expect(await queue.error("pgq.maint_rotate_tables_step1('q')")).toBe(
      'queue q maint failure: tick 77 not found',
    );
    await queue.rows('update pgq.queue set queue_switch_step1 = 900000000');
    expect(await queue.error("pgq.maint_rotate_tables_step1('q')")).toMatch(
      /^queue q maint failure: step1=900000000, current=\d+$/,
    );
  });

  test(`PostgreSQL ${major}: a batch is looked for in the table before, in the current one, or in both`, async () => {
    await using queue = await openQueue(major);
    const tables = async () => {
      const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
      const rows = await queue.rows<{ name: string }>('select pgq.batch_event_tables($1) as name', [batch]);
      return rows.map((row) => row.name).toSorted();
    };
    await queue.tick();
    await queue.readAll();
    await queue.tick();
    expect(await tables()).toEqual(['pgq.event_1_0']);
    expect(await rotate(queue)).toBe(1);
    expect(await tables()).toEqual(['pgq.event_1_0']);
    await queue.readAll();
    await queue.tick();
    expect(await tables()).toEqual(['pgq.event_1_0', 'pgq.event_1_1']);
    await queue.readAll();
    await queue.tick();
    expect(await tables()).toEqual(['pgq.event_1_1']);
  });

  test(`PostgreSQL ${major}: maintenance lists what is due, in order`, async () => {
    await using queue = await openQueue(major);
    const operations = async () =>
      (
        await queue.rows<{ func_name: string; func_arg: string | null }>(
          'select * from pgq.maint_operations()',
        )
      ).map((row) => [row.func_name, row.func_arg]);
    expect(await operations()).toEqual([]);
    await queue.value("pgq.create_queue('a')");
    await queue.value("pgq.set_queue_config('a', 'extra_maint', '{x.two,x.one}')");
    await queue.rows(
      "update pgq.queue set queue_switch_time = now() - interval '1 day' where queue_name = 'q'",
    );
    expect(await operations()).toEqual([
      ['pgq.maint_rotate_tables_step1', 'q'],
      ['pgq.maint_rotate_tables_step2', null],
      ['x.two', 'a'],
      ['x.one', 'a'],
    ]);
    await queue.tick();
    await queue.readAll();
    await queue.value("pgq.maint_rotate_tables_step1('q')");
    expect(await operations()).toEqual([
      ['pgq.maint_rotate_tables_step2', null],
      ['x.two', 'a'],
      ['x.one', 'a'],
    ]);
    await queue.value('pgq.maint_rotate_tables_step2()');
    await queue.value("pgq.set_queue_config('a', 'extra_maint', null)");
    expect(await operations()).toEqual([]);
    expect(await queue.rows('select pgq.maint_tables_to_vacuum()'), 'autovacuum is on').toEqual([]);
  });

  test(`PostgreSQL ${major}: after the clock was set back ticks and rotation go on at once, with the time now`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.set_queue_config('q', 'ticker_max_lag', '3 s')");
    await queue.write('a');
    await queue.rows("update pgq.tick set tick_time = now() + interval '1 hour'");
    await queue.rows("update pgq.queue set queue_switch_time = now() + interval '1 hour'");
    expect(await queue.tick()).toBe(2n);
    expect(await queue.value('(select tick_time <= clock_timestamp() from pgq.tick where tick_id = 2)')).toBe(
      true,
    );
    expect(await queue.tick(), 'as ever').toBe(null);
    expect(await queue.readAll()).toEqual(['a']);
    expect(await queue.rows('select func_name from pgq.maint_operations()')).toEqual([
      { func_name: 'pgq.maint_rotate_tables_step1' },
      { func_name: 'pgq.maint_rotate_tables_step2' },
    ]);
    expect(await maintain(queue)).toBe(1);
    expect(await queue.value("pgq.maint_rotate_tables_step1('q')")).toBe(0);
    expect(await queue.value('(select queue_cur_table from pgq.queue)'), 'too early').toBe(1);
  });
}
