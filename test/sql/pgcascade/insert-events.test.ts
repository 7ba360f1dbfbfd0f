import { expect, test } from 'vitest';
import type { SchemaName } from '../../../src/install/schema-files.js';
import { MAJORS, openQueue } from '../pgq/queue-fixture.js';

const ALL: readonly SchemaName[] = ['pgq', 'pgq_node', 'londiste', 'pgcascade'];

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: many events are stored as they were given, in the order of their ids`, async () => {
    await using queue = await openQueue(major, ALL);
    expect(
      await queue.value(`pgcascade.insert_events('q', '{a,b,NULL}', array['1', null, ''],
                           p_ev_extra2s => '{x,y,z}', p_ev_extra4s => '{4,NULL,6}')::text`),
    ).toBe('{1,2,3}');
    expect(await queue.value("pgcascade.insert_events('q', '{t}', null, '{e1}', null, '{e3}')::text")).toBe(
      '{4}',
    );
    expect(await queue.value("pgcascade.insert_events('q', '{}', '{}')::text")).toBe('{}');
    const none = { ev_owner: null, ev_retry: null, ev_extra1: null, ev_extra3: null };
    expect(
      await queue.rows(`select ev_id, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4
                          from pgq.event_1_0 order by ev_id`),
    ).toEqual([
      { ...none, ev_id: 1n, ev_type: 'a', ev_data: '1', ev_extra2: 'x', ev_extra4: '4' },
      { ...none, ev_id: 2n, ev_type: 'b', ev_data: null, ev_extra2: 'y', ev_extra4: null },
      { ...none, ev_id: 3n, ev_type: null, ev_data: '', ev_extra2: 'z', ev_extra4: '6' },
      {
        ...none,
        ev_id: 4n,
        ev_type: 't',
        ev_data: null,
        ev_extra1: 'e1',
        ev_extra2: null,
        ev_extra3: 'e3',
        ev_extra4: null,
      },
    ]);
    await queue.tick();
    expect(await queue.readAll()).toEqual(['1', null, '', null]);
  });

  test(`PostgreSQL ${major}: what does not fit together or has no queue is refused whole`, async () => {
    await using queue = await openQueue(major, ALL);
    expect(await queue.error("pgcascade.insert_events('q', '{a,b}', '{1}')")).toBe(
      'Arrays of events differ in length: 2, 1, NULL, NULL, NULL, NULL',
    );
    expect(await queue.error("pgcascade.insert_events('q', '{a}', null, p_ev_extra4s => '{1,2}')")).toBe(
      'Arrays of events differ in length: 1, NULL, NULL, NULL, NULL, 2',
    );
    expect(await queue.error("pgcascade.insert_events('q', null, '{1}')")).toBe(
      'Event types must not be NULL',
    );
    expect(await queue.error("pgcascade.insert_events(null, '{a}', '{1}')")).toBe(
      'Queue name must not be NULL',
    );
    expect(await queue.error("pgcascade.insert_events('x', '{a}', '{1}')")).toBe('No such queue');

    await queue.rows('update pgq.queue set queue_disable_insert = true');
    expect(await queue.error("pgcascade.insert_events('q', '{a}', '{1}')")).toBe(
      'Insert into queue disallowed',
    );
    await queue.rows('set session_replication_role = replica');
    expect(await queue.value("cardinality(pgcascade.insert_events('q', '{a}', '{1}'))")).toBe(1);
    expect(await queue.value('(select count(*) from pgq.event_1)')).toBe(1n);
  });

  test(`PostgreSQL ${major}: the limit of events per transaction counts single and many events together`, async () => {
    await using queue = await openQueue(major, ALL);
    await queue.rows('update pgq.queue set queue_per_tx_limit = 4');
    const refused = "Queue 'q' allows max 4 events from one TX";
    expect(await queue.error("pgcascade.insert_events('q', '{1,2,3,4,5}', null)")).toBe(refused);

    await queue.session.execute('begin');
    await queue.write('one');
    expect(await queue.value("cardinality(pgcascade.insert_events('q', '{2,3}', null))")).toBe(2);
    await queue.session.execute('savepoint before');
    expect(await queue.error("pgcascade.insert_events('q', '{4,5}', null)")).toBe(refused);
    await queue.session.execute('rollback to savepoint before');
    await queue.write('four');
    expect(await queue.error("pgq.insert_event('q', 't', 'five')")).toBe(refused);
    await queue.session.execute('rollback');

    expect(await queue.value("cardinality(pgcascade.insert_events('q', '{1,2,3,4}', null))")).toBe(4);
    expect(await queue.value('(select count(*) from pgq.event_1)')).toBe(4n);
  });

  test(`PostgreSQL ${major}: a writer may insert many events, a reader may not`, async () => {
    await using queue = await openQueue(major, ALL);
    await queue.rows('set session authorization pgq_writer');
    expect(await queue.value("cardinality(pgcascade.insert_events('q', '{a}', '{1}'))")).toBe(1);
    await queue.rows('set session authorization pgq_reader');
    expect(await queue.error("pgcascade.insert_events('q', '{a}', '{1}')")).toBe(
      'permission denied for function insert_events',
    );
  });
}
