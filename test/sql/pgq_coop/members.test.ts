import { expect, test } from 'vitest';
import { errorOf, MAJORS, openQueue, pidOf, type QueueFixture } from '../pgq/queue-fixture.js';

/** A queue with schema pgq_coop. */
async function openCoop(major: number): Promise<QueueFixture> {
  return openQueue(major, ['pgq', 'pgq_coop']);
}

const NEXT = "pgq_coop.next_batch('q', 'c', $1)";

/** The data of the events of an open batch. */
async function dataOf(queue: QueueFixture, batch: bigint): Promise<string[]> {
  const events = await queue.rows<{ ev_data: string }>('select ev_data from pgq.get_batch_events($1)', [
    batch,
  ]);
  return events.map((event) => event.ev_data);
}

/** Name and open batch of all members and of the main consumer. */
async function consumers(queue: QueueFixture): Promise<unknown[]> {
  return queue.rows(`
    select c.co_name as name, s.sub_last_tick as last, s.sub_next_tick as next, s.sub_batch as batch
      from pgq.subscription as s
      join pgq.consumer as c on c.co_id = s.sub_consumer
     order by c.co_name`);
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a member is registered once and brings its main consumer with it`, async () => {
    await using queue = await openCoop(major);
    expect(await queue.value('pgq_coop.version()')).toBe('3.4');
    expect(await queue.value("pgq_coop.register_subconsumer('q', 'new', 'one')")).toBe(1);
    expect(await queue.value("pgq_coop.register_subconsumer('q', 'new', 'one')")).toBe(0);
    expect(await queue.value("pgq_coop.register_subconsumer('q', 'new', 'two')")).toBe(1);
    expect(await consumers(queue)).toEqual([
      { name: 'c', last: 1n, next: null, batch: null },
      { name: 'new', last: 1n, next: null, batch: null },
      { name: 'new.one', last: null, next: null, batch: null },
      { name: 'new.two', last: null, next: null, batch: null },
    ]);
    expect(await queue.value("pgq.unregister_consumer('q', 'new')")).toBe(3);

    expect(await queue.error("pgq_coop.register_subconsumer('x', 'c', 'one')")).toBe(
      'Event queue not created yet',
    );
    expect(await queue.error("pgq_coop.register_subconsumer('q', 'c', null)")).toBe('Invalid NULL value');
    await queue.value("pgq.register_consumer('q', 'c.own')");
    expect(await queue.error("pgq_coop.register_subconsumer('q', 'c', 'own')")).toBe(
      'consumer c.own is registered and is not a subconsumer of c',
    );
  });

  test(`PostgreSQL ${major}: members get different batches and every event once`, async () => {
    await using queue = await openCoop(major);
    for (const data of ['a', 'b', 'c']) {
      await queue.write(data);
      await queue.tick();
    }
    const one = await queue.value<bigint>(NEXT, ['one']);
    const two = await queue.value<bigint>(NEXT, ['two']);
    expect(await queue.value(NEXT, ['one'])).toBe(one);
    expect(await consumers(queue)).toEqual([
      { name: 'c', last: 3n, next: null, batch: null },
      { name: 'c.one', last: 1n, next: 2n, batch: one },
      { name: 'c.two', last: 2n, next: 3n, batch: two },
    ]);
    expect(await dataOf(queue, one)).toEqual(['a']);
    expect(await dataOf(queue, two)).toEqual(['b']);
    expect(await queue.value('pgq_coop.finish_batch($1)', [one])).toBe(1);
    expect(await queue.value('pgq_coop.finish_batch($1)', [one])).toBe(0);

    const again = await queue.value<bigint>(NEXT, ['one']);
    expect(await dataOf(queue, again)).toEqual(['c']);
    await queue.value('pgq_coop.finish_batch($1)', [again]);
    await queue.value('pgq_coop.finish_batch($1)', [two]);
    expect(await queue.value(NEXT, ['one'])).toBe(null);
    expect(await consumers(queue)).toEqual([
      { name: 'c', last: 4n, next: null, batch: null },
      { name: 'c.one', last: null, next: null, batch: null },
      { name: 'c.two', last: null, next: null, batch: null },
    ]);
  });

  test(`PostgreSQL ${major}: a retried event comes to one member`, async () => {
    await using queue = await openCoop(major);
    await queue.write('a');
    await queue.tick();
    const batch = await queue.value<bigint>(NEXT, ['one']);
    expect(await queue.value('pgq.event_retry($1, 1, 0)', [batch])).toBe(1);
    await queue.value('pgq_coop.finish_batch($1)', [batch]);
    expect(await queue.value('pgq.maint_retry_events()')).toBe(1);
    await queue.tick();
    const retried = await queue.value<bigint>(NEXT, ['two']);
    expect(await dataOf(queue, retried)).toEqual(['a']);
    expect(await queue.value(NEXT, ['one'])).toBe(null);
  });

  test(`PostgreSQL ${major}: a batch of the main consumer is neither closed nor shared by members`, async () => {
    await using queue = await openCoop(major);
    await queue.value("pgq_coop.register_subconsumer('q', 'c', 'one')");
    await queue.write('a');
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    expect(await queue.error("pgq_coop.next_batch('q', 'c', 'one')")).toBe('main consumer has batch open?');
    expect(await queue.value('pgq_coop.finish_batch($1)', [batch])).toBe(0);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(batch);
  });

  test(`PostgreSQL ${major}: the batch of a silent member is taken over, that of a living one is not`, async () => {
    await using queue = await openCoop(major);
    await queue.write('a');
    await queue.tick();
    const silent = await queue.value<bigint>(NEXT, ['silent']);
    await queue.rows(`
      update pgq.subscription set sub_active = now() - interval '1 hour' where sub_batch is not null`);

    expect(await queue.value(NEXT, ['heir'])).toBe(null);
    expect(await queue.value("pgq_coop.next_batch('q', 'c', 'heir', '2 hours')")).toBe(null);
    // It asks again: it lives.
    expect(await queue.value(NEXT, ['silent'])).toBe(silent);
    expect(await queue.value("pgq_coop.next_batch('q', 'c', 'heir', '10 minutes')")).toBe(null);

    await queue.rows(`
      update pgq.subscription set sub_active = now() - interval '1 hour' where sub_batch is not null`);
    expect(
      await queue.value("pgq_coop.next_batch_custom('q', 'c', 'heir', null, null, null, '10 minutes')"),
    ).toBe(silent);
    expect(await consumers(queue)).toEqual([
      { name: 'c', last: 2n, next: null, batch: null },
      { name: 'c.heir', last: 1n, next: 2n, batch: silent },
    ]);
    expect(await dataOf(queue, silent)).toEqual(['a']);
  });

  test(`PostgreSQL ${major}: the limits of a custom batch are those of the main consumer`, async () => {
    await using queue = await openCoop(major);
    for (const data of ['a', 'b', 'c']) {
      await queue.write(data);
      await queue.tick();
    }
    const custom = "pgq_coop.next_batch_custom('q', 'c', 'one', null, $1, null)";
    expect(await queue.value(custom, [100])).toBe(null);
    const batch = await queue.value<bigint>(custom, [2]);
    expect(await dataOf(queue, batch)).toEqual(['a', 'b', 'c']);
  });

  test(`PostgreSQL ${major}: a member with an open batch is unregistered only when its batch may be dropped`, async () => {
    await using queue = await openCoop(major);
    await queue.write('a');
    await queue.tick();
    await queue.value(NEXT, ['one']);
    const unregister = (name: string, handling: number) =>
      queue.value(`pgq_coop.unregister_subconsumer('q', 'c', '${name}', ${handling})`);
    expect(await errorOf(unregister('one', 0))).toBe('subconsumer has active batch');
    expect(await errorOf(unregister('one', 7))).toBe('unknown batch handling: 7');
    expect(await unregister('one', 1)).toBe(1);
    expect(await unregister('one', 1)).toBe(0);
    expect(await queue.value("pgq_coop.unregister_subconsumer('q', 'nobody', 'one', 0)")).toBe(0);
    expect(await consumers(queue)).toEqual([{ name: 'c', last: 2n, next: null, batch: null }]);
  });

  test(`PostgreSQL ${major}: members that ask at the same moment wait for each other and get different batches`, async () => {
    await using queue = await openCoop(major);
    for (const data of ['a', 'b']) {
      await queue.write(data);
      await queue.tick();
    }
    const other = await queue.open();
    const pid = await pidOf(other);
    await queue.session.execute('begin');
    const one = await queue.value<bigint>(NEXT, ['one']);
    const asked = other.one<{ batch: bigint }>("select pgq_coop.next_batch('q', 'c', 'two') as batch");
    await queue.blocked(pid);
    await queue.session.execute('commit');
    const { batch: two } = await asked;
    expect(await dataOf(queue, one)).toEqual(['a']);
    expect(await dataOf(queue, two)).toEqual(['b']);
  });

  test(`PostgreSQL ${major}: two heirs do not take over the same batch`, async () => {
    await using queue = await openCoop(major);
    await queue.write('a');
    await queue.tick();
    const silent = await queue.value<bigint>(NEXT, ['silent']);
    await queue.rows(`
      update pgq.subscription set sub_active = now() - interval '1 hour' where sub_batch is not null`);
    const other = await queue.open();
    const pid = await pidOf(other);
    await queue.session.execute('begin');
    expect(await queue.value("pgq_coop.next_batch('q', 'c', 'one', '1 minute')")).toBe(silent);
    const asked = other.one<{ batch: bigint | null }>(
      "select pgq_coop.next_batch('q', 'c', 'two', '1 minute') as batch",
    );
    await queue.blocked(pid);
    await queue.session.execute('commit');
    expect(await asked).toEqual({ batch: null });
  });

  test(`PostgreSQL ${major}: readers share batches with the rights of pgq_reader alone, others may not`, async () => {
    await using queue = await openCoop(major);
    await queue.write('a');
    await queue.tick();
    await queue.rows('set session authorization pgq_reader');
    const batch = await queue.value<bigint>(NEXT, ['one']);
    expect(await dataOf(queue, batch)).toEqual(['a']);
    expect(await queue.value('pgq_coop.finish_batch($1)', [batch])).toBe(1);
    expect(await queue.value("pgq_coop.unregister_subconsumer('q', 'c', 'one', 0)")).toBe(1);
    await queue.rows('set session authorization pgq_writer');
    expect(await queue.error("pgq_coop.next_batch('q', 'c', 'one')")).toBe(
      'permission denied for function next_batch',
    );
    await queue.rows('reset session authorization');
    expect(
      await queue.rows(`
        select oid::regprocedure::text
          from pg_proc
         where pronamespace = 'pgq_coop'::regnamespace
           and proname <> 'version'
           and (not prosecdef or ('search_path=pg_catalog, pg_temp' = any (proconfig)) is not true)`),
    ).toEqual([]);
  });
}
