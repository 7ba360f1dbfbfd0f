import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Output } from '../cli/output.js';
import { openConnection } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { DemoDaemons } from './demo-daemons.js';
import { DEMO_DATABASE, demoConninfo, demoFiles, writeDemoFiles } from './demo-files.js';
import { DemoSteps, StepFailed } from './demo-steps.js';
import { type EmbeddedServer, startEmbeddedServer } from './embedded-server.js';
import { SHOP_ROWS, SHOP_SCHEMA } from './shop-schema.js';
import { LAST_PRODUCT_WRITTEN, ShopWrites } from './shop-writes.js';

const OLD_MAJOR = 13;
const NEW_MAJOR = 18;
const STOP_DEADLINE_MS = 10_000;
const PROGRAMS = ['ticker', 'master', 'slave'];
const CHANGED_PRODUCT = LAST_PRODUCT_WRITTEN + 42;

export interface DemoOptions {
  readonly output: Output;
  readonly signal: AbortSignal;
  /** Keep ini files and logs, and say where they are. */
  readonly keep: boolean;
}

/** Everything that the demo has started and must end. */
interface Stage {
  readonly folder: string;
  readonly steps: DemoSteps;
  readonly daemons: DemoDaemons;
  readonly servers: EmbeddedServer[];
  readonly connections: Connection[];
  writes: ShopWrites | undefined;
}

/**
 * The whole job on two embedded servers: moves a live shop database from PostgreSQL 13 to 18 with the real programs.
 *
 * Returns true when every step held. In every case all that it started is stopped, and its folder removed unless `keep` is set.
 */
export async function runDemo({ output, signal, keep }: DemoOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'pgcascade-demo-'));
  const started = performance.now();
  const stage: Stage = {
    folder,
    steps: new DemoSteps(output, folder, signal),
    daemons: new DemoDaemons(folder),
    servers: [],
    connections: [],
    writes: undefined,
  };
  try {
    await play(stage, signal);
    printTimes(output, stage, (performance.now() - started) / 1000);
    return true;
  } catch (error) {
    printFailure(output, stage, signal, error);
    return false;
  } finally {
    await endAll(stage);
    if (keep) output.print(`Ini files and logs are in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
  }
}

async function play(stage: Stage, signal: AbortSignal): Promise<void> {
  const { steps } = stage;
  const [old, fresh] = await steps.step(`Start PostgreSQL ${OLD_MAJOR} and ${NEW_MAJOR}`, () =>
    startServers(stage, signal),
  );
  const oldConninfo = demoConninfo(old.port);
  const newConninfo = demoConninfo(fresh.port);
  const application = await steps.step(
    'Make the shop on the old server, its empty tables on the new one',
    () => makeShops(stage, old, fresh),
  );
  await steps.step('Write the ini files', async () => {
    const servers = { oldPort: old.port, newPort: fresh.port };
    await writeDemoFiles(stage.folder, servers);
    for (const [name, text] of Object.entries(demoFiles(servers))) {
      steps.shows(`cat ${name}`);
      steps.say(text.trimEnd());
    }
  });
  stage.writes = new ShopWrites(application);
  const pids = await steps.step(
    'Start the ticker and the root; the shop is being written to from now on',
    async () => {
      await steps.runs('ticker', ['-d', 'ticker.ini']);
      const ticker = stage.daemons.add('ticker.pid');
      await steps.runs('replicate', ['master.ini', 'create-root', 'master', oldConninfo]);
      await steps.runs('replicate', ['-d', 'master.ini', 'worker']);
      return { ticker, master: stage.daemons.add('master.pid') };
    },
  );
  const slave = await steps.step('Make the new server a leaf', async () => {
    await steps.runs('replicate', [
      'slave.ini',
      'create-leaf',
      'slave',
      newConninfo,
      `--provider=${oldConninfo}`,
    ]);
    await steps.runs('replicate', ['-d', 'slave.ini', 'worker']);
    return stage.daemons.add('slave.pid');
  });
  await steps.step('Add all tables and sequences', async () => {
    for (const ini of ['master.ini', 'slave.ini']) {
      await steps.runs('replicate', [ini, 'add-table', '--all']);
      await steps.runs('replicate', [ini, 'add-seq', '--all']);
    }
  });
  await steps.step('Wait for the copy', () => waitForSync(steps));
  await steps.step('Look at the status', () => steps.runs('replicate', ['slave.ini', 'status']));
  await steps.step('Compare while the shop is written to', () =>
    steps.runs('replicate', ['slave.ini', 'compare']),
  );
  await steps.step("Change a row on the new side behind replication's back", () =>
    changeBehind(stage, fresh),
  );
  await steps.step('Compare again: it must find the change', () =>
    steps.runs('replicate', ['slave.ini', 'compare'], { exitCode: 2, says: 'products' }),
  );
  await steps.step('Repair it: copy the table anew', async () => {
    await steps.runs('replicate', ['slave.ini', 'resync', 'products']);
    await waitForSync(steps);
  });
  await steps.step('Compare again: all is equal', () => steps.runs('replicate', ['slave.ini', 'compare']));
  await steps.step('Stop the shop and the programs', async () => {
    const counts = await stage.writes?.stop();
    steps.say(
      `The shop wrote ${counts?.transactions} transactions; the longest took ${counts?.longestMs} ms.`,
    );
    await stopDaemon(stage, 'replicate', ['-s', 'slave.ini', 'worker'], slave);
    await stopDaemon(stage, 'replicate', ['-s', 'master.ini', 'worker'], pids.master);
    await stopDaemon(stage, 'ticker', ['-s', 'ticker.ini'], pids.ticker);
  });
}

async function startServers(stage: Stage, signal: AbortSignal): Promise<[EmbeddedServer, EmbeddedServer]> {
  const both = await Promise.allSettled(
    [OLD_MAJOR, NEW_MAJOR].map((major) => startEmbeddedServer({ major })),
  );
  for (const result of both) if (result.status === 'fulfilled') stage.servers.push(result.value);
  for (const result of both) if (result.status === 'rejected') throw result.reason;
  signal.throwIfAborted();
  const [old, fresh] = stage.servers as [EmbeddedServer, EmbeddedServer];
  stage.steps.say(
    `PostgreSQL ${OLD_MAJOR} on port ${old.port}, PostgreSQL ${NEW_MAJOR} on port ${fresh.port}.`,
  );
  stage.steps.say('Both run with fsync off: what they hold is thrown away at the end.');
  return [old, fresh];
}

async function makeShops(stage: Stage, old: EmbeddedServer, fresh: EmbeddedServer): Promise<Connection> {
  for (const server of [old, fresh]) {
    const maintenance = await openApplication(stage, server, 'postgres');
    await maintenance.execute(`create database ${DEMO_DATABASE}`);
    await maintenance.close();
  }
  const newShop = await openApplication(stage, fresh, DEMO_DATABASE);
  await newShop.execute(SHOP_SCHEMA);
  const oldShop = await openApplication(stage, old, DEMO_DATABASE);
  await oldShop.execute(SHOP_SCHEMA);
  await oldShop.execute(SHOP_ROWS);
  await oldShop.execute('analyze');
  const counts = await oldShop.query<{ name: string; count: bigint }>(`
    select 'customers' as name, count(*) from customers union all select 'products', count(*) from products
    union all select 'orders', count(*) from orders union all select 'order_lines', count(*) from order_lines
    union all select 'audit_log', count(*) from audit_log union all select 'events', count(*) from events`);
  stage.steps.say(counts.map(({ name, count }) => `${name} ${count}`).join(', '));
  return oldShop;
}

/** A session as an application has it: nothing but the server's own settings. */
async function openApplication(stage: Stage, server: EmbeddedServer, database: string): Promise<Connection> {
  const parameters = { host: '127.0.0.1', port: server.port, database, user: 'postgres' };
  const connection = await openConnection(parameters, { application: 'demo' });
  stage.connections.push(connection);
  await connection.execute('reset all');
  return connection;
}

async function waitForSync(steps: DemoSteps): Promise<void> {
  await steps.runs('replicate', ['slave.ini', 'wait-sync'], { showsProgress: true });
}

async function changeBehind(stage: Stage, fresh: EmbeddedServer): Promise<void> {
  const { steps } = stage;
  const shop = await openApplication(stage, fresh, DEMO_DATABASE);
  const change = `update products set price = price + 1 where id = ${CHANGED_PRODUCT}`;
  const psql = `psql '${demoConninfo(fresh.port)}'`;
  steps.shows(`${psql} -c '${change}'`);
  const refusal = await shop.execute(change).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (refusal === undefined) throw new StepFailed('The new side took a write that is not replication.');
  steps.say(`ERROR: ${refusal}`);
  steps.shows(`${psql} -c 'set session_replication_role = replica' -c '${change}'`);
  await shop.execute('set session_replication_role = replica');
  const changed = await shop.execute(change);
  if (changed !== 1) throw new StepFailed(`The change by hand touched ${changed} rows.`);
  steps.say('UPDATE 1');
  await shop.close();
}

async function stopDaemon(
  stage: Stage,
  name: 'ticker' | 'replicate',
  words: readonly string[],
  processId: number,
): Promise<void> {
  await stage.steps.runs(name, words);
  if (await stage.daemons.hasEnded(processId, STOP_DEADLINE_MS)) return;
  throw new StepFailed(`"${name} ${words.join(' ')}" did not end process ${processId}.`);
}

function printTimes(output: Output, { steps }: Stage, seconds: number): void {
  const width = Math.max(...steps.times.map(({ title }) => title.length));
  output.print('');
  for (const { title, seconds: taken } of steps.times) {
    output.print(`${title.padEnd(width)}  ${taken.toFixed(1).padStart(6)} s`);
  }
  output.print(`${'Every step held'.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s`);
}

function printFailure(output: Output, { daemons }: Stage, signal: AbortSignal, error: unknown): void {
  output.print('');
  if (signal.aborted) {
    output.print('Stopped.');
    return;
  }
  output.print(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
  for (const logfile of PROGRAMS.map((name) => `${name}.log`)) {
    const lines = daemons.lastLines(logfile, 5);
    if (lines.length > 0) output.print(`Last lines of ${logfile}:`);
    for (const line of lines) output.print(`  ${line}`);
  }
}

async function endAll(stage: Stage): Promise<void> {
  // The failure that led here has been printed; one of the writes would be its consequence.
  await stage.writes?.stop().catch(() => undefined);
  stage.daemons.killAll(PROGRAMS.map((name) => `${name}.pid`));
  await Promise.all(stage.connections.map((connection) => connection.close()));
  await Promise.all(stage.servers.map((server) => server.stop()));
}
