import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePort } from '../../src/demo/free-port.js';
import type { ProgramOutcome } from '../../src/demo/program.js';
import { type Chain, openChain } from '../support/chain.js';
import { freshDatabase, startCluster } from '../support/cluster.js';
import { replicate, startReplicate, ticker } from '../support/programs.js';
import { waitUntil } from '../support/wait-until.js';

const TABLES =
  'create table t (id integer primary key); create table without_key (n integer); create table left_out (id integer primary key)';

let folder: string;
let chain: Chain;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pgcascade-bad-'));
  chain = await openChain({ from: 15, to: 15 });
  await chain.root.query(TABLES);
  await chain.leaf.query(TABLES);
});

afterAll(async () => {
  await chain?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes an ini file for `replicate` and returns its name. */
function ini(name: string, lines: Readonly<Record<string, string>>, section = 'replicate'): string {
  const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}`);
  writeFileSync(join(folder, name), [`[${section}]`, ...text, ''].join('\n'));
  return name;
}

function run(...words: string[]): Promise<ProgramOutcome> {
  return replicate(words, { folder });
}

/** One clear line on standard error with all that it must say, the exit code, and no stack trace. */
function expectOneLine(outcome: ProgramOutcome, exitCode: number, ...says: (string | RegExp)[]): void {
  const lines = outcome.stderr.split('\n').filter((line) => line.trim() !== '');
  expect(lines, outcome.stderr).toHaveLength(1);
  for (const text of says) expect(outcome.stderr).toMatch(text);
  expect(outcome.stderr + outcome.stdout).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(outcome.exitCode).toBe(exitCode);
}

test('a wrong ini key is named, with the nearest known one', async () => {
  const file = ini('key.ini', { db: chain.root.database.conninfo, queue_name: 'app', loop_dely: '1' });
  expectOneLine(await run(file, 'status'), 1, 'loop_dely', 'loop_delay');
});

test('a wrong key of the ticker is named, with the nearest known one', async () => {
  const file = ini('ticker-key.ini', { base_connstr: '', tickr_period: '1' }, 'ticker');
  expectOneLine(await ticker([file], { folder }), 1, 'tickr_period', 'ticker_period');
});

test('a key that must be there is named', async () => {
  expectOneLine(await run(ini('no-db.ini', { queue_name: 'app' }), 'status'), 1, /\bdb\b/);
});

test('a file without one of the known sections is refused', async () => {
  const file = ini('section.ini', { db: chain.root.database.conninfo, queue_name: 'app' }, 'replicator');
  expectOneLine(await run(file, 'status'), 1, 'replicate');
});

test('a missing file is named', async () => {
  expectOneLine(await run('nowhere.ini', 'status'), 1, 'nowhere.ini');
  expectOneLine(await ticker(['nowhere.ini'], { folder }), 1, 'nowhere.ini');
});

test('an unknown command is named', async () => {
  const file = ini('good.ini', { db: chain.root.database.conninfo, queue_name: 'app' });
  expectOneLine(await run(file, 'add-tabel'), 1, 'add-tabel');
});

test('an unknown option is named', async () => {
  const file = ini('good.ini', { db: chain.root.database.conninfo, queue_name: 'app' });
  expectOneLine(await run(file, 'status', '--compat'), 1, '--compat');
});

test('a connect string that cannot be read is refused', async () => {
  const file = ini('conninfo.ini', { db: 'host=127.0.0.1 port', queue_name: 'app' });
  expectOneLine(await run(file, 'status'), 1);
});

test('a server that is not there is named', async () => {
  const port = await findFreePort();
  const file = ini('down.ini', {
    db: `host=127.0.0.1 port=${port} dbname=x user=postgres`,
    queue_name: 'app',
  });
  expectOneLine(await run(file, 'status'), 3, `127.0.0.1:${port}`);
});

test('a server that never answers is given up after a stated time', async () => {
  const silent: Server = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = silent.address() as AddressInfo;
    const db = `host=127.0.0.1 port=${port} dbname=x user=postgres connect_timeout=2`;
    const outcome = await run(ini('silent.ini', { db, queue_name: 'app' }), 'status');
    expectOneLine(outcome, 3, `127.0.0.1:${port}`, /\b2 s/);
  } finally {
    silent.close();
  }
});

test('a wrong password is told without showing it', async () => {
  await using cluster = await startCluster(15);
  await cluster.query('postgres', "create role guarded login password 'right'");
  await cluster.query(
    'postgres',
    `copy (select unnest(array['host all guarded 127.0.0.1/32 md5', 'host all all 127.0.0.1/32 trust']))
       to program 'cat > pg_hba.conf'`,
  );
  await cluster.query('postgres', 'select pg_reload_conf()');
  const db = `${cluster.conninfo('postgres').replace('user=postgres', 'user=guarded')} password=wrongsecret`;
  const file = ini('password.ini', { db, queue_name: 'app' });
  await waitUntil('the server asks for passwords', async () =>
    (await run(file, 'status')).stderr.includes('guarded'),
  );
  const outcome = await run(file, 'status');
  expectOneLine(outcome, 1, `127.0.0.1:${cluster.port}`, 'guarded');
  expect(outcome.stderr).not.toContain('wrongsecret');
});

test('a database that is not there is named', async () => {
  const file = ini('database.ini', { db: chain.root.cluster.conninfo('nothing_here'), queue_name: 'app' });
  expectOneLine(await run(file, 'status'), 1, 'nothing_here');
});

test('a node name that exists is refused, and nothing is half-done', async () => {
  await using other = await freshDatabase(15);
  const file = ini('same-name.ini', { db: other.conninfo, queue_name: 'app' });
  const provider = `--provider=${chain.root.database.conninfo}`;
  expectOneLine(await run(file, 'create-leaf', 'leaf', other.conninfo, provider), 1, 'leaf');
  const [nodes] = await other.query<{ count: bigint }>(
    `select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'pgq_node' and c.relname = 'node_info'`,
  );
  if (nodes?.count === 1n) expect(await other.query('select node_name from pgq_node.node_info')).toEqual([]);
  const subscribers = await chain.root.query('select subscriber_node from pgq_node.subscriber_info');
  expect(subscribers).toEqual([{ subscriber_node: 'leaf' }]);
});

test('a second root in the same database is refused', async () => {
  const outcome = await chain.root.runProgram('create-root', 'root2', chain.root.database.conninfo);
  expectOneLine(outcome, 1, /root/);
});

test('a table that does not exist is named, and no other table is added', async () => {
  expectOneLine(await chain.root.runProgram('add-table', 't', 'not_there'), 1, 'not_there');
  expect(await chain.root.query('select table_name from londiste.table_info where local')).toEqual([]);
});

test('a table that the root does not have is refused on a leaf', async () => {
  expectOneLine(await chain.leaf.runProgram('add-table', 'left_out'), 1, 'left_out');
});

test('a sequence that does not exist is named', async () => {
  expectOneLine(await chain.root.runProgram('add-seq', 'no_such_seq'), 1, 'no_such_seq');
});

test('a second worker for the same node is refused, with the same pidfile and with another', async () => {
  const lines = { db: chain.leaf.database.conninfo, queue_name: 'app', job_name: 'leaf_worker' };
  expectOneLine(await chain.leaf.runProgram('worker'), 1, 'leaf.pid');
  const second = startReplicate([ini('second.ini', { ...lines, pidfile: 'second.pid' }), 'worker'], {
    folder,
  });
  const outcome = await second.ended;
  expect(outcome.exitCode).toBe(1);
  expect(outcome.stderr).toMatch(/worker/);
  expect(chain.leaf.worker?.isRunning).toBe(true);
});

test('a queue that is not there is named', async () => {
  await using other = await freshDatabase(15);
  const file = ini('no-queue.ini', { db: other.conninfo, queue_name: 'no_such_queue' });
  const provider = `--provider=${chain.root.database.conninfo}`;
  expectOneLine(await run(file, 'create-leaf', 'far', other.conninfo, provider), 1, 'no_such_queue');
});

test('a command on a database without a node is refused', async () => {
  await using other = await freshDatabase(15);
  const file = ini('no-node.ini', { db: other.conninfo, queue_name: 'app' });
  for (const command of ['status', 'tables', 'compare', 'wait-sync']) {
    expectOneLine(await run(file, command), 1, 'app');
  }
});

test('a stack trace is shown only with -v', async () => {
  const outcome = await run('-v', 'nowhere.ini', 'status');
  expect(outcome.exitCode).toBe(1);
  expect(outcome.stderr).toContain('nowhere.ini');
});
