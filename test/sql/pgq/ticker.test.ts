import { expect, test } from 'vitest';
import { MAJORS, openQueue, pidOf, type QueueFixture } from './queue-fixture.js';

/** Makes the ticks of the queue older, as if time had passed. */
async function age(queue: QueueFixture, interval: string): Promise<void> {
  await queue.rows('update pgq.tick set tick_time = tick_time - $1::interval', [interval]);
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a tick is made for enough events, or some after the lag, or none after a doubled gap`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.set_queue_config('q', 'ticker_max_count', '3')");
    await queue.value("pgq.set_queue_config('q', 'ticker_max_lag', '10 s')");
    await queue.value("pgq.set_queue_config('q', 'ticker_idle_period', '1 min')");

    // A queue with a single tick gets a second one at once.
    expect(await queue.tick()).toBe(2n);
    expect(await queue.tick()).toBe(null);

    // Events: two are too few, three are enough.
    await queue.write('a');
    await queue.write('b');
    await queue.write('c');
    expect(await queue.tick()).toBe(null);
    await queue.write('d');
    expect(await queue.tick()).toBe(3n);

    // One event is enough when the lag is over.
    await queue.write('e');
    await age(queue, '9 s');
    expect(await queue.tick()).toBe(null);
    await age(queue, '2 s');
    expect(await queue.tick()).toBe(4n);

    // None: half the lag at least, then the gap to the tick before doubles, up to the idle period.
    expect(await queue.tick()).toBe(null);
    await age(queue, '21 s');
    expect(await queue.tick()).toBe(null);
    await age(queue, '2 s');
    expect(await queue.tick()).toBe(5n);
    await age(queue, '45 s');
    expect(await queue.tick()).toBe(null);
    await age(queue, '5 s');
    expect(await queue.tick()).toBe(6n);
    await age(queue, '59 s');
    expect(await queue.tick()).toBe(null);
    await age(queue, '2 s');
    expect(await queue.tick()).toBe(7n);
  });

  test(`PostgreSQL ${major}: the first event of a queue is new`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.set_queue_config('q', 'ticker_idle_period', '1 hour')");
    await queue.value("pgq.set_queue_config('q', 'ticker_max_lag', '1 hour')");
    await queue.value("pgq.set_queue_config('q', 'ticker_max_count', '1')");
    expect(await queue.tick()).toBe(2n);
    expect(await queue.tick()).toBe(null);
    await queue.write('a');
    expect(await queue.tick()).toBe(3n);
    expect(await queue.tick()).toBe(null);
    expect(await queue.readAll()).toEqual(['a']);
  });

  test(`PostgreSQL ${major}: the ticker refuses unknown, external and paused queues, and passes over them`, async () => {
    await using queue = await openQueue(major);
    for (const name of ['external', 'paused', 'other']) await queue.value('pgq.create_queue($1)', [name]);
    await queue.value("pgq.set_queue_config('external', 'external_ticker', 'true')");
    await queue.value("pgq.set_queue_config('paused', 'ticker_paused', 'true')");
    expect(await queue.error("pgq.ticker('x')")).toBe('no such queue');
    expect(await queue.error("pgq.ticker('external')")).toBe('This queue has external tick source.');
    expect(await queue.error("pgq.ticker('paused')")).toBe('Ticker has been paused for this queue');
    expect(await queue.value('pgq.ticker()')).toBe(2n);
    expect(
      await queue.rows(
        'select queue_name, max(tick_id) from pgq.tick join pgq.queue on queue_id = tick_queue group by 1 order by 1',
      ),
    ).toEqual([
      { queue_name: 'external', max: 1n },
      { queue_name: 'other', max: 2n },
      { queue_name: 'paused', max: 1n },
      { queue_name: 'q', max: 2n },
    ]);
  });

  test(`PostgreSQL ${major}: a queue that was restored from a younger cluster gets no tick`, async () => {
    await using queue = await openQueue(major);
    await queue.rows("update pgq.tick set tick_snapshot = '900000000:900000000:'");
    expect(await queue.error("pgq.ticker('q')")).toMatch(/^Invalid PgQ state: tick 1 of queue q/);
  });

  test(`PostgreSQL ${major}: a second ticker makes no tick and does not wait while one is being made`, async () => {
    await using queue = await openQueue(major);
    const first = await queue.open();
    const second = await queue.open();
    await first.execute('begin');
    expect(await first.one("select pgq.ticker('q') as tick")).toEqual({ tick: 2n });
    expect(await second.one("select pgq.ticker('q') as tick")).toEqual({ tick: null });
    expect(await second.one('select pgq.ticker() as count')).toEqual({ count: 0n });
    await queue.write('a');
    await first.execute('commit');
    expect(await second.one("select pgq.ticker('q') as tick")).toEqual({ tick: 3n });
    expect(await queue.readBatch()).toEqual([]);
    expect(await queue.readBatch()).toEqual(['a']);
  });

  test(`PostgreSQL ${major}: when the ticker was paused no tick comes any more, not even one that was being made`, async () => {
    await using queue = await openQueue(major);
    const ticker = await queue.open();
    const pausing = await queue.open();
    const pid = await pidOf(pausing);
    await ticker.execute('begin');
    await ticker.query("select pgq.ticker('q')");
    const paused = pausing.query("select pgq.set_queue_config('q', 'ticker_paused', 'true')");
    await queue.blocked(pid);
    await ticker.execute('commit');
    await paused;
    expect(await queue.value('pgq.ticker()')).toBe(0n);
  });

  test(`PostgreSQL ${major}: with tickers and writers at the same time every event is delivered once`, async () => {
    await using queue = await openQueue(major);
    const written: string[] = [];
    const writer = async (name: string) => {
      const session = await queue.open();
      for (let i = 0; i < 60; i++) {
        await session.execute('begin');
        await session.query("select pgq.insert_event('q', 't', $1)", [`${name}${i}`]);
        await session.query("select pgq.insert_event('q', 't', $1)", [`${name}${i}'`]);
        await session.execute('commit');
        written.push(`${name}${i}`, `${name}${i}'`);
      }
    };
    let isWriting = true;
    const ticker = async () => {
      const session = await queue.open();
      while (isWriting) await session.query("select pgq.ticker('q')");
    };
    const tickers = [ticker(), ticker(), ticker()];
    await Promise.all(['a', 'b', 'c', 'd'].map(writer));
    isWriting = false;
    await Promise.all(tickers);
    await queue.tick();
    const delivered = await queue.readAll();
    expect(delivered.toSorted()).toEqual(written.toSorted());
    const [order] = await queue.rows(`
      select bool_and(ok) as ok
        from (select txid_snapshot_xmin(tick_snapshot) >= lag(txid_snapshot_xmin(tick_snapshot)) over w
                     and txid_snapshot_xmax(tick_snapshot) >= lag(txid_snapshot_xmax(tick_snapshot)) over w
                     and tick_time >= lag(tick_time) over w as ok
                from pgq.tick
              window w as (order by tick_id)) as t`);
    expect(order).toEqual({ ok: true });
  });

  test(`PostgreSQL ${major}: a transaction with an older snapshot than the last tick makes none`, async () => {
    await using queue = await openQueue(major);
    const old = await queue.open();
    await old.execute('begin isolation level repeatable read');
    await old.query('select 1 from pgq.queue');
    await queue.write('a');
    await queue.tick();
    expect(await old.one("select pgq.ticker('q') as tick")).toEqual({ tick: null });
    await old.execute('commit');
    await old.execute('begin isolation level repeatable read');
    expect(await old.one("select pgq.ticker('q') as tick")).toEqual({ tick: 3n });
    await old.execute('commit');
    expect(await queue.readAll()).toEqual(['a']);
  });

  test(`PostgreSQL ${major}: a copied tick has the id, time and sequence of its origin and moves the queue's forward`, async () => {
    await using queue = await openQueue(major);
    const call = "pgq.ticker('q', 70, '2020-01-01 00:00:00+00', 5000)";
    expect(await queue.error(call)).toBe('queue not found or ticker disabled: q');
    await queue.value("pgq.set_queue_config('q', 'external_ticker', 'true')");
    expect(await queue.value(call)).toBe(70n);
    expect(
      await queue.rows(
        "select tick_id, tick_time = '2020-01-01 00:00:00+00' as same_time, tick_event_seq from pgq.tick order by 1 desc limit 1",
      ),
    ).toEqual([{ tick_id: 70n, same_time: true, tick_event_seq: 5000n }]);
    expect(await queue.value("pgq.seq_getval('pgq.event_1_tick_seq')")).toBe(70n);
    expect(await queue.value("pgq.seq_getval('pgq.event_1_id_seq')")).toBe(5000n);
    expect(await queue.error(call)).toMatch(/^duplicate key value/);
    await queue.value("pgq.ticker('q', 71, now(), 10)");
    expect(await queue.value("pgq.seq_getval('pgq.event_1_id_seq')")).toBe(5000n);
    await queue.value("pgq.set_queue_config('q', 'ticker_paused', 'true')");
    expect(await queue.error("pgq.ticker('q', 72, now(), 10)")).toBe('queue not found or ticker disabled: q');
  });

  test(`PostgreSQL ${major}: a copied tick takes in the events of its own transaction and no others that are open`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.set_queue_config('q', 'external_ticker', 'true')");
    const copier = await queue.open();
    const open = await queue.open();
    const copyBatch = async (tick: number, disturb: () => Promise<unknown>) => {
      await copier.execute('begin');
      await copier.query("select pgq.insert_event('q', 't', $1)", [`of tick ${tick}`]);
      await disturb();
      await copier.query("select pgq.ticker('q', $1::int8, now(), 1)", [tick]);
      await copier.execute('commit');
    };
    await copyBatch(10, async () => undefined);
    await open.execute('begin');
    await copyBatch(11, () => open.query("select pgq.insert_event('q', 't', 'open')"));
    await copyBatch(12, () => queue.write('between'));
    await open.execute('commit');
    await copyBatch(13, async () => undefined);
    expect(await queue.readBatch()).toEqual(['of tick 10']);
    expect(await queue.readBatch()).toEqual(['of tick 11']);
    expect((await queue.readBatch())?.toSorted()).toEqual(['between', 'of tick 12']);
    expect(await queue.readBatch()).toEqual(['open', 'of tick 13']);
    expect(await queue.readBatch()).toBe(undefined);
  });

  test(`PostgreSQL ${major}: a forced tick looks like many events and comes with the next call of the ticker`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.set_queue_config('q', 'ticker_max_lag', '1 hour')");
    await queue.value("pgq.set_queue_config('q', 'ticker_idle_period', '1 hour')");
    await queue.tick();
    expect(await queue.value("nextval('pgq.event_1_id_seq')")).toBe(1n);
    expect(await queue.value("pgq.force_tick('q')")).toBe(2n);
    expect(await queue.value("nextval('pgq.event_1_id_seq')")).toBe(2003n);
    expect(await queue.tick()).toBe(3n);
    expect(await queue.tick()).toBe(null);
    expect(await queue.value("pgq.force_tick('x')")).toBe(null);
    await queue.value("pgq.set_queue_config('q', 'ticker_paused', 'true')");
    expect(await queue.value("pgq.force_tick('q')")).toBe(3n);
    expect(await queue.value("nextval('pgq.event_1_id_seq')")).toBe(2004n);
  });
}
