import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Chain, openChain } from '../support/chain.js';
import { GATED_LOCK, Gate, gated } from '../support/gate.js';
import { startReplicate } from '../support/programs.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';
import { LinkProxy } from './harness/link-proxy.js';

/** 10,000,000 is the full test. */
const LARGE_ROWS = Number(process.env['FAULT_LARGE_ROWS'] ?? 200_000);
const LARGE_MS = 60_000 + LARGE_ROWS / 5;

const TABLES = `
  create table public.wide (id int primary key, v text);
  create table public.log (v text);
  create table public.many (id bigint primary key, n int);`;
/** One transaction, of which the worker and the sockets hold a part only: the gate is in its middle. */
const WIDE_ROWS = 8_000;

let chain: Chain;
/** The worker's links to the root, and to its own database. */
let toRoot: LinkProxy;
let toOwn: LinkProxy;
let written = 0;

beforeAll(async () => {
  chain = await openChain({
    from: 14,
    to: 17,
    tables: TABLES,
    ini: ['max_block_rows = 200'],
    ownServers: true,
  });
  const { root, leaf } = chain;
  await leaf.stopWorker();
  await leaf.query(gated('public.wide', `new.id % ${WIDE_ROWS} = 400`));
  toRoot = await LinkProxy.open(root.cluster.port);
  toOwn = await LinkProxy.open(leaf.cluster.port);
  const through = (text: string, from: number, to: number) => text.replace(`port=${from}`, `port=${to}`);
  await leaf.query("update pgq_node.node_location set node_location = $1 where node_name = 'root'", [
    through(root.database.conninfo, root.cluster.port, toRoot.port),
  ]);
  const ini = await readFile(join(chain.folder, leaf.ini), 'utf8');
  await writeFile(join(chain.folder, 'linked.ini'), through(ini, leaf.cluster.port, toOwn.port));
});

afterAll(async () => {
  await chain?.leaf.killWorker();
  for (const link of [toRoot, toOwn]) await link?.[Symbol.asyncDispose]();
  await chain?.[Symbol.asyncDispose]();
});

function startLinked(...words: string[]) {
  chain.leaf.worker = startReplicate(['linked.ini', 'worker', ...words], { folder: chain.folder });
  return chain.leaf.worker;
}

/** Starts the worker, which stands in the middle of a batch when this returns. `width`: of the rows, in 32 bytes. */
async function standInBatch(width = 64): Promise<Gate> {
  await chain.root.query(
    `begin;
     insert into public.log values ('before');
     insert into public.wide select $1::int + g, repeat(md5(g::text), $3) from generate_series(1, $2::int) as g;
     insert into public.log values ('after');
     commit`
      .replace('$1', `${written}`)
      .replace('$2', `${WIDE_ROWS}`)
      .replace('$3', `${width}`),
  );
  written += WIDE_ROWS;
  await chain.root.query("select pgq.force_tick('app')");
  const gate = await Gate.close(chain.leaf, GATED_LOCK);
  startLinked();
  await gate.isReached();
  return gate;
}

const rowsHere = async () =>
  (
    await chain.leaf.query<{ wide: number; log: number }>(
      'select (select count(*) from public.wide)::int as wide, (select count(*) from public.log)::int as log',
    )
  )[0];

async function allIsHereOnce(): Promise<void> {
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(await rowsHere()).toEqual({ wide: written, log: (2 * written) / WIDE_ROWS });
  await waitUntilSeen(
    'status has no error',
    async () => (await chain.leaf.must('status')).stdout,
    (text) => !text.includes('ERROR'),
  );
}

/** As `pg_ctl stop -m immediate`: the server tells its clients and ends without a checkpoint. */
async function stopAtOnce(): Promise<void> {
  const { root } = chain;
  const [folder] = await root.query<{ path: string }>("select current_setting('data_directory') as path");
  const [postmaster = ''] = readFileSync(join(folder?.path ?? '', 'postmaster.pid'), 'utf8').split('\n');
  process.kill(Number(postmaster), 'SIGQUIT');
}

test('the provider is stopped at once in the middle of a batch and comes back: the same worker goes on, and every row is there once', async () => {
  const before = await rowsHere();
  const gate = await standInBatch();
  const worker = chain.leaf.worker;
  await stopAtOnce();
  await chain.root.cluster.restart();
  await gate.open();
  await allIsHereOnce();
  expect(before).toEqual({ wide: 0, log: 0 });
  expect(worker?.isRunning).toBe(true);
  expect((await worker?.stop())?.exitCode).toBe(0);
  expect(worker?.stderr).toMatch(/Worker interrupted/);
});

test('the link to the provider is half-open in the middle of a batch: nothing is half-applied, and it goes on when it has noticed the loss, or in another worker', async () => {
  const before = await rowsHere();
  const gate = await standInBatch();
  toRoot.become({ kind: 'silent', afterBytes: 0 });
  await gate.open();
  await waitUntil('the worker has applied what it had and waits for more', async () => {
    const [session] = await chain.leaf.query<{ waits: boolean }>(
      `select state = 'idle in transaction' and state_change < clock_timestamp() - interval '300 ms' as waits
         from pg_stat_activity where application_name = 'pgcascade/worker/leaf_worker'`,
    );
    return session?.waits;
  });
  expect(await rowsHere()).toEqual(before);
  // It asks in another session, which is silent too, and cuts this one long before TCP would.
  const worker = chain.leaf.worker;
  await waitUntil(
    'the worker has noticed',
    () => worker?.stderr.includes('No answer from the provider, the connection is cut'),
    { timeoutMs: 120_000 },
  );
  toRoot.become({ kind: 'open' });
  await allIsHereOnce();
  expect(worker?.isRunning).toBe(true);
  expect((await worker?.stop())?.exitCode).toBe(0);

  const another = await standInBatch();
  toRoot.become({ kind: 'silent', afterBytes: 0 });
  await another.open();
  expect(await chain.leaf.stopWorker()).toMatchObject({ exitCode: 0, signal: null });
  expect(await rowsHere()).toMatchObject({ wide: written - WIDE_ROWS });
  toRoot.become({ kind: 'open' });
  startLinked();
  await allIsHereOnce();
});

test("the link to the worker's own database is half-open: another worker is refused while the server has not noticed, which it does within a minute", async () => {
  await chain.leaf.stopWorker();
  const gate = await standInBatch(1);
  toOwn.become({ kind: 'silent', afterBytes: 0 });
  // The machine of the worker is gone, and its connections are not.
  await chain.leaf.killWorker();
  const refused = await chain.leaf.startWorker().ended;
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(
    /Another worker of consumer "leaf_worker" is connected .*server process \d+/,
  );
  expect((await chain.leaf.run('status')).stdout).not.toContain('no worker is running');
  expect(await rowsHere()).toMatchObject({ wide: written - WIDE_ROWS });

  // The server asks a client that says nothing whether it is there, and ends a session that does not answer.
  await using session = await chain.leaf.connect();
  const settings = await session.one<Record<string, string>>(
    `select current_setting('tcp_keepalives_idle')::int + current_setting('tcp_keepalives_interval')::int
            * current_setting('tcp_keepalives_count')::int as seconds`,
  );
  expect(settings['seconds']).toBeGreaterThan(0);
  expect(settings['seconds']).toBeLessThanOrEqual(60);
  toOwn.become({ kind: 'open' });
  await gate.open();
  startLinked();
  await allIsHereOnce();
});

test(`a worker that is killed inside a transaction of ${LARGE_ROWS} rows, between others, applies each row once`, {
  timeout: 120_000 + LARGE_MS,
}, async () => {
  const { root, leaf } = chain;
  await leaf.stopWorker();
  await root.query("insert into public.log values ('before')");
  await root.query(`begin;
    insert into public.many select g, 0 from generate_series(1, ${LARGE_ROWS}) as g;
    update public.many set n = n + 1 where id % 4 = 0;
    delete from public.many where id % 10 = 0;
    commit`);
  await root.query("insert into public.log values ('after'); select pgq.force_tick('app')");
  const block = LARGE_ROWS / 100;
  const doomed = startReplicate(['linked.ini', 'worker', '--set', `max_block_rows=${block}`], {
    folder: chain.folder,
    environment: { PGCASCADE_FAILPOINTS: 'worker-block-applied=exit@60' },
  });
  expect((await doomed.ended).signal).toBe('SIGKILL');
  expect(await leaf.query('select count(*)::int as rows from public.many')).toEqual([{ rows: 0 }]);
  startLinked('--set', `max_block_rows=${block}`);
  await chain.caughtUp(LARGE_MS);
  expect(await chain.differences()).toEqual([]);
  expect(await leaf.query('select count(*)::int as rows, sum(n)::int as updated from public.many')).toEqual([
    { rows: (LARGE_ROWS * 9) / 10, updated: LARGE_ROWS / 5 },
  ]);
});
