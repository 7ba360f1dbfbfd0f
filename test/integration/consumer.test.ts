import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { ReplicateError } from '../../src/errors/replicate-error.js';
import { Consumer, type ConsumerOptions } from '../../src/queue/consumer.js';
import type { ConsumerBatch, ConsumerEvent } from '../../src/queue/consumer-batch.js';
import { setFailpoints } from '../../src/runtime/failpoint.js';
import { makeTicks } from '../../src/ticker/make-ticks.js';
import { openQueue, type QueueFixture } from '../sql/pgq/queue-fixture.js';
import { waitUntil } from '../support/wait-until.js';

const MAJORS = [10, 18];
const NEVER = 3_600_000;

afterEach(() => setFailpoints(new Map()));

function consumerOf(queue: QueueFixture, options: Partial<ConsumerOptions> = {}): Consumer {
  return new Consumer({
    conninfo: queue.database.conninfo,
    queue: 'q',
    name: 'c',
    pollIntervalMs: 20,
    lockWaitMs: 5000,
    reconnectLimitMs: 50,
    ...options,
  });
}

/** A database with events a and b in one batch and c in a second one. */
async function openThreeEvents(major = 18): Promise<QueueFixture> {
  const queue = await openQueue(major, ['pgq', 'pgq_ext']);
  await queue.write('a');
  await queue.write('b');
  await queue.tick();
  await queue.write('c');
  await queue.tick();
  await queue.rows('create table public.written (data text)');
  return queue;
}

async function written(queue: QueueFixture): Promise<string[]> {
  const rows = await queue.rows<{ data: string }>('select data from public.written order by data');
  return rows.map((row) => row.data);
}

function dataOf(events: readonly ConsumerEvent[]): (string | null)[] {
  return events.map((event) => event.data);
}

async function writeInto(queue: QueueFixture, batch: ConsumerBatch): Promise<void> {
  for await (const event of batch.events()) {
    await queue.rows('insert into public.written values ($1)', [event.data]);
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ReplicateError) return error.code;
    throw error;
  }
  throw new Error('An error was expected.');
}

/** Cuts all connections of consumers to the database, as a server that is restarted. */
async function cutConnections(queue: QueueFixture): Promise<void> {
  await queue.rows(
    `select pg_terminate_backend(pid)
       from pg_stat_activity
      where datname = current_database() and application_name like 'pgcascade/consumer/%'`,
  );
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: events come as they were written, batch by batch, and a finished batch does not come again`, async () => {
    await using queue = await openQueue(major);
    await queue.rows("set timezone = 'Asia/Tokyo'");
    const consumer = consumerOf(queue, { name: 'other' });
    expect(await consumer.register()).toBe(true);
    expect(await consumer.register()).toBe(false);
    const before = Date.now();
    await queue.rows(
      "select pgq.insert_event('q', null, E'two\\nlines \\x01\\x02', '', 'e2', null, 'e4'), pgq.insert_event('q', 't', null)",
    );
    await queue.tick();
    await queue.write('next');
    await queue.tick();

    const seen: ConsumerEvent[][] = [];
    for await (const batch of consumer.batches()) {
      seen.push(await batch.all());
      if (seen.length === 2) {
        await batch.finish();
        break;
      }
    }
    expect(seen).toMatchObject([
      [
        {
          id: 1n,
          retryCount: 0,
          type: null,
          data: 'two\nlines \u0001\u0002',
          extra1: '',
          extra2: 'e2',
          extra3: null,
          extra4: 'e4',
        },
        { id: 2n, retryCount: 0, type: 't', data: null, extra1: null },
      ],
      [{ id: 3n, data: 'next' }],
    ]);
    const first = seen[0]?.[0] as ConsumerEvent;
    expect(first.txid).toBe(seen[0]?.[1]?.txid);
    expect(Math.abs(first.time.getTime() - before)).toBeLessThan(60_000);
    expect(await queue.readAll('other')).toEqual([]);
    expect(await consumer.unregister()).toBe(true);
    expect(await consumer.unregister()).toBe(false);
  });

  test(`PostgreSQL ${major}: a body that throws or breaks leaves the batch open, and it is offered again`, async () => {
    await using queue = await openThreeEvents(major);
    const consumer = consumerOf(queue);
    const seen: { id: bigint; data: (string | null)[] }[] = [];
    await expect(async () => {
      for await (const batch of consumer.batches()) {
        seen.push({ id: batch.id, data: dataOf(await batch.all()) });
        throw new Error('of the body');
      }
    }).rejects.toThrow('of the body');
    for await (const batch of consumer.batches()) {
      for await (const event of batch.events()) {
        seen.push({ id: batch.id, data: [event.data] });
        break;
      }
      break;
    }
    for await (const batch of consumer.batches()) {
      const data = dataOf(await batch.all());
      seen.push({ id: batch.id, data });
      if (data.includes('c')) break;
    }
    const first = seen[0]?.id as bigint;
    expect(seen).toEqual([
      { id: first, data: ['a', 'b'] },
      { id: first, data: ['a'] },
      { id: first, data: ['a', 'b'] },
      { id: expect.any(BigInt), data: ['c'] },
    ]);
  });

  test(`PostgreSQL ${major}: a retried event comes again, alone and counted`, async () => {
    await using queue = await openThreeEvents(major);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const batch of consumerOf(queue).batches({ signal: stop.signal })) {
      for await (const event of batch.events()) {
        seen.push(`${event.data}${event.retryCount}`);
        if (event.data === 'a' && event.retryCount < 2) {
          await batch.retry(event, 0);
          await batch.retry(event, 0);
        }
        if (event.retryCount === 2) stop.abort();
      }
      await queue.value('pgq.maint_retry_events()');
      await queue.tick();
    }
    expect(seen).toEqual(['a0', 'b0', 'c0', 'a1', 'a2']);
  });

  test(`PostgreSQL ${major}: a transaction and its batch are one: a consumer that dies around the commit writes every event once`, async () => {
    await using queue = await openThreeEvents(major);
    const consumer = consumerOf(queue);
    const write = async (batch: ConsumerBatch, whileWriting = async () => {}) =>
      batch.transaction(async (tx) => {
        for await (const event of batch.events()) {
          await tx.execute('insert into written values ($1)', [event.data]);
          await batch.retry(event, NEVER);
        }
        await whileWriting();
      });
    const attempt = async (whileWriting?: () => Promise<void>) => {
      for await (const batch of consumer.batches()) {
        await write(batch, whileWriting);
        return;
      }
    };
    expect(await codeOf(attempt(() => cutConnections(queue)))).toBe('PC203');
    setFailpoints(new Map([['consumer-before-commit', { kind: 'error' }]]));
    await expect(attempt()).rejects.toThrow('Failpoint');
    expect(await written(queue)).toEqual([]);
    expect(await queue.value('(select count(*) from pgq.retry_queue)')).toBe(0n);

    setFailpoints(new Map([['consumer-after-commit', { kind: 'error' }]]));
    await expect(attempt()).rejects.toThrow('Failpoint');
    expect(await written(queue)).toEqual(['a', 'b']);
    expect(await queue.value('(select count(*) from pgq.retry_queue)')).toBe(2n);
    setFailpoints(new Map());
    await attempt();
    expect(await written(queue)).toEqual(['a', 'b', 'c']);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(null);
  });
}

test('a body that ends after a transaction failed does not finish the batch', async () => {
  await using queue = await openThreeEvents();
  const consumer = consumerOf(queue);
  const swallow = async () => {
    for await (const batch of consumer.batches()) {
      await batch
        .transaction(async (tx) => {
          await tx.execute('insert into public.written values (1 / 0)');
        })
        .catch(() => undefined);
    }
  };
  await expect(swallow()).rejects.toThrow('division by zero');
  for await (const batch of consumer.batches()) {
    await batch.transaction(() => Promise.reject(new Error('first try'))).catch(() => undefined);
    await batch.transaction((tx) => tx.execute("insert into public.written values ('second try')"));
    expect(await codeOf(batch.all())).toBe('PC604');
    break;
  }
  expect(await written(queue)).toEqual(['second try']);
  expect(await queue.readAll()).toEqual(['c']);
});

test('another database gets every event once, whenever the consumer dies', async () => {
  await using queue = await openThreeEvents(18);
  await using target = await openQueue(10, ['pgq', 'pgq_ext']);
  await target.rows('create table public.written (data text)');
  const client = new pg.Client({ connectionString: target.database.url });
  await client.connect();
  const consumer = consumerOf(queue);
  let workCalls = 0;
  const attempt = async () => {
    for await (const batch of consumer.batches()) {
      return await batch.exactlyOnce(client, async (tx) => {
        workCalls++;
        for await (const event of batch.events()) {
          await tx.query('insert into written values ($1)', [event.data]);
        }
        return 'worked';
      });
    }
    throw new Error('A batch was expected.');
  };
  try {
    setFailpoints(new Map([['consumer-target-before-commit', { kind: 'error' }]]));
    await expect(attempt()).rejects.toThrow('Failpoint');
    expect(await written(target)).toEqual([]);

    setFailpoints(new Map([['consumer-target-after-commit', { kind: 'error' }]]));
    await expect(attempt()).rejects.toThrow('Failpoint');
    expect(await written(target)).toEqual(['a', 'b']);
    setFailpoints(new Map());
    expect(workCalls).toBe(2);
    expect(await attempt()).toBe(undefined);
    expect(workCalls).toBe(2);

    expect(await attempt()).toBe('worked');
    expect(await written(target)).toEqual(['a', 'b', 'c']);
    expect(await queue.value("pgq.next_batch('q', 'c')")).toBe(null);

    await queue.tick();
    await target.value("pgq_ext.set_last_tick('c', 'q', 1)");
    expect(await codeOf(attempt())).toBe('PC602');
    await target.rows('drop schema pgq_ext cascade');
    expect(await codeOf(attempt())).toBe('PC206');
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  } finally {
    await client.end();
  }
  const pool = new pg.Pool({ connectionString: target.database.url });
  for await (const batch of consumer.batches()) {
    expect(await codeOf(batch.exactlyOnce(pool, async () => undefined))).toBe('PC604');
    break;
  }
});

test('two processes under one name do not read at the same time, and a stand-by takes over', async () => {
  await using queue = await openThreeEvents();
  const stop = new AbortController();
  const seen: string[] = [];
  const read = async (name: string, consumer: Consumer) => {
    for await (const batch of consumer.batches({ signal: stop.signal })) {
      for await (const event of batch.events()) seen.push(`${name}: ${event.data}`);
      if (name === 'first') return;
      if (seen.at(-1) === 'second: c') stop.abort();
    }
  };
  let second: Promise<void> | undefined;
  for await (const batch of consumerOf(queue).batches()) {
    expect(await codeOf(read('refused', consumerOf(queue, { lockWaitMs: 0 })))).toBe('PC600');
    second = read('second', consumerOf(queue, { lockWaitMs: Number.POSITIVE_INFINITY }));
    await waitUntil('the stand-by is connected', async () =>
      queue.value(
        `(select count(*) > 1 from pg_stat_activity
           where datname = current_database() and application_name = 'pgcascade/consumer/c')`,
      ),
    );
    expect(seen).toEqual([]);
    expect(dataOf(await batch.all())).toEqual(['a', 'b']);
    await batch.finish();
    break;
  }
  await second;
  expect(seen).toEqual(['second: c']);
});

test('a consumer whose lock and batch were taken while it was cut off notices it', async () => {
  await using queue = await openThreeEvents();
  const first = consumerOf(queue, { lockWaitMs: 0 });
  const slow = async () => {
    for await (const batch of first.batches()) {
      await cutConnections(queue);
      for await (const taken of consumerOf(queue).batches()) {
        expect(taken.id).toBe(batch.id);
        await taken.finish();
        break;
      }
    }
  };
  expect(await codeOf(slow())).toBe('PC603');
  expect(await queue.readAll()).toEqual(['c']);
});

test('a lost connection is got back: between batches by batches, in the body by run', async () => {
  await using queue = await openThreeEvents();
  const stop = new AbortController();
  const lost: string[] = [];
  const consumer = consumerOf(queue, { onReconnect: (error) => lost.push((error as ReplicateError).code) });
  let calls = 0;
  let waiting = false;
  const running = consumer.run(
    async (batch) => {
      calls++;
      if (calls === 1) await batch.transaction(() => cutConnections(queue));
      const data = dataOf(await batch.all());
      await queue.rows('insert into public.written select unnest($1::text[])', [data]);
      if (data.includes('c')) waiting = true;
      if (data.includes('last')) stop.abort();
    },
    { signal: stop.signal },
  );
  await waitUntil('the second batch was processed', () => waiting);
  await cutConnections(queue);
  await queue.write('last');
  await queue.tick();
  await running;
  // The second cut may hit before or after the batch with c was finished; then it is offered again.
  expect([...new Set(await written(queue))]).toEqual(['a', 'b', 'c', 'last']);
  expect(lost.length).toBeGreaterThanOrEqual(2);
  expect(new Set(lost)).toEqual(new Set(['PC203']));
  expect(await queue.readAll()).toEqual([]);
});

test('the signal ends a loop that waits, and one that works after its batch', async () => {
  await using queue = await openThreeEvents();
  const consumer = consumerOf(queue, { pollIntervalMs: NEVER });
  const stop = new AbortController();
  for await (const batch of consumer.batches({ signal: stop.signal })) {
    stop.abort();
    expect(batch.signal.aborted).toBe(true);
    await writeInto(queue, batch);
  }
  expect(await written(queue)).toEqual(['a', 'b']);
  expect(await queue.readAll()).toEqual(['c']);

  const whileWaiting = new AbortController();
  const waiting = consumer.run(() => Promise.reject(new Error('no batch was expected')), {
    signal: whileWaiting.signal,
  });
  await waitUntil('the consumer waits', async () =>
    queue.value(
      `exists (select from pg_stat_activity
                where datname = current_database() and state = 'idle' and query like '%next_batch_custom%')`,
    ),
  );
  whileWaiting.abort();
  await waiting;
  for await (const _batch of consumer.batches({ signal: AbortSignal.abort() })) expect.unreachable();
});

test('a tick that the ticker announces wakes a consumer that would not look for an hour', async () => {
  await using queue = await openThreeEvents();
  await queue.readAll();
  const stop = new AbortController();
  const running = consumerOf(queue, { pollIntervalMs: NEVER }).run(
    async (batch) => {
      await writeInto(queue, batch);
      if ((await written(queue)).length > 0) stop.abort();
    },
    { signal: stop.signal },
  );
  await waitUntil('the consumer listens', async () =>
    queue.value(
      `exists (select from pg_stat_activity
                where datname = current_database() and state = 'idle' and query like '%next_batch_custom%')`,
    ),
  );
  await queue.write('new');
  await makeTicks(queue.session);
  await running;
  expect(await written(queue)).toEqual(['new']);
});

test('limits make one batch of several ticks', async () => {
  await using queue = await openThreeEvents();
  for await (const batch of consumerOf(queue, { minCount: 2 }).batches()) {
    expect(dataOf(await batch.all())).toEqual(['a', 'b', 'c']);
    break;
  }
});

test('a consumer that is not registered and a server that is not there are errors at once', async () => {
  await using queue = await openQueue(18);
  const read = async (consumer: Consumer) => {
    for await (const _batch of consumer.batches()) expect.unreachable();
  };
  expect(await codeOf(read(consumerOf(queue, { name: 'nobody' })))).toBe('PC601');
  expect(await codeOf(read(consumerOf(queue, { conninfo: 'host=127.0.0.1 port=1 dbname=x user=x' })))).toBe(
    'PC200',
  );
});

test('a batch of 108 MB is read in flat memory', async () => {
  await using queue = await openQueue(18);
  await queue.rows(`
    insert into pgq.event_1_0 (ev_id, ev_time, ev_type, ev_data)
    select g, now(), 't', repeat('payload ' || g % 10, 150) from generate_series(2, 80001) as g`);
  await queue.tick();
  let count = 0;
  let length = 0;
  let peak = 0;
  // What is left after a collection: garbage that waits for one says nothing.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const start = used();
  for await (const batch of consumerOf(queue).batches()) {
    for await (const event of batch.events()) {
      count++;
      length += event.data?.length ?? 0;
      if (count % 10_000 === 0) peak = Math.max(peak, used());
    }
    break;
  }
  expect(count).toBe(80_000);
  expect(length).toBeGreaterThan(100_000_000);
  // A third of the batch: what is held is one block and what the collector has not found yet.
  expect(peak - start).toBeLessThan(length / 3);
});
