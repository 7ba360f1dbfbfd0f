import type { Connection } from '../../src/db/connection.js';
import type { TestNode } from '../../test/support/test-node.js';
import { openTree } from '../../test/support/tree.js';
import { millisecondsOf } from '../rounds.js';
import { duration, Findings, serverOf } from './findings.js';

const SESSIONS = 8;
const EVENTS = 1_000;
const TICKS = 10;

/** Many consumers on one queue, each reading every batch: what one costs the server and the others. */
export async function manyConsumers(count: number): Promise<void> {
  await using tree = await openTree({ nodes: { root: { major: 15 } }, ownServers: true });
  const [root] = tree.nodes as [TestNode];
  const findings = new Findings(`${count} consumers on one queue, batches of ${EVENTS} events`);
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => root.application()));
  try {
    const [first] = sessions as [Connection, ...Connection[]];
    await first.query('select pgq.create_queue($1)', ['shared']);
    await findings.timed(
      'all registered',
      () =>
        first.query(
          "select pgq.register_consumer('shared', 'consumer ' || i) from generate_series(1, $1::int) as i",
          [count],
        ),
      (ms) => `${duration(ms / count)} each`,
    );
    for (const readers of [1, Math.ceil(count / 10), count]) {
      const ms = await readBatches(sessions, readers);
      findings.note(
        `a batch read by ${readers}, of ${SESSIONS} sessions`,
        `${duration(ms)} a batch, ${duration(ms / readers)} for each consumer`,
      );
      // The others are where the readers are, so that no batch of the next round is larger.
      await skipToEnd(first);
    }
    await findings.timed('a tick', () =>
      first.query("select pgq.force_tick('shared'), pgq.ticker('shared')"),
    );
    await findings.timed('`pgq.get_consumer_info()`', () =>
      first.query('select * from pgq.get_consumer_info()'),
    );
    await findings.timed('`status` of the node', () => root.must('status'));
    await findings.load(
      'all at rest, parts of a core',
      new Map([
        ['server', await serverOf(root)],
        ['ticker', root.ticker?.processId ?? 0],
      ]),
      10,
    );
  } finally {
    for (const session of sessions) await session.close();
  }
}

/** Milliseconds that so many consumers, shared out over the sessions, take for one batch on average. */
async function readBatches(sessions: readonly Connection[], readers: number): Promise<number> {
  const [first] = sessions as [Connection, ...Connection[]];
  let total = 0;
  for (let tick = 0; tick < TICKS; tick++) {
    await first.query(
      "select pgcascade.insert_events('shared', t.types, t.datas) from (select array_agg('I:id'::text), array_agg('id=' || i || '&note=some+text') from generate_series(1, $1::int) as i) as t(types, datas)",
      [EVENTS],
    );
    await first.query("select pgq.force_tick('shared'), pgq.ticker('shared')");
    total += await millisecondsOf(() =>
      Promise.all(
        sessions.map(async (session, at) => {
          for (let no = at + 1; no <= readers; no += sessions.length)
            await readAll(session, `consumer ${no}`);
        }),
      ),
    );
  }
  return total / TICKS;
}

async function readAll(session: Connection, consumer: string): Promise<void> {
  for (;;) {
    const { batch } = await session.one<{ batch: bigint | null }>(
      "select pgq.next_batch('shared', $1) as batch",
      [consumer],
    );
    if (batch === null) return;
    await session.query('select * from pgq.get_batch_events($1)', [batch]);
    await session.query('select pgq.finish_batch($1)', [batch]);
  }
}

async function skipToEnd(session: Connection): Promise<void> {
  await session.query(`update pgq.subscription as s set sub_last_tick = t.tick_id, sub_batch = null, sub_next_tick = null
    from pgq.queue as q cross join lateral (select max(tick_id) as tick_id from pgq.tick where tick_queue = q.queue_id) as t
   where q.queue_name = 'shared' and s.sub_queue = q.queue_id`);
}
