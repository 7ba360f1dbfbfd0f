import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES, BankClient } from '../support/bank.js';
import { type Chain, openChain } from '../support/chain.js';
import { startReplicate, startTicker } from '../support/programs.js';
import { seededRandom } from '../support/random.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

const TABLES = `${BANK_TABLES} create table public.note (id bigint generated always as identity primary key, v text)`;
const PIECES = 5;
const PIECE_ROWS = 4_000;

let chain: Chain;
let root: TestNode;
let leaf: TestNode;

beforeAll(async () => {
  chain = await openChain({
    from: 13,
    to: 15,
    tables: TABLES,
    rows: BANK_ROWS,
    // Rotation waits for the watermarks.
    ini: ['local_wm_publish_period = 0.5', 'global_wm_publish_period = 0.5'],
  });
  ({ root, leaf } = chain);
});

afterAll(async () => {
  await chain?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await root.ticker?.stop();
  root.ticker = startEagerTicker();
  if (leaf.worker?.isRunning !== true) leaf.startWorker();
});

/** A ticker that looks for what is to be rotated all the time. */
function startEagerTicker(...words: string[]) {
  return startTicker(['root.ticker.ini', '--set', 'maint_period=0.2', ...words], { folder: chain.folder });
}

async function rotateEvery(period: string): Promise<void> {
  await root.query("select pgq.set_queue_config('app', 'rotation_period', $1)", [period]);
}

/** All that is written with a time of the server, as if that had been another one. */
async function moveClockBy(interval: string): Promise<void> {
  await root.query(
    `begin;
     update pgq.tick set tick_time = tick_time - interval '${interval}';
     update pgq.queue set queue_switch_time = queue_switch_time - interval '${interval}';
     update pgq.subscription set sub_active = sub_active - interval '${interval}';
     commit`,
  );
}

async function newestTick(): Promise<bigint> {
  const [row] = await root.query<{ id: bigint }>('select max(tick_id) as id from pgq.tick');
  return row?.id ?? 0n;
}

async function ticksGoOn(): Promise<void> {
  const before = await newestTick();
  await waitUntilSeen('ticks go on', newestTick, (newest) => newest > before + 1n);
}

/** Waits for so many more switches to another event table. */
async function rotations(count: number): Promise<void> {
  let last = await currentTable();
  for (let seen = 0; seen < count; ) {
    const now = await waitUntilSeen('the tables are rotated', currentTable, (table) => table !== last);
    seen++;
    last = now;
  }
}

const currentTable = async () =>
  (await root.query<{ table: number }>('select queue_cur_table as table from pgq.queue'))[0]?.table;

/** Writes a note, and waits until it is on the leaf. No tick is forced: the ticker has to make it. */
async function noteArrives(v: string): Promise<void> {
  await root.query('insert into public.note (v) values ($1)', [v]);
  await waitUntilSeen(
    `the note "${v}" is on the leaf`,
    () => leaf.query('select id from public.note where v = $1', [v]),
    (rows) => rows.length === 1,
  );
}

async function allIsHere(): Promise<void> {
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(await leaf.query('select * from pgcascade.table_error')).toEqual([]);
}

test('the ticker stands still for an hour: status says what to do, nothing is lost, and one great batch follows', async () => {
  await noteArrives('before');
  await root.ticker?.stop();
  const last = await newestTick();
  for (let piece = 0; piece < PIECES; piece++) {
    await root.query("insert into public.log select now(), 'in the hour' from generate_series(1, $1::int)", [
      PIECE_ROWS,
    ]);
  }
  await moveClockBy('1 hour');
  for (const node of [root, leaf]) {
    const { exitCode, stdout } = await node.run('status');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('ERROR: no tick is made; is the ticker running?');
    expect(stdout).toMatch(/made 6\d min \d+ s ago, 2000\d new events/);
  }
  const waiting = await leaf.run('wait-root', '--timeout=1');
  expect(waiting).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('Start the ticker') });

  root.ticker = startEagerTicker();
  await noteArrives('after the hour');
  const [batch] = await root.query<{ events: bigint }>(
    `select max(events) as events
       from (select tick_event_seq - lag(tick_event_seq) over (order by tick_id) as events from pgq.tick where tick_id >= $1) as t`,
    [last],
  );
  expect(batch?.events).toBeGreaterThanOrEqual(BigInt(PIECES * PIECE_ROWS));
  await allIsHere();
  expect((await leaf.must('status')).stdout).not.toContain('ERROR');
});

test('the clock of the root jumps back by an hour: ticks, rotation and retention go on, and no time is negative', async () => {
  await rotateEvery('0.2 s');
  await rotations(1);
  await root.ticker?.stop();
  await moveClockBy('-1 hour');
  const { stdout } = await leaf.must('status', '--retention');
  expect(stdout).not.toMatch(/-\d/);

  root.ticker = startEagerTicker();
  await noteArrives('after the jump');
  await ticksGoOn();
  await noteArrives('at a tick of the time now');
  await waitUntilSeen(
    'no lag is negative',
    () =>
      root.query<{ least: boolean }>(
        `select least(min(c.lag), min(q.ticker_lag), min(c.last_seen)) >= interval '0' as least
           from pgq.get_queue_info() as q cross join pgq.get_consumer_info() as c`,
      ),
    ([row]) => row?.least === true,
  );
  await rotations(3);
  // Ticks of the time that has been taken back do not stay for ever.
  await waitUntilSeen(
    'the ticks of the future are gone',
    () => root.query("select tick_id from pgq.tick where tick_time > now() + interval '1 minute'"),
    (ticks) => ticks.length === 0,
  );
  await allIsHere();
  await rotateEvery('2 hours');
});

/** Ticks take their time, so that tickers meet; who makes one while another is being made is counted. */
const SLOW_TICKS = `
  create sequence public.overlaps minvalue 0 start 0;
  create function public.make_tick() returns trigger language plpgsql as $$ begin
    if exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep') then
      perform nextval('public.overlaps');
    end if;
    perform pg_sleep(0.03);
    return new;
  end $$;
  create trigger slow before insert on pgq.tick for each row execute procedure public.make_tick()`;

test('several tickers run on one database, and two are killed: ticks are made one at a time and in order, no event is lost or doubled', async () => {
  const others = [1, 2].map((no) => startEagerTicker('--set', `pidfile=ticker${no}.pid`));
  const client = new BankClient(root.cluster, root.database.name, seededRandom(3), 1n, { pauseMs: 5 });
  try {
    await waitUntilSeen(
      'three tickers are at work',
      () =>
        root.query(
          "select pid from pg_stat_activity where application_name = 'pgcascade/ticker' and datname = current_database()",
        ),
      (sessions) => sessions.length === 3,
    );
    await root.query(SLOW_TICKS);
    await ticksGoOn();
    const enough = client.acknowledged.length + 50;
    await waitUntil('the application has written', () => client.acknowledged.length > enough);
    for (const ticker of [root.ticker, others[0]]) {
      ticker?.signal('SIGKILL');
      await ticker?.ended;
    }
    await ticksGoOn();
  } finally {
    await client.stop();
    // What it leaves behind is not in the way of the next one.
    root.ticker = startEagerTicker();
    await ticksGoOn();
    for (const ticker of others) await ticker.stop();
    await root.query('drop trigger if exists slow on pgq.tick');
  }
  expect(await root.query('select is_called from public.overlaps')).toEqual([{ is_called: false }]);
  const disorder = await root.query(
    `select tick_id
       from (select tick_id, tick_event_seq as seq, lag(tick_event_seq) over w as last_seq,
                    txid_snapshot_xmax(tick_snapshot) as seen, lag(txid_snapshot_xmax(tick_snapshot)) over w as last_seen
               from pgq.tick window w as (order by tick_id)) as t
      where seq < last_seq or seen < last_seen`,
  );
  expect(disorder).toEqual([]);
  await allIsHere();
});

test('a second worker is started for a node: it is refused and says why, and the first goes on unharmed', async () => {
  const first = leaf.worker;
  const client = new BankClient(root.cluster, root.database.name, seededRandom(4), 1n << 40n, { pauseMs: 5 });
  try {
    const second = await startReplicate([leaf.ini, 'worker', '--set', 'pidfile=second.pid'], {
      folder: chain.folder,
    }).ended;
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toMatch(
      /Another worker of consumer "leaf_worker" is connected .*server process \d+/,
    );
    expect(second.stderr).toContain('only one may run');
    const samePidfile = await startReplicate([leaf.ini, 'worker'], { folder: chain.folder }).ended;
    expect(samePidfile.exitCode).toBe(1);
    expect(samePidfile.stderr).toMatch(/leaf\.pid runs already, process \d+/);
    await noteArrives('under a second worker');
  } finally {
    await client.stop();
  }
  await allIsHere();
  expect(leaf.worker).toBe(first);
  expect(first?.isRunning).toBe(true);
  expect(first?.stderr).not.toMatch(/interrupted|Ended by an error/);
  expect((await leaf.must('status')).stdout).not.toContain('ERROR');
});

test('a long transaction spans a rotation: what it wrote before, during and after is there, and no table is emptied that somebody has to read', async () => {
  await rotateEvery('0.1 s');
  await rotations(1);
  // The next one is possible, and comes when the transaction is there.
  await rotateEvery('1 hour');
  await waitUntilSeen(
    'the last rotation is complete',
    () =>
      root.query<{ complete: boolean }>('select queue_switch_step2 is not null as complete from pgq.queue'),
    ([row]) => row?.complete === true,
  );
  await using late = await root.application();
  await late.execute("begin; insert into public.note (v) values ('late, before')");
  await root.query("insert into public.note (v) values ('beside, before')");
  await rotateEvery('0.1 s');
  await rotations(1);
  await late.execute("insert into public.note (v) values ('late, during')");
  await noteArrives('beside, during');
  const open = await currentTable();
  // The leaf stays behind what the transaction is going to commit.
  await leaf.stopWorker();
  await late.execute("insert into public.note (v) values ('late, after'); commit");
  await root.query("insert into public.note (v) values ('beside, after')");
  await ticksGoOn();
  for (let round = 0; round < 5; round++) {
    await root.query("select pgq.maint_rotate_tables_step1('app')");
    await root.query('select pgq.maint_rotate_tables_step2()');
  }
  const [held] = await root.query(
    `select queue_cur_table as table, (select count(*)::int from pgq.event_1 where ev_data like '%late, %') as events from pgq.queue`,
  );
  expect(held).toEqual({ table: open, events: 3 });

  leaf.startWorker();
  await rotations(3);
  await allIsHere();
  expect(await leaf.query("select v from public.note where v like '%, %' order by id")).toEqual(
    ['late, before', 'beside, before', 'late, during', 'beside, during', 'late, after', 'beside, after'].map(
      (v) => ({ v }),
    ),
  );
  await waitUntilSeen(
    'the tables that nobody has to read are emptied',
    () => root.query("select ev_id from pgq.event_1 where ev_data like '%late, %'"),
    (events) => events.length === 0,
  );
});
