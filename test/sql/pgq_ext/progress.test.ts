import { expect, test } from 'vitest';
import { MAJORS, openQueue, pidOf } from '../pgq/queue-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: the last tick is kept for each consumer and part, and can be forgotten`, async () => {
    await using target = await openQueue(major, ['pgq', 'pgq_ext']);
    expect(await target.value('pgq_ext.version()')).toBe('3.1');
    expect(await target.value("pgq_ext.get_last_tick('c')")).toBe(null);
    expect(await target.value("pgq_ext.set_last_tick('c', 7)")).toBe(1);
    expect(await target.value("pgq_ext.set_last_tick('c', 'part', 3)")).toBe(1);
    expect(await target.value("pgq_ext.set_last_tick('c', 8)")).toBe(1);
    expect(await target.value("pgq_ext.get_last_tick('c')")).toBe(8n);
    expect(await target.value("pgq_ext.get_last_tick('c', '')")).toBe(8n);
    expect(await target.value("pgq_ext.get_last_tick('c', 'part')")).toBe(3n);
    expect(await target.value("pgq_ext.set_last_tick('c', null)")).toBe(1);
    expect(await target.value("pgq_ext.get_last_tick('c')")).toBe(null);
    expect(await target.value("pgq_ext.get_last_tick('c', 'part')")).toBe(3n);
  });

  test(`PostgreSQL ${major}: a batch is done once`, async () => {
    await using target = await openQueue(major, ['pgq', 'pgq_ext']);
    expect(await target.value("pgq_ext.is_batch_done('c', 5)")).toBe(false);
    expect(await target.value("pgq_ext.set_batch_done('c', 5)")).toBe(true);
    expect(await target.value("pgq_ext.set_batch_done('c', 5)")).toBe(false);
    expect(await target.value("pgq_ext.is_batch_done('c', 5)")).toBe(true);
    expect(await target.value("pgq_ext.is_batch_done('c', 'part', 5)")).toBe(false);
    expect(await target.value("pgq_ext.set_batch_done('c', 'part', 5)")).toBe(true);
    expect(await target.value("pgq_ext.set_batch_done('c', 6)")).toBe(true);
    expect(await target.value("pgq_ext.is_batch_done('c', 6)")).toBe(true);
    expect(await target.value("pgq_ext.is_batch_done('c', 5)")).toBe(false);
  });

  test(`PostgreSQL ${major}: of two sessions with the same batch one waits and is told that it is done`, async () => {
    await using target = await openQueue(major, ['pgq', 'pgq_ext']);
    const other = await target.open();
    const pid = await pidOf(other);
    for (const batch of [5, 6]) {
      await target.session.execute('begin');
      expect(await target.value(`pgq_ext.set_batch_done('c', ${batch})`)).toBe(true);
      const asked = other.one<{ done: boolean }>(`select pgq_ext.set_batch_done('c', ${batch}) as done`);
      await target.blocked(pid);
      await target.session.execute('commit');
      expect(await asked).toEqual({ done: false });
    }
  });

  test(`PostgreSQL ${major}: an event is done once, and another batch forgets the events of the one before`, async () => {
    await using target = await openQueue(major, ['pgq', 'pgq_ext']);
    expect(await target.value("pgq_ext.is_event_done('c', 5, 1)")).toBe(false);
    expect(await target.value("pgq_ext.set_event_done('c', 5, 1)")).toBe(true);
    expect(await target.value("pgq_ext.set_event_done('c', 5, 1)")).toBe(false);
    expect(await target.value("pgq_ext.set_event_done('c', 5, 2)")).toBe(true);
    expect(await target.value("pgq_ext.set_event_done('c', 'part', 5, 1)")).toBe(true);
    expect(await target.value("pgq_ext.is_event_done('c', 5, 2)")).toBe(true);
    expect(await target.value("pgq_ext.set_event_done('c', 6, 2)")).toBe(true);
    expect(await target.value("pgq_ext.is_event_done('c', 5, 2)")).toBe(false);
    expect(await target.value("pgq_ext.is_event_done('c', 'part', 5, 1)")).toBe(true);
    expect(await target.value('(select count(*) from pgq_ext.completed_event)')).toBe(2n);
  });

  test(`PostgreSQL ${major}: a writer records its progress with the rights of pgq_writer alone, others may not`, async () => {
    await using target = await openQueue(major, ['pgq', 'pgq_ext']);
    await target.rows('set session authorization pgq_writer');
    expect(await target.value("pgq_ext.set_last_tick('c', 7)")).toBe(1);
    expect(await target.value("pgq_ext.set_batch_done('c', 7)")).toBe(true);
    expect(await target.value("pgq_ext.set_event_done('c', 7, 7)")).toBe(true);
    await target.rows('set session authorization pgq_reader');
    expect(await target.error("pgq_ext.get_last_tick('c')")).toBe(
      'permission denied for function get_last_tick',
    );
  });
}
