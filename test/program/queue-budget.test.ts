import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installSchemas } from '../../src/install/install-schemas.js';
import { Consumer } from '../../src/queue/consumer.js';
import { openChain } from '../support/chain.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';
import { startTicker } from '../support/programs.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly consumer?: string;
  readonly percent?: number;
}

const HALF = 'Consumer holds back more than 50 % of the budget of its queue';
const MOST = 'Consumer holds back more than 80 % of the budget of its queue';
const OVER = /^Consumer is over the budget of its queue: start it/;
const DROPPED = /^Consumer was over the budget of its queue and has been dropped/;

describe('the ticker and two consumers, one of which stands still', () => {
  let folder: string;
  let database: FreshDatabase;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pgcascade-budget-'));
    database = await freshDatabase(15, 'budget');
    await using connection = await database.connect();
    await installSchemas(connection);
    await database.query("select pgq.create_queue('q')");
    await database.query(
      "update pgq.queue set queue_ticker_max_lag = '0', queue_ticker_idle_period = '0.1 s', queue_rotation_period = '0.1 s'",
    );
    await database.query("select pgq.ticker('q')");
    await database.query("select pgq.register_consumer('q', 'still'), pgq.register_consumer('q', 'brisk')");
    const lines = [
      '[ticker]',
      `base_connstr = ${database.cluster.conninfo('').replace('dbname= ', '')}`,
      `database_list = ${database.name}`,
      'logfile = ticker.log',
      'ticker_period = 0.05',
      'maint_period = 0.1',
      'check_period = 0.2',
      '',
    ];
    writeFileSync(join(folder, 'ticker.ini'), lines.join('\n'));
  });

  afterEach(async () => {
    await database[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the log says of budgets. */
  function said(): LogLine[] {
    const path = join(folder, 'ticker.log');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ msg }) => msg.includes('budget'));
  }

  async function saidSoFar(count: number): Promise<LogLine[]> {
    return waitUntilSeen(
      `the log has ${count} lines about the budget`,
      said,
      (lines) => lines.length >= count,
    );
  }

  async function write(count: number): Promise<void> {
    await database.query("select pgcascade.insert_events('q', array_fill('t'::text, array[$1::int]), null)", [
      count,
    ]);
    // The ticker would do it too, but a consumer that reads all now shall read these.
    await database.query("select pgq.ticker('q')");
  }

  async function pending(consumer: string): Promise<bigint | undefined> {
    const [row] = await database.query<{ pending: bigint }>(
      "select pending_events as pending from pgq.get_consumer_info('q', $1)",
      [consumer],
    );
    return row?.pending;
  }

  /** Reads all that is there, and waits for a maintenance cycle after it. */
  async function readAll(consumer: string): Promise<void> {
    await waitUntil(`${consumer} has read everything`, async () => {
      const [row] = await database.query<{ batch: bigint | null }>(
        "select pgq.next_batch('q', $1) as batch",
        [consumer],
      );
      if (row?.batch) await database.query('select pgq.finish_batch($1)', [row.batch]);
      return (await pending(consumer)) === 0n;
    });
  }

  /** Waits until the ticker has begun and ended a look that is wholly after this call. */
  async function twoLooks(): Promise<void> {
    const seen = new Set<string>();
    await waitUntil('maintenance has connected three times more', async () => {
      const rows = await database.query<{ start: string }>(
        "select backend_start::text as start from pg_stat_activity where application_name like '%ticker-maintenance%' and datname = current_database()",
      );
      for (const { start } of rows) seen.add(start);
      return seen.size >= 3;
    });
  }

  test('it warns at 50 and at 80 percent once each, at 100 as an error, and again after the consumer had gone on', async () => {
    await database.query("select pgcascade.set_queue_budget('q', 1000, null, 'warn')");
    await using _ticker = startTicker(['ticker.ini'], { folder });
    await write(400);
    await readAll('brisk');
    await twoLooks();
    expect(said()).toEqual([]);

    await write(200);
    await saidSoFar(1);
    await twoLooks();
    expect(said()).toMatchObject([{ level: 'warn', msg: HALF, consumer: 'still', queue: 'q' }]);
    await readAll('brisk');

    await write(300);
    await saidSoFar(2);
    await readAll('brisk');
    await write(300);
    await saidSoFar(3);
    await twoLooks();
    const stood = said();
    expect(stood.filter(({ consumer }) => consumer === 'still')).toMatchObject([
      { level: 'warn', msg: HALF },
      { level: 'warn', msg: MOST },
      { level: 'error', msg: expect.stringMatching(OVER) },
    ]);
    expect(stood.filter(({ consumer }) => consumer === 'brisk')).toEqual([]);

    await readAll('still');
    await twoLooks();
    await write(600);
    const again = await waitUntilSeen('it is said again', said, (lines) =>
      lines.slice(3).some(({ consumer }) => consumer === 'still'),
    );
    expect(again.filter(({ consumer }) => consumer === 'still').at(-1)).toMatchObject({ msg: HALF });
    expect(await pending('still')).toBeGreaterThan(0n);
  });

  test('with drop the one that is over the budget goes, the other stays, and the tables are rotated again', async () => {
    await database.query("select pgcascade.set_queue_budget('q', 1000, null, 'drop')");
    await using _ticker = startTicker(['ticker.ini'], { folder });
    const current = async () =>
      (await database.query<{ cur: number }>('select queue_cur_table as cur from pgq.queue'))[0]?.cur;
    const before = await waitUntilSeen('the first rotation', current, (cur) => cur !== undefined && cur > 0);
    await write(900);
    await readAll('brisk');
    await twoLooks();
    const stuck = await current();
    expect(
      (await database.query("select * from pgcascade.queue_retention('q') where holds_rotation")).length,
    ).toBe(1);

    await write(200);
    await waitUntil('it is dropped', () => said().some(({ msg }) => DROPPED.test(msg)));
    expect(said().filter(({ msg }) => DROPPED.test(msg))).toMatchObject([
      { level: 'error', consumer: 'still' },
    ]);
    expect(await pending('still')).toBeUndefined();
    expect(await pending('brisk')).toBeDefined();
    await waitUntil('the tables are rotated again', async () => {
      await readAll('brisk');
      return (await current()) !== stuck;
    });
    expect(before).toBeDefined();
    expect(
      await database.query('select consumer_name, pending_events from pgcascade.dropped_consumer'),
    ).toEqual([{ consumer_name: 'still', pending_events: 1100n }]);

    const settings = { conninfo: database.conninfo, queue: 'q', environment: process.env };
    const lost = new Consumer({ ...settings, name: 'still' });
    const refused = { code: 'PC606', message: expect.stringContaining('lost the events after tick') };
    await expect(lost.batches().next()).rejects.toMatchObject(refused);
    await expect(lost.register()).rejects.toMatchObject(refused);
    // Registered by other means, as a consumer in another language does at its start, it does not read on as if nothing had been.
    await database.query("select pgq.register_consumer('q', 'still')");
    await expect(lost.batches().next()).rejects.toMatchObject(refused);
    expect(await lost.register({ afterDrop: true })).toBe(false);
    const stop = new AbortController();
    await write(1);
    for await (const batch of lost.batches({ signal: stop.signal })) {
      if ((await batch.all()).length > 0) stop.abort();
    }
    expect(stop.signal.aborted).toBe(true);
  });

  test('a consumer that is dropped while it reads is told so', async () => {
    await database.query("select pgcascade.set_queue_budget('q', 10, null, 'drop')");
    const consumer = new Consumer({
      conninfo: database.conninfo,
      queue: 'q',
      name: 'still',
      environment: process.env,
      pollIntervalMs: 50,
    });
    await write(1);
    const reading = (async () => {
      for await (const _ of consumer.batches()) {
        await write(20);
        const [row] = await database.query<{ dropped: boolean }>(
          "select pgcascade.drop_over_budget('q', 'still') as dropped",
        );
        expect(row?.dropped).toBe(true);
      }
    })();
    // The batch that it had open is closed by the drop.
    await expect(reading).rejects.toMatchObject({ code: 'PC606' });
  });
});

test('a leaf over the budget is dropped; its worker and status say what to do, and resync --all brings it back', async () => {
  await using chain = await openChain({
    from: 15,
    to: 15,
    tables: 'create table t (id int primary key, v text)',
    rows: "insert into t select i, 'old' from generate_series(1, 50) as i",
  });
  const { root, leaf } = chain;
  await leaf.mustProgram('pause');
  await root.mustProgram('budget', '--max-events=1000', '--on-exceed=drop');
  expect((await root.mustProgram('status')).stdout).toMatch(/Held back by leaf_worker: .* % of the budget/);
  for (let id = 51; id <= 2050; id += 100) {
    await root.query("insert into t select i, 'new' from generate_series($1::int, $1::int + 99) as i", [id]);
  }
  await waitUntil('the leaf is dropped', async () => {
    const rows = await root.query("select from pgcascade.dropped_consumer where node_name = 'leaf'");
    return rows.length === 1;
  });
  const consumers = await root.query<{ consumer_name: string; pending_events: bigint }>(
    'select consumer_name, pending_events from pgq.get_consumer_info()',
  );
  expect(consumers.map((row) => row.consumer_name)).toEqual(['.global_watermark']);
  // It has moved on with the drop: nothing holds back what the leaf did not read.
  expect(consumers[0]?.pending_events).toBeLessThan(1000n);
  expect((await root.mustProgram('status')).stdout).toMatch(
    /ERROR: leaf_worker was dropped at .* needs a resync/,
  );

  // The worker that runs, and one that is started, do not go on as if nothing had been.
  await leaf.runProgram('resume');
  expect((await leaf.worker?.ended)?.exitCode).toBe(3);
  const refused = await leaf.startWorker().ended;
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toMatch(/"leaf_worker" of queue "app" .* was dropped at .*resync --all/s);
  expect((await leaf.mustProgram('status')).stdout).toMatch(
    /leaf \(leaf\)[\s\S]*ERROR: leaf_worker: Consumer "leaf_worker" .* was dropped/,
  );
  expect(await root.query('select from pgq.get_consumer_info()')).toHaveLength(1);

  await root.mustProgram('budget', '--max-events=none');
  expect((await leaf.mustProgram('resync', '--all')).stdout).toContain('it is registered anew');
  leaf.startWorker();
  await leaf.mustProgram('wait-sync');
  await root.query("update t set v = 'after' where id = 1");
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect((await leaf.mustProgram('status')).stdout).not.toContain('ERROR');
});

test('a copy whose consumer was dropped parks its table, the others go on, and resync mends it', async () => {
  await using chain = await openChain({
    from: 15,
    to: 15,
    tables: 'create table t (id int primary key); create table u (id int primary key)',
  });
  const { root, leaf } = chain;
  await leaf.stopWorker();
  // As after a copy that has not caught up yet when the worker was stopped.
  const copyConsumer = 'leaf_worker.copy.public.t';
  await leaf.query(
    "update londiste.table_info set merge_state = 'catching-up' where table_name = 'public.t'",
  );
  await leaf.query(
    `select pgq_node.register_consumer('app', $1, 'root', last_tick_id - 1)
       from pgq_node.local_state where consumer_name = 'leaf_worker'`,
    [copyConsumer],
  );
  await root.query(
    `insert into pgcascade.dropped_consumer (queue_name, consumer_name, last_tick, pending_events, held_bytes, reason)
     values ('app', $1, 1, 100, 100, 'It held back too much.')`,
    [copyConsumer],
  );
  await root.query('insert into t values (1)');
  await root.query('insert into u values (1)');
  leaf.startWorker();
  await waitUntil('the table is parked', async () => {
    const [row] = await leaf.query<{ code: string }>(
      "select error_code as code from pgcascade.table_error where table_name = 'public.t'",
    );
    return row?.code === 'PC606';
  });
  await waitUntil('the other table goes on', async () => (await leaf.query('select from u')).length === 1);
  expect((await leaf.mustProgram('status')).stdout).toMatch(
    /ERROR: .*public\.t is parked: PC606 .* was dropped/,
  );

  await leaf.mustProgram('resync', 't');
  await leaf.mustProgram('wait-sync');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(await root.query('select from pgcascade.dropped_consumer')).toEqual([]);
});
