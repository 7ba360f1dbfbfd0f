import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installSchemas } from '../../src/install/install-schemas.js';
import {
  type Cluster,
  type FreshDatabase,
  freshDatabase,
  sharedCluster,
  startCluster,
} from '../support/cluster.js';
import { expectExit, killDaemon, startTicker, ticker } from '../support/programs.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgcascade-ticker-'));
});

afterEach(() => {
  killDaemon(join(folder, 'ticker.pid'));
  rmSync(folder, { recursive: true, force: true });
});

/** Writes ticker.ini for the server; the logfile and the pidfile are relative. */
function writeIni(cluster: Cluster, lines: Readonly<Record<string, string>>, section = 'ticker'): void {
  const keys = {
    base_connstr: cluster.conninfo('').replace('dbname= ', ''),
    logfile: 'ticker.log',
    pidfile: '%(job_name)s.pid',
    ticker_period: '0.05',
    maint_period: '0.2',
    retry_period: '0.2',
    stats_period: '0.2',
    check_period: '0.2',
    ...lines,
  };
  const text = Object.entries(keys).map(([key, value]) => `${key} = ${value}`);
  writeFileSync(join(folder, 'ticker.ini'), [`[${section}]`, ...text, ''].join('\n'));
}

function run(...words: string[]) {
  return ticker(words, { folder });
}

function pid(): number {
  return Number(readFileSync(join(folder, 'ticker.pid'), 'utf8'));
}

function isThere(processId: number): boolean {
  return (
    existsSync(`/proc/${processId}`) && !readFileSync(`/proc/${processId}/stat`, 'utf8').includes(') Z ')
  );
}

function logMessages(name = 'ticker.log'): string[] {
  const path = join(folder, name);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as { msg: string }).msg);
}

/** An empty database with our schemas and one queue that ticks fast. */
async function queueDatabase(): Promise<FreshDatabase> {
  const database = await freshDatabase(15, 'ticker');
  await installQueue(database);
  return database;
}

async function installQueue(database: FreshDatabase): Promise<void> {
  await using connection = await database.connect();
  await installSchemas(connection);
  await database.query("select pgq.create_queue('q')");
  await database.query("update pgq.queue set queue_ticker_max_lag = '0', queue_ticker_idle_period = '0.1 s'");
}

async function lastTick(database: FreshDatabase): Promise<bigint> {
  const [row] = await database.query<{ last: bigint }>(
    'select coalesce(max(tick_id), 0) as last from pgq.tick',
  );
  return row?.last ?? 0n;
}

async function ticksGoOn(database: FreshDatabase): Promise<void> {
  const before = await lastTick(database);
  await waitUntilSeen(
    `ticks go on in ${database.name}`,
    () => lastTick(database),
    (last) => last > before + 1n,
  );
}

describe('in the background', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await sharedCluster(15);
    writeIni(cluster, { database_list: 'postgres' });
  });

  test('it runs when -d returns, and -s returns when it is gone', async () => {
    expectExit(await run('-d', 'ticker.ini'));
    const processId = pid();
    expect(isThere(processId)).toBe(true);
    expectExit(await run('ticker.ini', '-s'));
    expect(isThere(processId)).toBe(false);
    expect(existsSync(join(folder, 'ticker.pid'))).toBe(false);
    expect(logMessages()).toContain('Stopped');
    const again = await run('-s', 'ticker.ini');
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('No ticker runs') });
  });

  test('a second one is refused in one line that names the process', async () => {
    expectExit(await run('-d', 'ticker.ini'));
    for (const words of [['-d', 'ticker.ini'], ['ticker.ini']]) {
      const second = await run(...words);
      expect(second.exitCode).toBe(1);
      expect(second.stderr).toMatch(new RegExp(`^ticker: .* runs already, process ${pid()}\\. .*\n$`));
    }
    expectExit(await run('-k', 'ticker.ini'));
  });

  test('after kill -9 the pidfile is stale and the next one starts', async () => {
    expectExit(await run('-d', 'ticker.ini'));
    const killed = pid();
    process.kill(killed, 'SIGKILL');
    await waitUntil('the killed ticker is gone', () => !isThere(killed));
    expect(pid()).toBe(killed);
    expectExit(await run('-d', 'ticker.ini'));
    expect(pid()).not.toBe(killed);
    expectExit(await run('-s', 'ticker.ini'));
  });

  test('-r makes it open its logfile anew', async () => {
    expectExit(await run('-d', 'ticker.ini'));
    renameSync(join(folder, 'ticker.log'), join(folder, 'ticker.log.1'));
    expectExit(await run('-r', 'ticker.ini'));
    await waitUntil('the new logfile is written', () => logMessages().includes('Statistics'));
    expect(logMessages('ticker.log.1')).toContain('Started');
    expectExit(await run('-k', 'ticker.ini'));
  });

  test('-d returns with the error when a start check fails, and nothing stays behind', async () => {
    writeIni(cluster, { database_list: 'postgres, no_such_database' });
    const outcome = await run('-d', 'ticker.ini');
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stderr).toMatch(/^ticker: .*"no_such_database" does not exist.*\n$/);
    expect(existsSync(join(folder, 'ticker.pid'))).toBe(false);
  });

  test.each(['logfile', 'pidfile'])('-d without %s is refused', async (key) => {
    writeIni(cluster, { database_list: 'postgres', [key]: '' });
    const outcome = await run('-d', 'ticker.ini');
    expect(outcome).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`The key "${key}" is not set`),
    });
  });

  test('it starts while the server is down, with a warning that names the server', async () => {
    const warned = await run('-d', 'ticker.ini', '--set', 'base_connstr=host=127.0.0.1 port=1 user=x');
    expectExit(warned);
    expect(warned.stderr).toMatch(
      /^ticker: warning: Cannot connect to server 127\.0\.0\.1:1\/postgres .*\n$/,
    );
    expectExit(await run('-s', 'ticker.ini'));
  });
});

test('it ticks all databases of an ini file of pgqd, and runs maintenance and retry', async () => {
  await using first = await queueDatabase();
  await using second = await queueDatabase();
  writeIni(first.cluster, { database_list: `${first.name}, ${second.name}`, syslog: '0' }, 'pgqd');
  await first.query("select pgq.register_consumer('q', 'c')");
  await using program = startTicker(['ticker.ini'], { folder });
  await Promise.all([ticksGoOn(first), ticksGoOn(second)]);

  await first.query("select pgq.insert_event('q', 'type', 'data')");
  const batch = await waitUntil('the event is in a batch', async () => {
    const [row] = await first.query<{ batch: bigint | null }>("select pgq.next_batch('q', 'c') as batch");
    const events = await first.query<{ ev_id: bigint }>('select ev_id from pgq.get_batch_events($1)', [
      row?.batch,
    ]);
    if (events[0] !== undefined) return { id: row?.batch, event: events[0].ev_id };
    if (row?.batch) await first.query('select pgq.finish_batch($1)', [row.batch]);
    return undefined;
  });
  await first.query('select pgq.event_retry($1, $2, 0)', [batch.id, batch.event]);
  await first.query('select pgq.finish_batch($1)', [batch.id]);
  await waitUntil('the event is put back', async () => {
    const rows = await first.query('select 1 from pgq.retry_queue');
    return rows.length === 0;
  });
  await first.query(
    "update pgq.queue set queue_rotation_period = '0.1 s', queue_switch_time = now() - interval '1 h'",
  );
  await first.query("select pgq.unregister_consumer('q', 'c')");
  await waitUntil('the tables are rotated', async () => {
    const rows = await first.query('select 1 from pgq.queue where queue_cur_table > 0');
    return rows.length > 0;
  });

  program.signal('SIGINT');
  expect((await program.ended).exitCode).toBe(0);
});

test('a listener hears of a tick', async () => {
  await using database = await queueDatabase();
  writeIni(database.cluster, { database_list: database.name });
  await using listener = await database.connect();
  let heard = 0;
  await listener.listen('pgcascade_tick', () => heard++);
  await using _program = startTicker(['ticker.ini'], { folder });
  await waitUntil('a notification came', () => heard > 0);
});

test('databases that get their queues later, or are made later, are found', async () => {
  await using early = await freshDatabase(15, 'ticker');
  writeIni(early.cluster, { initial_database: 'postgres' });
  await using _program = startTicker(['ticker.ini'], { folder });
  await waitUntil('the ticker has looked', () => logMessages().includes('Database has nothing to tick'));
  await using late = await queueDatabase();
  await installQueue(early);
  await Promise.all([ticksGoOn(early), ticksGoOn(late)]);
});

test('ticks go on after the server was killed, and in other databases while one is gone', async () => {
  await using cluster = await startCluster(15);
  for (const name of ['one', 'two']) await cluster.createDatabase(name);
  const database = (name: string) =>
    ({
      name,
      connect: () => cluster.connect(name),
      query: (sql: string, values?: readonly unknown[]) => cluster.query(name, sql, values),
    }) as FreshDatabase;
  for (const name of ['one', 'two']) await installQueue(database(name));
  writeIni(cluster, { database_list: 'one, two' });
  await using _program = startTicker(['ticker.ini'], { folder });
  await ticksGoOn(database('one'));

  await cluster.kill();
  await waitUntil('the loss is logged', () => logMessages().includes('Ticks cannot be made'));
  await cluster.restart();
  await Promise.all([ticksGoOn(database('one')), ticksGoOn(database('two'))]);

  await cluster.query('postgres', 'alter database two allow_connections false');
  await cluster.query(
    'postgres',
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'two'",
  );
  await ticksGoOn(database('one'));
});
