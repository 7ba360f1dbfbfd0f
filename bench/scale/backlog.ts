import type { Connection } from '../../src/db/connection.js';
import type { TestNode } from '../../test/support/test-node.js';
import { openTree } from '../../test/support/tree.js';
import { millisecondsOf } from '../rounds.js';
import { duration, Findings } from './findings.js';

const EVENTS_OF_A_TICK = 50_000;
const QUEUE = 'long';
const FILL = `select pgcascade.insert_events('${QUEUE}', t.types, t.datas, t.tables)
  from (select array_agg('I:id'::text), array_agg('id=' || i || '&note=some+text+of+a+row&at=2026-11-22+15%3a00%3a00'), array_agg('public.orders'::text)
          from generate_series(1, ${EVENTS_OF_A_TICK}) as i) as t(types, datas, tables)`;

/** A queue that a consumer has not read for long: what the others, the ticker and the consumer itself feel of it. */
export async function longBacklog(millions: number): Promise<void> {
  await using tree = await openTree({
    nodes: { root: { major: 15 } },
    ownServers: true,
    settings: { shared_buffers: '1GB', max_wal_size: '8GB', wal_level: 'minimal', max_wal_senders: '0' },
  });
  const [root] = tree.nodes as [TestNode];
  const ticks = Math.round((millions * 1_000_000) / EVENTS_OF_A_TICK);
  const findings = new Findings(
    `${millions} million events in a queue, ${ticks} ticks, one consumer that has read none`,
  );
  await using session = await root.application();
  await session.query('select pgq.create_queue($1)', [QUEUE]);
  await session.query("select pgq.register_consumer($1, 'asleep')", [QUEUE]);
  const perSecond = (ms: number) => `${Math.round((ticks * EVENTS_OF_A_TICK) / ms)},000 events/s`;
  await findings.timed(
    'written',
    async () => {
      for (let tick = 0; tick < ticks; tick++) {
        await session.query(FILL);
        await session.query('select pgq.force_tick($1), pgq.ticker($1)', [QUEUE]);
      }
    },
    perSecond,
  );
  const { size } = await session.one<{ size: string }>(
    `select pg_size_pretty(sum(pg_total_relation_size(inhrelid))) as size
       from pg_inherits where inhparent = (select queue_data_pfx from pgq.queue where queue_name = $1)::regclass`,
    [QUEUE],
  );
  findings.note('size of its tables with their indexes', size);
  await findings.timed('one more tick', () =>
    session.query('select pgq.force_tick($1), pgq.ticker($1)', [QUEUE]),
  );
  await session.query("select pgq.register_consumer($1, 'awake')", [QUEUE]);
  await session.query(FILL);
  await session.query('select pgq.force_tick($1), pgq.ticker($1)', [QUEUE]);
  await findings.timed(`a batch of ${EVENTS_OF_A_TICK} events of a consumer that is up to date`, () =>
    readBatch(session, 'awake'),
  );
  await findings.timed('the first batch of the one that has slept', () => readBatch(session, 'asleep'));
  await skip(session, 0.5);
  await findings.timed('one in the middle', () => readBatch(session, 'asleep'));
  await findings.timed('`status`', () => root.must('status'));
  await findings.timed('`pgq.get_queue_info()`', () => session.query('select * from pgq.get_queue_info()'));
  await skip(session, 1);
  let rounds = 0;
  const rotating = await millisecondsOf(async () => {
    // Step 2 comes in a transaction of its own; the table that holds it all is emptied when its turn has come.
    for (; rounds < 4; rounds++) {
      await session.query(
        "update pgq.queue set queue_rotation_period = '0', queue_switch_time = now() - interval '1 day' where queue_name = $1",
        [QUEUE],
      );
      await session.query('select pgq.maint_rotate_tables_step1($1)', [QUEUE]);
      await session.query('select pgq.maint_rotate_tables_step2()');
      await session.query('select pgq.force_tick($1), pgq.ticker($1)', [QUEUE]);
      await skip(session, 1);
    }
  });
  findings.note(`${rounds} rotations, after which it is empty`, `${duration(rotating)} together`);
  const left = await session.one<{ size: string }>(
    `select pg_size_pretty(sum(pg_total_relation_size(inhrelid))) as size
       from pg_inherits where inhparent = (select queue_data_pfx from pgq.queue where queue_name = $1)::regclass`,
    [QUEUE],
  );
  findings.note('size then', left.size);
}

/** Reads the consumer's next batch that has events to its end and finishes it. */
async function readBatch(session: Connection, consumer: string): Promise<void> {
  for (let events = 0n; events === 0n; ) {
    const { batch } = await session.one<{ batch: bigint | null }>('select pgq.next_batch($1, $2) as batch', [
      QUEUE,
      consumer,
    ]);
    if (batch === null) throw new Error(`There is no batch with events for ${consumer}.`);
    ({ events } = await session.one<{ events: bigint }>(
      'select count(*) as events from pgq.get_batch_events($1)',
      [batch],
    ));
    await session.query('select pgq.finish_batch($1)', [batch]);
  }
}

/** Puts all consumers so far into the queue: 0 its begin, 1 its end. */
async function skip(session: Connection, part: number): Promise<void> {
  await session.query(
    `update pgq.subscription as s set sub_last_tick = t.tick_id, sub_batch = null, sub_next_tick = null
       from pgq.queue as q
      cross join lateral (select percentile_disc($2::float8) within group (order by tick_id) as tick_id
                            from pgq.tick where tick_queue = q.queue_id) as t
      where q.queue_name = $1 and s.sub_queue = q.queue_id`,
    [QUEUE, part],
  );
}
