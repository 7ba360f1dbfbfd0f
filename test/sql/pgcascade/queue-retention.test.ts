import { expect, test } from 'vitest';
import type { SchemaName } from '../../../src/install/schema-files.js';
import { MAJORS, openQueue, type QueueFixture } from '../pgq/queue-fixture.js';

const ALL: readonly SchemaName[] = ['pgq', 'pgq_node', 'londiste', 'pgcascade'];

interface Held {
  readonly consumer_name: string;
  readonly pending_events: bigint;
  readonly held_bytes: bigint;
  readonly share: number | null;
  readonly holds_rotation: boolean;
  readonly is_system: boolean;
  readonly [column: string]: unknown;
}

/** A queue whose first event, the id of which nobody can tell from none, has been read. */
async function openUsedQueue(major: number): Promise<QueueFixture> {
  const queue = await openQueue(major, ALL);
  await queue.write('first');
  await queue.tick();
  await queue.readAll('c');
  return queue;
}

function retention(queue: QueueFixture): Promise<Held[]> {
  return queue.rows<Held>("select * from pgcascade.queue_retention('q')");
}

async function held(queue: QueueFixture, consumer: string): Promise<Held | undefined> {
  return (await retention(queue)).find(({ consumer_name: name }) => name === consumer);
}

async function writeMany(queue: QueueFixture, count: number): Promise<void> {
  await queue.value(
    "cardinality(pgcascade.insert_events('q', array_fill('t'::text, array[$1::int]), null))",
    [count],
  );
  await queue.tick();
}

/** Switches to the next event table, as maintenance does when the period is over; false when a consumer is in the way. */
async function rotate(queue: QueueFixture): Promise<boolean> {
  const table = () => queue.value<number>('(select queue_cur_table from pgq.queue)');
  const before = await table();
  await queue.rows(
    "update pgq.queue set queue_rotation_period = '0', queue_switch_time = now() - interval '1 day'",
  );
  await queue.rows("select pgq.maint_rotate_tables_step1('q')");
  await queue.rows('select pgq.maint_rotate_tables_step2()');
  await queue.tick();
  return (await table()) !== before;
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a consumer holds back what it has not read, and one that has read all holds nothing`, async () => {
    await using queue = await openUsedQueue(major);
    await queue.rows("select pgq.register_consumer('q', 'still')");
    await writeMany(queue, 300);
    await queue.readAll('c');
    const bytes = await queue.value<bigint>("pg_total_relation_size('pgq.event_1_0')::int8");
    expect(await held(queue, 'c')).toMatchObject({ pending_events: 0n, held_bytes: 0n, share: null });
    const still = await held(queue, 'still');
    expect(still).toMatchObject({ pending_events: 300n, share: null, is_system: false });
    // The whole of the first table, and what an empty one takes.
    expect(still?.held_bytes).toBeGreaterThanOrEqual(bytes);
    expect(still?.held_bytes).toBeLessThan(bytes * 2n);

    await writeMany(queue, 300);
    await queue.readBatch('still');
    const half = await held(queue, 'still');
    expect(half?.pending_events).toBe(300n);
    const whole = await queue.value<bigint>("pg_total_relation_size('pgq.event_1_0')::int8");
    expect(Number(half?.held_bytes) / Number(whole)).toBeGreaterThan(0.4);
    expect(Number(half?.held_bytes) / Number(whole)).toBeLessThan(0.8);
  });

  test(`PostgreSQL ${major}: rotation waits for a consumer exactly when it says so`, async () => {
    await using queue = await openUsedQueue(major);
    await queue.rows("select pgq.register_consumer('q', 'still')");
    await writeMany(queue, 10);
    await queue.readAll('c');
    expect(await held(queue, 'still')).toMatchObject({ holds_rotation: false });
    expect(await rotate(queue)).toBe(true);
    await queue.readAll('c');
    expect(await held(queue, 'c')).toMatchObject({ holds_rotation: false });
    expect(await held(queue, 'still')).toMatchObject({ holds_rotation: true });
    expect(await rotate(queue)).toBe(false);
    await queue.readAll('still');
    expect(await rotate(queue)).toBe(true);
  });

  test(`PostgreSQL ${major}: the share is of the nearest limit, and a budget without limits is none`, async () => {
    await using queue = await openUsedQueue(major);
    await writeMany(queue, 100);
    await queue.rows("select pgcascade.set_queue_budget('q', 200, 1000000000)");
    expect(await held(queue, 'c')).toMatchObject({ share: 0.5 });
    await queue.rows("select pgcascade.set_queue_budget('q', null, 1, 'warn')");
    const byBytes = await held(queue, 'c');
    expect(byBytes?.share).toBe(Number(byBytes?.held_bytes));
    await queue.rows("select pgcascade.set_queue_budget('q', null, null)");
    expect(await held(queue, 'c')).toMatchObject({ share: null });
    expect(await queue.rows('select * from pgcascade.queue_budget')).toEqual([]);
  });

  test(`PostgreSQL ${major}: a budget of nothing, an unknown action and an unknown queue are refused`, async () => {
    await using queue = await openUsedQueue(major);
    for (const [args, message] of [
      ["'q', 0, null", /queue_budget_limit_check/],
      ["'q', null, -1", /queue_budget_limit_check/],
      ["'q', 1, null, 'explode'", /queue_budget_action_check/],
      ["'x', 1, null", /^Queue "x" does not exist\.$/],
    ] as const) {
      expect(await queue.error(`pgcascade.set_queue_budget(${args})`)).toMatch(message);
    }
    expect(await queue.rows("select * from pgcascade.queue_retention('x')")).toEqual([]);
  });

  test(`PostgreSQL ${major}: only a consumer over a budget that drops is dropped, and its loss is recorded`, async () => {
    await using queue = await openUsedQueue(major);
    const drop = (consumer: string) =>
      queue.value<boolean>("pgcascade.drop_over_budget('q', $1)", [consumer]);
    await queue.rows("select pgq.register_consumer('q', 'still'), pgq.register_consumer('q', '.mark')");
    const start = await queue.value<bigint>("(select last_tick from pgq.get_consumer_info('q', 'still'))");
    await writeMany(queue, 100);
    await queue.readAll('c');

    expect(await drop('still')).toBe(false);
    await queue.rows("select pgcascade.set_queue_budget('q', 99, null, 'warn')");
    expect(await drop('still')).toBe(false);
    await queue.rows("select pgcascade.set_queue_budget('q', 100, null, 'drop')");
    expect(await drop('still')).toBe(false);
    await queue.rows("select pgcascade.set_queue_budget('q', 99, null, 'drop')");
    expect(await drop('c')).toBe(false);
    expect(await drop('.mark')).toBe(false);
    expect(await drop('nobody')).toBe(false);
    expect(await drop('still')).toBe(true);
    expect(await drop('still')).toBe(false);

    expect((await retention(queue)).map((row) => row.consumer_name)).toEqual(['.mark', 'c']);
    expect(await queue.rows('select * from pgcascade.dropped_consumer')).toMatchObject([
      {
        queue_name: 'q',
        consumer_name: 'still',
        node_name: null,
        last_tick: start,
        pending_events: 100n,
        reason: expect.stringMatching(/^It held back 100 events \(.*\); the budget is 99 events\.$/),
      },
    ]);
    expect(await queue.value("pgcascade.forget_dropped_consumer('q', 'still')")).toBe(true);
    expect(await queue.value("pgcascade.forget_dropped_consumer('q', 'still')")).toBe(false);
  });

  test(`PostgreSQL ${major}: ids that no event has make nobody lose events`, async () => {
    await using queue = await openUsedQueue(major);
    await queue.rows("select pgcascade.set_queue_budget('q', 50, null, 'drop')");
    await writeMany(queue, 50);
    await queue.rows("select pgq.force_tick('q')");
    await queue.tick();
    expect((await held(queue, 'c'))?.share).toBeGreaterThan(1);
    expect(await queue.value("pgcascade.drop_over_budget('q', 'c')")).toBe(false);
    await writeMany(queue, 1);
    expect(await queue.value("pgcascade.drop_over_budget('q', 'c')")).toBe(true);
  });

  test(`PostgreSQL ${major}: a consumer that finishes a batch just now is not dropped`, async () => {
    await using queue = await openUsedQueue(major);
    await queue.rows("select pgcascade.set_queue_budget('q', 5, null, 'drop')");
    await writeMany(queue, 10);
    const reader = await queue.open();
    await reader.execute('begin');
    await reader.query("select pgq.finish_batch(pgq.next_batch('q', 'c'))");
    expect(await queue.value("pgcascade.drop_over_budget('q', 'c')")).toBe(false);
    await reader.execute('commit');
    expect(await queue.value("pgcascade.drop_over_budget('q', 'c')")).toBe(false);
    expect(await held(queue, 'c')).toMatchObject({ pending_events: 0n });
  });

  test(`PostgreSQL ${major}: a reader sees what is held back, and only an administrator sets a budget or drops`, async () => {
    await using queue = await openUsedQueue(major);
    await queue.rows('set session authorization pgq_reader');
    expect(await retention(queue)).toHaveLength(1);
    expect(await queue.rows('select * from pgcascade.dropped_consumer')).toEqual([]);
    expect(await queue.value("pgcascade.forget_dropped_consumer('q', 'c')")).toBe(false);
    for (const call of ["set_queue_budget('q', 1, null)", "drop_over_budget('q', 'c')"]) {
      expect(await queue.error(`pgcascade.${call}`)).toMatch(/^permission denied for function/);
    }
    await queue.rows('set session authorization default');
    await queue.rows('set session authorization pgq_writer');
    expect(await queue.error("pgcascade.queue_retention('q')::text")).toMatch(/^permission denied/);
    await queue.rows('set session authorization default');
    await queue.rows('set session authorization pgq_admin');
    await queue.rows("select pgcascade.set_queue_budget('q', 1, null)");
    expect(await queue.value("pgcascade.drop_over_budget('q', 'c')")).toBe(false);
  });
}
