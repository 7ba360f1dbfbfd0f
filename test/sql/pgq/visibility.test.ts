import { expect, test } from 'vitest';
import { MAJORS, openQueue } from './queue-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a transaction that spans several ticks is delivered once, after its commit`, async () => {
    await using queue = await openQueue(major);
    const long = await queue.open();
    await long.execute('begin');
    await long.query("select pgq.insert_event('q', 'type', 'long 1')");

    const delivered: string[][] = [];
    for (const name of ['a', 'b', 'c']) {
      await queue.write(name);
      await queue.tick();
      delivered.push((await queue.readBatch()) ?? []);
      await long.query("select pgq.insert_event('q', 'type', $1)", [`long after ${name}`]);
    }
    expect(delivered).toEqual([['a'], ['b'], ['c']]);

    await long.execute('commit');
    await queue.write('d');
    await queue.tick();
    expect(await queue.readBatch()).toEqual(['long 1', 'long after a', 'long after b', 'long after c', 'd']);
    await queue.tick();
    expect(await queue.readAll()).toEqual([]);
  });

  test(`PostgreSQL ${major}: a transaction that is rolled back is never delivered`, async () => {
    await using queue = await openQueue(major);
    const long = await queue.open();
    await long.execute('begin');
    await long.query("select pgq.insert_event('q', 'type', 'gone')");
    await queue.write('a');
    await queue.tick();
    await long.execute('rollback');
    await queue.tick();
    expect(await queue.readAll()).toEqual(['a']);
  });

  test(`PostgreSQL ${major}: many transactions that overlap and commit in any order are each delivered once`, async () => {
    await using queue = await openQueue(major);
    const writers = await Promise.all(Array.from({ length: 12 }, () => queue.open()));
    const expected: string[] = [];
    const delivered: string[] = [];
    let seed = major;
    const random = (limit: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * limit);
    };
    const isOpen = writers.map(() => false);
    for (let step = 0; step < 300; step++) {
      const nr = random(writers.length);
      const writer = writers[nr];
      if (writer === undefined) continue;
      if (!isOpen[nr]) await writer.execute('begin');
      isOpen[nr] = true;
      const data = `${step}`;
      expected.push(data);
      await writer.query("select pgq.insert_event('q', 'type', $1)", [data]);
      if (random(3) === 0) {
        await writer.execute('commit');
        isOpen[nr] = false;
      }
      if (random(5) === 0) await queue.tick();
      if (random(10) === 0) delivered.push(...((await queue.readBatch()) ?? []));
    }
    await Promise.all(writers.map((writer, nr) => (isOpen[nr] ? writer.execute('commit') : undefined)));
    await queue.tick();
    delivered.push(...(await queue.readAll()));
    expect(delivered.toSorted()).toEqual(expected.toSorted());
  });

  test(`PostgreSQL ${major}: the events of one transaction come in the order in which they were written`, async () => {
    await using queue = await openQueue(major);
    await queue.session.query(
      "select pgq.insert_event('q', 'type', i::text) from pg_catalog.generate_series(1, 1000) as i",
    );
    await queue.tick();
    expect(await queue.readBatch()).toEqual(Array.from({ length: 1000 }, (_, i) => `${i + 1}`));
  });

  test(`PostgreSQL ${major}: the query of a batch reads the index on ev_txid in a large table without statistics`, async () => {
    await using queue = await openQueue(major);
    const long = await Promise.all(Array.from({ length: 20 }, () => queue.open()));
    for (const session of long) {
      await session.execute('begin');
      await session.query("select pgq.insert_event('q', 'type', 'long')");
    }
    await queue.session.query(
      "insert into pgq.event_1_0 (ev_time, ev_type, ev_data) select now(), 'x', 'y' from generate_series(1, 20000)",
    );
    await queue.tick();
    await queue.readAll();
    for (const session of long) await session.execute('commit');
    await queue.write('a');
    await queue.tick();
    const batch = await queue.value<bigint>("pgq.next_batch('q', 'c')");
    const sql = await queue.value<string>('pgq.batch_event_sql($1)', [batch]);
    const plan = await queue.session.query<{ 'QUERY PLAN': string }>(`explain ${sql}`);
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('event_1_0_txid_idx');
    expect(text).not.toContain('Seq Scan');
    expect(await queue.readAll()).toHaveLength(21);
  });
}
