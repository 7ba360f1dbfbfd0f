import { expect, test } from 'vitest';
import { errorOf, MAJORS, openQueue, pidOf } from './queue-fixture.js';

const EVENT =
  'select ev_id, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: an event is stored as it was given, with the id that is returned`, async () => {
    await using queue = await openQueue(major);
    expect(await queue.value("pgq.insert_event('q', 't', 'd')")).toBe(1n);
    expect(await queue.value("pgq.insert_event('q', 't', null, '1', '2', '3', '4')")).toBe(2n);
    expect(
      await queue.value(
        "pgq.insert_event_raw('q', 77, '2001-02-03 04:05:06+00', 5, 6, 't', 'd', '1', null, null, '4')",
      ),
    ).toBe(77n);
    // The raw call has moved the sequence.
    expect(
      await queue.value(
        "pgq.insert_event_raw('q', null, null, null, null, 't', 'd', null, null, null, null)",
      ),
    ).toBe(4n);

    const none = { ev_extra1: null, ev_extra2: null, ev_extra3: null, ev_extra4: null };
    const fresh = { ev_owner: null, ev_retry: null, ev_type: 't' };
    expect(await queue.rows(`${EVENT} from pgq.event_1_0 order by ev_id`)).toEqual([
      { ...fresh, ...none, ev_id: 1n, ev_data: 'd' },
      { ...fresh, ev_id: 2n, ev_data: null, ev_extra1: '1', ev_extra2: '2', ev_extra3: '3', ev_extra4: '4' },
      { ...fresh, ...none, ev_id: 4n, ev_data: 'd' },
      {
        ...none,
        ev_id: 77n,
        ev_owner: 5,
        ev_retry: 6,
        ev_type: 't',
        ev_data: 'd',
        ev_extra1: '1',
        ev_extra4: '4',
      },
    ]);
    expect(
      await queue.value('(select extract(epoch from ev_time)::int8 from pgq.event_1 where ev_id = 77)'),
    ).toBe(981173106n);
    await queue.session.execute('begin');
    await queue.write('in this transaction');
    expect(
      await queue.value(
        "(select ev_time = now() and ev_txid = txid_current() from pgq.event_1_0 where ev_data like 'in this%')",
      ),
    ).toBe(true);
    await queue.session.execute('rollback');
  });

  test(`PostgreSQL ${major}: events for a queue that is not there are refused`, async () => {
    await using queue = await openQueue(major);
    expect(await queue.error("pgq.insert_event(null, 't', 'd')")).toBe('Queue name must not be NULL');
    expect(await queue.error("pgq.insert_event('x', 't', 'd')")).toBe('No such queue');
    expect(await queue.error("pgq.current_event_table('x')")).toBe('Event queue not found');
  });

  test(`PostgreSQL ${major}: a queue that takes no events takes them from replication sessions only`, async () => {
    await using queue = await openQueue(major);
    await queue.write('a');
    await queue.value("pgq.set_queue_config('q', 'disable_insert', 'true')");
    for (const role of ['origin', 'local']) {
      await queue.session.execute(`set session_replication_role = ${role}`);
      expect(await queue.error("pgq.insert_event('q', 't', 'd')")).toBe('Insert into queue disallowed');
      expect(await queue.error("pgq.current_event_table('q')")).toBe('Writing to queue disabled');
    }
    await queue.session.execute('set session_replication_role = replica');
    // The two refused ones have used ids.
    expect(await queue.write('b')).toBe(4n);
    expect(await queue.value("pgq.current_event_table('q')")).toBe('pgq.event_1_0');
  });

  test(`PostgreSQL ${major}: a transaction writes no more events than the queue allows`, async () => {
    await using queue = await openQueue(major);
    await queue.value("pgq.create_queue('other')");
    await queue.value("pgq.set_queue_config('q', 'per_tx_limit', '2')");
    const writeThree = async () => {
      await queue.session.execute('begin');
      await queue.write('a');
      await queue.value("pgq.insert_event('other', 't', 'd')");
      await queue.write('b');
      await queue.write('c');
    };
    expect(await errorOf(writeThree())).toBe("Queue 'q' allows max 2 events from one TX");
    await queue.session.execute('rollback');
    for (const data of ['a', 'b', 'c']) await queue.write(data);

    await queue.value("pgq.set_queue_config('q', 'per_tx_limit', '0')");
    expect(await queue.error("pgq.insert_event('q', 't', 'd')")).toBe(
      "Queue 'q' allows max 0 events from one TX",
    );
    await queue.value("pgq.set_queue_config('q', 'per_tx_limit', null)");
    await writeThree();
    await queue.session.execute('commit');
    await queue.tick();
    expect(await queue.readBatch()).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  test(`PostgreSQL ${major}: events copied into the current table are delivered`, async () => {
    await using queue = await openQueue(major);
    const table = await queue.value<string>("pgq.current_event_table('q')");
    const copy = queue.session.copyFrom(`copy ${table} (ev_time, ev_type, ev_data) from stdin`);
    copy.end('2020-01-01\tt\ta\n2020-01-01\tt\tb\n');
    await new Promise((resolve, reject) => copy.on('finish', resolve).on('error', reject));
    await queue.tick();
    expect(await queue.readBatch()).toEqual(['a', 'b']);
  });
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: queues past those with static inserts, and rotated ones, are written too`, async () => {
    await using queue = await openQueue(major);
    // The routine holds static inserts for 32 queues; `q` is the first.
    await queue.rows("select pgq.create_queue('q' || i) from generate_series(2, 34) as i");
    for (const name of ['q', 'q32', 'q33', 'q34']) {
      await queue.rows(`update pgq.queue set queue_cur_table = 2 where queue_name = '${name}'`);
      const id = await queue.value(`pgq.insert_event('${name}', 't', 'd')`);
      const table = await queue.value(`pgq.current_event_table('${name}')`);
      expect(await queue.rows(`select ev_id, ev_data from ${table}`)).toEqual([{ ev_id: id, ev_data: 'd' }]);
    }
    // A table that the routine has no branch for.
    await queue.rows('create table pgq.event_1_7 () inherits (pgq.event_1)');
    await queue.rows("update pgq.queue set queue_cur_table = 7 where queue_name = 'q'");
    await queue.write('in the eighth table');
    expect(await queue.rows('select ev_data from pgq.event_1_7')).toEqual([
      { ev_data: 'in the eighth table' },
    ]);
    expect(await queue.value("pgq.drop_queue('q32')")).toBe(1);
    expect(await queue.error("pgq.insert_event('q32', 't', 'd')")).toBe('No such queue');
    expect(await queue.value("pgq.insert_event('q33', 't', 'd')")).toBe(2n);
  });

  test(`PostgreSQL ${major}: two transactions create queues at the same time, and both can be written`, async () => {
    await using queue = await openQueue(major);
    const other = await queue.open();
    const pid = await pidOf(other);
    await queue.session.execute("begin; select pgq.create_queue('first')");
    const second = other.execute("select pgq.create_queue('second')");
    await queue.blocked(pid);
    await queue.session.execute('commit');
    await second;
    expect(await queue.value("pgq.insert_event('first', 't', 'd')")).toBe(1n);
    expect(await queue.value("pgq.insert_event('second', 't', 'd')")).toBe(1n);
    const source = await queue.value(
      "(select prosrc from pg_proc where oid = 'pgq.insert_event(text,text,text,text,text,text,text)'::regprocedure)",
    );
    expect(source).toContain('into pgq.event_2_0');
    expect(source).toContain('into pgq.event_3_0');
  });
}
