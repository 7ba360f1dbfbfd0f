import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import {
  exportSnapshot,
  importSnapshot,
  openTickSnapshot,
  TICK_LOCK_CLASS,
} from '../../../src/copy/tick-snapshot.js';
import type { Connection } from '../../../src/db/connection.js';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { type FreshDatabase, freshDatabase } from '../../support/cluster.js';
import { waitUntil } from '../../support/wait-until.js';

const MAJORS = [10, 18] as const;
const QUEUE = 'q';

interface Root {
  readonly database: FreshDatabase;
  readonly session: Connection;
  open(): Promise<Connection>;
}

const roots = new Map<number, Promise<Root>>();
const sessions: Connection[] = [];

async function openRoot(major: number): Promise<Root> {
  const database = await freshDatabase(major, 'tick');
  const open = async () => {
    const session = await database.connect();
    sessions.push(session);
    return session;
  };
  const session = await open();
  await installSchemas(session);
  await session.query('select pgq.create_queue($1)', [QUEUE]);
  await session.execute('create table public.t (i integer)');
  return { database, session, open };
}

/** The root that the tests of one version share. */
function shared(major: number): Promise<Root> {
  const opened = roots.get(major) ?? openRoot(major);
  roots.set(major, opened);
  return opened;
}

afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  for (const root of roots.values()) await (await root).database[Symbol.asyncDispose]();
});

test.each(MAJORS)(
  'every reader sees exactly what the tick sees, also one that comes later, on %i',
  async (major) => {
    const { session, open } = await shared(major);
    const [provider, first, second, later, writer] = await openSessions(open, 5);
    await session.execute('truncate public.t');
    // A transaction that is open when the tick is made belongs to the next batch.
    await writer.execute('begin; insert into public.t values (1)');
    const tick = await openTickSnapshot(provider, {
      queueName: QUEUE,
      readers: [first, second],
      beforeCommit: async (made) => {
        const { count } = await writer.one('select count(*) from pgq.tick where tick_id = $1', [made]);
        expect(count).toBe(0n);
        await writer.execute('commit');
      },
    });
    await session.execute('insert into public.t values (2)');
    await importSnapshot(later, await exportSnapshot(second));
    const { snapshot } = await session.one(
      'select tick_snapshot::text as snapshot from pgq.tick where tick_id = $1',
      [tick],
    );
    for (const reader of [first, second, later]) {
      expect(
        await reader.one('select count(*), txid_current_snapshot()::text as snapshot from public.t'),
      ).toEqual({
        count: 0n,
        snapshot,
      });
      await reader.execute('rollback');
    }
  },
);

test.each(MAJORS)(
  'under writers and a ticker the batches up to the tick are the rows of the readers, on %i',
  async (major) => {
    const { session, open } = await shared(major);
    const [provider, reader, ticker, consumer, ...writers] = await openSessions(open, 8);
    await session.execute('truncate public.t');
    await session.query("select pgq.set_queue_config($1, 'ticker_max_lag', '0 seconds')", [QUEUE]);
    await session.query('select pgq.register_consumer($1, $2)', [QUEUE, 'reader']);
    let isStopped = false;
    const write = async (writer: Connection) => {
      for (let i = 0; !isStopped; i++) {
        await writer.execute(`begin; insert into public.t values (1);
        select pgq.insert_event('${QUEUE}', 'I', '1'); ${i % 7 === 0 ? 'rollback' : 'commit'}`);
        await sleep(2);
      }
    };
    const tick = async () => {
      for (; !isStopped; await sleep(5)) await ticker.query('select pgq.ticker($1)', [QUEUE]);
    };
    const running = [...writers.map(write), tick()];
    try {
      let events = 0n;
      for (let round = 0; round < 15; round++) {
        const made = await openTickSnapshot(provider, { queueName: QUEUE, readers: [reader] });
        const { count } = await reader.one('select count(*) from public.t');
        await reader.execute('rollback');
        events += await consumeUpTo(consumer, made);
        expect(events).toBe(count);
      }
      const { disorder } = await session.one(
        `select count(*) as disorder
         from (select tick_snapshot as after, lag(tick_snapshot) over (order by tick_id) as before from pgq.tick) as t
        where txid_snapshot_xmax(after) < txid_snapshot_xmax(before) or txid_snapshot_xmin(after) < txid_snapshot_xmin(before)`,
      );
      expect(disorder).toBe(0n);
    } finally {
      isStopped = true;
      await Promise.all(running);
    }
  },
);

test('while the tick lock is held elsewhere no tick is made and the wait has an end', async () => {
  const { session, open } = await shared(18);
  const [provider, reader, holder] = await openSessions(open, 3);
  await holder.query('select pg_advisory_lock($1, queue_id) from pgq.queue', [TICK_LOCK_CLASS]);
  const before = await session.one('select count(*) from pgq.tick');
  await expect(
    openTickSnapshot(provider, { queueName: QUEUE, readers: [reader], deadlineMs: 200 }),
  ).rejects.toMatchObject({ code: 'PC208' });
  expect(await session.one('select count(*) from pgq.tick')).toEqual(before);
  await holder.query('select pg_advisory_unlock_all()');
  const tick = await openTickSnapshot(provider, { queueName: QUEUE, readers: [reader] });
  expect(tick).toBeGreaterThan(0n);
  await reader.execute('rollback');
});

test('when the work before the commit fails or hangs there is no tick, no lock and no reader in a transaction', async () => {
  const { session, open } = await shared(18);
  const [provider, reader] = await openSessions(open, 2);
  const before = await session.one('select count(*) from pgq.tick');
  const failing = async () => {
    throw new Error('cannot ask');
  };
  await expect(
    openTickSnapshot(provider, { queueName: QUEUE, readers: [reader], beforeCommit: failing }),
  ).rejects.toThrow('cannot ask');
  const hanging = () => new Promise<void>(() => undefined);
  await expect(
    openTickSnapshot(provider, {
      queueName: QUEUE,
      readers: [reader],
      beforeCommit: hanging,
      deadlineMs: 200,
    }),
  ).rejects.toMatchObject({ code: 'PC500' });
  expect(await session.one('select count(*) from pgq.tick')).toEqual(before);
  expect(
    await session.query(
      `select a.state from pg_stat_activity as a
        where a.datname = current_database() and a.state like 'idle in transaction%'
       union all
       select l.locktype from pg_locks as l where l.locktype = 'advisory' and l.pid <> pg_backend_pid()`,
    ),
  ).toEqual([]);
});

test('a client that vanishes with the tick lock does not stop the ticker for longer than its deadline', async () => {
  const { database, session, open } = await shared(18);
  const [provider, reader] = await openSessions(open, 2);
  const made = openTickSnapshot(provider, {
    queueName: QUEUE,
    readers: [reader],
    deadlineMs: 200,
    beforeCommit: async () => provider.destroy(),
  });
  await expect(made).rejects.toThrow();
  await waitUntil('the ticker makes ticks again', async () => {
    await session.query('select pgq.force_tick($1)', [QUEUE]);
    const [ticked] = await database.query<{ tick: bigint | null }>(`select pgq.ticker('${QUEUE}') as tick`);
    return ticked?.tick;
  });
});

test('a tick is refused outside of repeatable read, without the lock, and for a queue that is not there', async () => {
  const { open } = await shared(10);
  const [session] = await openSessions(open, 1);
  const insert = 'select pgcascade.insert_snapshot_tick($1)';
  await expect(session.query(insert, [QUEUE])).rejects.toMatchObject({ code: 'PC900' });
  await expect(
    session.transaction((tx) => tx.query(insert, [QUEUE]), 'begin isolation level repeatable read'),
  ).rejects.toMatchObject({ code: 'PC900', message: expect.stringContaining('lock') });
  await expect(openTickSnapshot(session, { queueName: 'none', readers: [] })).rejects.toMatchObject({
    code: 'PC302',
  });
});

test('a root that a takeover has closed names no snapshot', async () => {
  await using database = await freshDatabase(18, 'closed');
  await using provider = await database.connect();
  await using reader = await database.connect();
  await installSchemas(provider);
  await provider.query("select pgq_node.register_location('c', 'root', 'x', false)");
  await provider.query("select pgq_node.create_node('c', 'root', 'root', 'w', null, null, null)");
  await provider.query("select pgq_node.demote_root('c', 1, 'other')");
  await expect(openTickSnapshot(provider, { queueName: 'c', readers: [reader] })).rejects.toMatchObject({
    code: 'PC315',
  });
});

test('on a branch the completed tick names the snapshot, and no tick is added', async () => {
  await using database = await freshDatabase(18, 'branch');
  await using provider = await database.connect();
  await using reader = await database.connect();
  await installSchemas(provider);
  await provider.query(
    "select pgq_node.register_location('b', 'root', 'x', false), pgq_node.register_location('b', 'branch', 'y', false)",
  );
  await provider.query("select pgq_node.create_node('b', 'branch', 'branch', 'w', 'root', 5, null)");
  await provider.query("select pgq_node.set_consumer_completed('b', 'w', 77)");
  const before = await provider.one('select count(*) from pgq.tick');
  const tick = await openTickSnapshot(provider, {
    queueName: 'b',
    readers: [reader],
    beforeCommit: async () => {
      await database.query("select pgq_node.set_consumer_completed('b', 'w', 78)");
    },
  });
  expect(tick).toBe(77n);
  expect(await reader.one("select pgcascade.completed_tick('b') as tick")).toEqual({ tick: 77n });
  await reader.execute('rollback');
  expect(await provider.one('select count(*) from pgq.tick')).toEqual(before);
});

type FiveOrMore = [Connection, Connection, Connection, Connection, Connection, ...Connection[]];

async function openSessions(open: () => Promise<Connection>, count: number): Promise<FiveOrMore> {
  return (await Promise.all(Array.from({ length: count }, open))) as FiveOrMore;
}

/** Reads batches up to and with the one that ends at a tick; returns how many events they had. */
async function consumeUpTo(consumer: Connection, tick: bigint): Promise<bigint> {
  let events = 0n;
  for (;;) {
    const batch = await consumer.one<{ batch_id: bigint; cur_tick_id: bigint }>(
      "select * from pgq.next_batch_info($1, 'reader')",
      [QUEUE],
    );
    const { count } = await consumer.one<{ count: bigint }>('select count(*) from pgq.get_batch_events($1)', [
      batch.batch_id,
    ]);
    await consumer.query('select pgq.finish_batch($1)', [batch.batch_id]);
    events += count;
    if (batch.cur_tick_id === tick) return events;
  }
}

test('the last tick of a root comes after that of a copy which saw the queue open; a copy that comes later is told to wait', async () => {
  await using database = await freshDatabase(18, 'closing');
  await using provider = await database.connect();
  await using other = await database.connect();
  await installSchemas(provider);
  await provider.query("select pgq_node.register_location('c', 'root', 'x', false)");
  await provider.query("select pgq_node.create_node('c', 'root', 'root', 'w', null, null, null)");
  const insert = "select pgcascade.insert_snapshot_tick('c') as tick";
  await provider.query('select pg_advisory_lock(1885827445, queue_id) from pgq.queue');
  await provider.execute('begin isolation level repeatable read; select from pgq.queue');
  await other.query("select pgq_node.demote_root('c', 1, null)");
  const last = other.one<{ tick: bigint }>(
    "select last_tick as tick from pgq_node.demote_root('c', 2, null)",
  );
  await waitUntil('the last tick waits for the copy', async () => {
    const waiting = await database.query("select from pg_locks where locktype = 'advisory' and not granted");
    return waiting.length > 0;
  });
  const { tick } = await provider.one<{ tick: bigint }>(insert);
  await provider.execute('commit');
  await provider.query('select pg_advisory_unlock(1885827445, queue_id) from pgq.queue');
  expect((await last).tick).toBeGreaterThan(tick);

  await provider.query('select pg_advisory_lock(1885827445, queue_id) from pgq.queue');
  await provider.execute('begin isolation level repeatable read');
  await expect(provider.one(insert)).rejects.toMatchObject({ code: 'PC315' });
});
