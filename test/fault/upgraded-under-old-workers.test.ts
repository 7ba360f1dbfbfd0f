import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Program } from '../../src/demo/program.js';
import { waitUntilCaughtUp } from '../support/caught-up.js';
import { freshDatabase } from '../support/cluster.js';
import { findDifferences } from '../support/differences.js';
import { expectExit } from '../support/programs.js';
import { TestNode } from '../support/test-node.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';
import { openOlderBuild } from './harness/older-build.js';

const TABLES = 'create table public.t (id int primary key, v text); create table public.log (v text)';

/** An application that is not to notice anything: its first failure ends it and is told. */
class Application implements AsyncDisposable {
  rounds = 0;
  #isStopping = false;
  readonly #running: Promise<void>;

  constructor(node: TestNode) {
    this.#running = this.#run(node);
    this.#running.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(node: TestNode): Promise<void> {
    await using session = await node.application();
    for (; !this.#isStopping; this.rounds++) {
      await session.execute(`begin; insert into public.t values (${this.rounds}, 'new');
        update public.t set v = v || '.' where id % 10 = ${this.rounds % 10};
        insert into public.log values ('round'); commit`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

test('our schema is upgraded while workers of the old version run and the application writes: nobody fails, and old and new programs say which of them fits', async () => {
  await using oldDatabase = await freshDatabase(14, 'old');
  await using newDatabase = await freshDatabase(18, 'new');
  await using older = await openOlderBuild();
  const folder = await mkdtemp(join(tmpdir(), 'pgcascade-upgrade-'));
  await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  const root = new TestNode('root', folder, oldDatabase);
  const leaf = new TestNode('leaf', folder, newDatabase);
  const programs: Program[] = [];
  await using _programs = {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(programs.map((program) => program.stop()));
      await Promise.all([root.stopPrograms(), leaf.stopPrograms()]);
    },
  };
  const startOld = (name: 'replicate' | 'ticker', ...words: string[]) => {
    const program = new Program(older.node, [older.program(name), ...words], { folder });
    programs.push(program);
    return program;
  };
  const runOld = async (...words: string[]) => expectExit(await startOld('replicate', ...words).ended);
  const caughtUp = () => waitUntilCaughtUp('app', root, [leaf]);
  const differences = async () => {
    await using left = await root.connect();
    await using right = await leaf.connect();
    return await findDifferences(left, right);
  };

  for (const node of [root, leaf]) {
    await node.query(TABLES);
    await node.writeIniFiles('app', []);
  }
  await runOld('root.ini', 'create-root', 'root', root.database.conninfo);
  const provider = `--provider=${root.database.conninfo}`;
  await runOld('leaf.ini', 'create-leaf', 'leaf', leaf.database.conninfo, provider);
  const workers = {
    root: startOld('replicate', 'root.ini', 'worker'),
    leaf: startOld('replicate', 'leaf.ini', 'worker'),
  };
  const ticker = startOld('ticker', 'root.ticker.ini');
  await runOld('root.ini', 'add-table', '--all');
  await runOld('leaf.ini', 'add-table', '--all', '--expect-sync');

  await using application = new Application(root);
  await waitUntil('rows come', async () => (await leaf.query('select from public.t')).length > 20);
  // What is too old for this version's worker is not touched by it, and the way out is named; one can look at it.
  const early = await leaf.runProgram('worker', '--set', 'pidfile=early.pid');
  expect(early.exitCode).toBe(4);
  expect(early.stderr).toMatch(/missing or too old \(pgcascade\).*Run "replicate INI install"/s);
  expect((await leaf.mustProgram('status')).stdout).toContain('leaf (leaf)');

  for (const node of [leaf, root]) {
    expect((await node.mustProgram('install')).stdout).toMatch(/Installed in .*: .*pgcascade/);
    expect((await node.mustProgram('install')).stdout).toContain('Nothing to do');
    const now = application.rounds;
    await waitUntilSeen(
      'the workers of the old version go on',
      async () => (await leaf.query<{ last: number }>('select max(id) as last from public.t'))[0]?.last ?? 0,
      (last) => last > now,
    );
  }
  for (const program of [workers.root, workers.leaf, ticker]) expect(program.isRunning).toBe(true);

  // It ends where it looks at the schemas, and not before what it has in hand is done.
  await leaf.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgcascade/worker/leaf_worker' and datname = current_database()",
  );
  const ended = await workers.leaf.ended;
  expect(ended.exitCode, ended.stderr).toBe(4);
  expect(ended.stderr).toMatch(/newer than this version of pgcascade.*use that version or a newer one/s);
  expect((await workers.root.stop()).exitCode).toBe(0);
  expect((await ticker.stop()).exitCode).toBe(0);

  root.startTicker();
  for (const node of [root, leaf]) node.startWorker();
  await leaf.must('resync', 't');
  await leaf.must('wait-sync');
  await application[Symbol.asyncDispose]();
  expect(application.rounds).toBeGreaterThan(20);
  await caughtUp();
  expect(await differences()).toEqual([]);
  await leaf.mustProgram('compare');
});
