import { expect, test } from 'vitest';
import { MAJORS, openQueue } from './queue-fixture.js';

const READER = ['pgq.next_batch', 'pgq.register_consumer', 'pgq.force_tick', 'pgq.batch_event_sql'];
const WRITER = ['pgq.insert_event', 'pgq.current_event_table'];
const ADMIN = [
  'pgq.ticker',
  'pgq.create_queue',
  'pgq.insert_event_raw',
  'pgq.maint_operations',
  'pgq.seq_setval',
];
const EVERYBODY = ['pgq.version', 'pgq.get_queue_info', 'pgq.get_consumer_info', 'pgq.seq_getval'];
const NOBODY = ['pgq._tick_if_due'];

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: each role may call its routines and no others`, async () => {
    await using queue = await openQueue(major);
    await queue.rows(`
      do $$ begin create role pgq_test_stranger; exception when duplicate_object then null; end $$`);
    const allowed = async (role: string) => {
      const rows = await queue.rows<{ name: string }>(
        `select distinct p.oid::regproc::text as name
           from pg_proc as p
          where p.pronamespace = 'pgq'::regnamespace
            and p.oid::regproc::text = any ($2)
            and has_function_privilege($1, p.oid, 'execute')`,
        [role, [...READER, ...WRITER, ...ADMIN, ...EVERYBODY, ...NOBODY]],
      );
      return rows.map((row) => row.name).toSorted();
    };
    expect(await allowed('pgq_test_stranger')).toEqual([...EVERYBODY].toSorted());
    expect(await allowed('pgq_reader')).toEqual([...EVERYBODY, ...READER].toSorted());
    expect(await allowed('pgq_writer')).toEqual([...EVERYBODY, ...WRITER].toSorted());
    expect(await allowed('pgq_admin')).toEqual([...EVERYBODY, ...READER, ...WRITER, ...ADMIN].toSorted());
  });

  test(`PostgreSQL ${major}: writer, reader and administrator do their work with their rights alone`, async () => {
    await using queue = await openQueue(major);
    const as = async <T>(role: string, work: () => Promise<T>) => {
      await queue.rows(`set session authorization ${role}`);
      const result = await work();
      await queue.rows('reset session authorization');
      return result;
    };
    await as('pgq_writer', () => queue.write('a'));
    await as('pgq_admin', () => queue.tick());
    expect(await as('pgq_reader', () => queue.readBatch())).toEqual(['a']);
    await as('pgq_reader', async () => {
      expect(await queue.error("pgq.insert_event('q', 't', 'd')")).toMatch(
        /^permission denied for function insert_event$/,
      );
      await queue.rows('select * from pgq.get_queue_info()');
    });
    await queue.rows("update pgq.queue set queue_switch_time = now() - interval '1 day'");
    await as('pgq_admin', async () => {
      expect(await queue.value("pgq.create_queue('mine')")).toBe(1);
      await queue.value(
        "pgq.insert_event_raw('mine', null, null, null, null, 't', 'd', null, null, null, null)",
      );
      await queue.value('pgq.maint_rotate_tables_step1($1)', ['q']);
      await queue.value('pgq.maint_rotate_tables_step2()');
      expect(await queue.value("(select queue_cur_table from pgq.queue where queue_name = 'q')")).toBe(1);
      expect(
        await queue.value("(select queue_switch_step2 is null from pgq.queue where queue_name = 'q')"),
      ).toBe(false);
      await queue.value(
        "pgq.event_retry_raw('q', 'c', now(), null, null, 1, 't', 'again', null, null, null, null)",
      );
      expect(await queue.value('pgq.maint_retry_events()')).toBe(1);
      await queue.value('pgq.ticker()');
      expect(await queue.value("pgq.drop_queue('mine', true)")).toBe(1);
    });
    expect(await as('pgq_reader', () => queue.readAll())).toEqual(['again']);
  });

  test(`PostgreSQL ${major}: somebody without rights sees the snapshots of others' sessions, which rotation relies on`, async () => {
    await using queue = await openQueue(major);
    const old = await queue.open();
    await old.execute('begin isolation level repeatable read');
    await old.query('select 1');
    await queue.tick();
    await queue.readAll();
    await queue.rows("update pgq.queue set queue_switch_time = now() - interval '1 day'");
    await queue.rows('set session authorization pgq_admin');
    await queue.value("pgq.maint_rotate_tables_step1('q')");
    await queue.value('pgq.maint_rotate_tables_step2()');
    expect(await queue.value('(select queue_switch_step2 is null from pgq.queue)')).toBe(true);
  });

  test(`PostgreSQL ${major}: every security definer routine pins its search_path`, async () => {
    await using queue = await openQueue(major);
    expect(
      await queue.rows(`
        select oid::regprocedure::text
          from pg_proc
         where pronamespace = 'pgq'::regnamespace
           and prosecdef
           and ('search_path=pg_catalog, pg_temp' = any (proconfig)) is not true`),
    ).toEqual([]);
  });
}
