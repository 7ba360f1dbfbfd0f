import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { type FreshDatabase, freshDatabase } from '../../support/cluster.js';
import { waitUntil } from '../../support/wait-until.js';

const CLOSED = /Insert into queue disallowed/;
const LOOK = -1;
const CLOSING = -2;

/** Triggers learn from a sequence which event table is written; the queue's row stays the truth. */
describe.each([10, 18])('the open event table on PostgreSQL %i', (major) => {
  let database: FreshDatabase;
  let admin: Connection;
  let next = 0;

  beforeAll(async () => {
    database = await freshDatabase(major, 'open_table');
    admin = await database.connect();
    await installSchemas(admin);
    await admin.execute(`
      create table public.t (id int primary key);
      select pgq.create_queue('app');
      select pgcascade.create_capture('app', 'public.t', 'public.t')`);
  });

  afterAll(async () => {
    await admin.close();
    await database[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await admin.execute(
      `update pgq.queue set queue_cur_table = 0, queue_disable_insert = false; select pgq.ticker()`,
    );
    // Not in that transaction, which has written.
    await admin.query('select pgq.ticker()');
    expect(await open()).toBe(0);
  });

  const open = async () =>
    Number((await admin.one('select last_value as open from pgq.event_1_open_seq'))['open']);

  const insert = (writer: Connection) => writer.execute(`insert into public.t values (${++next})`);

  /** The number of the table that got an event of a row. */
  async function writtenTo(writer: Connection): Promise<number> {
    await insert(writer);
    const { number } = await admin.one<{ number: string }>(
      'select right(tableoid::regclass::text, 1) as number from pgq.event_1 where ev_extra3 = $1',
      [String(next)],
    );
    return Number(number);
  }

  test('while the table changes writers look at the row, and again until a tick after the commit', async () => {
    await using other = await database.application();
    await using writer = await database.application();
    await other.execute('begin; update pgq.queue set queue_cur_table = 1');
    expect(await open()).toBe(LOOK);
    expect(await writtenTo(writer)).toBe(0);
    await admin.query('select pgq.ticker()');
    expect(await open(), 'somebody holds the row').toBe(LOOK);
    await other.execute('commit');
    expect(await writtenTo(writer)).toBe(1);
    expect(await open()).toBe(LOOK);
    await admin.query('select pgq.ticker()');
    expect(await open()).toBe(1);
    expect(await writtenTo(writer)).toBe(1);
  });

  test('a change that is rolled back leaves a longer way until the next tick, no other table', async () => {
    await admin.execute('begin; update pgq.queue set queue_cur_table = 2; rollback');
    expect(await open()).toBe(LOOK);
    expect(await writtenTo(admin)).toBe(0);
    await admin.query("select pgq.ticker('app')");
    expect(await open()).toBe(0);
  });

  test('who has changed the queue does not say so before the commit', async () => {
    await admin.execute(
      'begin; update pgq.queue set queue_cur_table = 1; select pgq.ticker(); select pgq.maint_operations()',
    );
    expect(await open()).toBe(LOOK);
    await admin.execute('rollback');
    expect(await writtenTo(admin)).toBe(0);
  });

  test('a tick in a repeatable read transaction that does not see the newest state leaves it', async () => {
    await using ticker = await database.application();
    await ticker.execute('begin isolation level repeatable read; select count(*) from pg_class');
    await admin.execute('update pgq.queue set queue_cur_table = 1');
    await ticker.query('select pgq.ticker()');
    await ticker.execute('commit');
    expect(await open()).toBe(LOOK);
  });

  test('also a session that applies replicated changes', async () => {
    await admin.execute(
      'set session_replication_role = replica; update pgq.queue set queue_cur_table = 1; reset session_replication_role',
    );
    expect(await open()).toBe(LOOK);
  });

  test('a closed queue takes nothing, whatever ticks come, and opens again', async () => {
    await using writer = await database.application();
    await admin.execute('begin; update pgq.queue set queue_disable_insert = true');
    expect(await open()).toBe(CLOSING);
    expect(await writer.execute(`insert into public.t values (${++next})`), 'not closed yet').toBe(1);
    await admin.execute('commit');
    await expect(insert(writer)).rejects.toThrow(CLOSED);
    await admin.query('select pgq.ticker()');
    expect(await open()).toBe(CLOSING);
    await expect(insert(writer)).rejects.toThrow(CLOSED);
    await admin.execute('update pgq.queue set queue_disable_insert = false');
    expect(await writtenTo(writer)).toBe(0);
    await admin.query('select pgq.ticker()');
    expect(await open()).toBe(0);
  });

  test.each([
    { state: 'told the table', by: '' },
    { state: 'left to look', by: "select setval('pgq.event_1_open_seq', -1)" },
  ])('a writer that is overtaken by the last tick of a closed queue is refused: $state', async ({ by }) => {
    await using closer = await database.application();
    await using writer = await database.application();
    if (by !== '') await admin.execute(by);
    // As pgq_node.demote_root does, but that the writer is late: it knows its table and waits for the lock.
    await closer.execute('begin; lock table pgq.event_1 in exclusive mode');
    const { pid } = await writer.one<{ pid: number }>('select pg_backend_pid() as pid');
    const outcome = insert(writer).then(
      () => 'written',
      (error: unknown) => String(error),
    );
    await waitUntil('the writer waits for the lock', async () => {
      const { waits } = await admin.one(
        'select count(*) > 0 as waits from pg_locks where pid = $1 and not granted',
        [pid],
      );
      return waits === true;
    });
    await admin.execute('update pgq.queue set queue_disable_insert = true');
    await closer.execute('commit');
    expect(await outcome).toMatch(CLOSED);
  });

  test.each(['repeatable read', 'serializable'])(
    'a %s transaction that began before the queue was closed has to begin again',
    async (isolation) => {
      await using writer = await database.application();
      await writer.execute(`begin isolation level ${isolation}; select count(*) from pg_class`);
      await admin.execute('update pgq.queue set queue_disable_insert = true');
      await expect(insert(writer)).rejects.toMatchObject({ code: '40001' });
      await writer.execute('rollback');
      await expect(insert(writer)).rejects.toThrow(CLOSED);
    },
  );

  test('a repeatable read transaction is not disturbed by a closing that was rolled back', async () => {
    await using writer = await database.application();
    await admin.execute('begin; update pgq.queue set queue_disable_insert = true; rollback');
    await writer.execute('begin isolation level repeatable read');
    expect(await writtenTo(admin)).toBe(0);
    await insert(writer);
    await writer.execute('commit');
  });

  test('whoever owns the triggers may read it', async () => {
    await using reader = await database.application();
    await reader.execute(`
      do $$ begin create role open_table_reader; exception when duplicate_object then null; end $$;
      set role open_table_reader`);
    expect(await reader.one("select pg_sequence_last_value('pgq.event_1_open_seq') as open")).toEqual({
      open: 0n,
    });
  });

  test('a queue that is dropped takes its sequence along', async () => {
    await admin.execute("select pgq.create_queue('other')");
    const { name } = await admin.one<{ name: string }>(
      "select queue_data_pfx || '_open_seq' as name from pgq.queue where queue_name = 'other'",
    );
    expect(await admin.one('select to_regclass($1) is not null as there', [name])).toEqual({ there: true });
    await admin.query("select pgq.drop_queue('other')");
    expect(await admin.one('select to_regclass($1) is not null as there', [name])).toEqual({ there: false });
  });
});
