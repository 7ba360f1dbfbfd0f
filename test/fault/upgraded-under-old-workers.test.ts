import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { expectExit } from '../support/programs.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntilSeen } from '../support/wait-until.js';
import { openNewerBuild } from './harness/newer-build.js';

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
  await using newer = await openNewerBuild();
  await using chain = await openChain({ from: 14, to: 18, tables: TABLES });
  const { root, leaf } = chain;
  const runNew = (...words: string[]) => newer.start('replicate', words, chain.folder).ended;
  await using application = new Application(root);
  /** Waits until what is written from now on has come. */
  const rowsCome = async () => {
    const now = application.rounds;
    await waitUntilSeen(
      'rows come',
      async () =>
        (await leaf.query<{ last: number | null }>('select max(id) as last from public.t'))[0]?.last ?? 0,
      (last) => last > now + 10,
    );
  };
  await rowsCome();

  // What is too old for a worker is not touched by it, and the way out is named; one can look at it.
  const early = await runNew('leaf.ini', 'worker', '--set', 'pidfile=early.pid');
  expect(early.exitCode).toBe(4);
  expect(early.stderr).toMatch(/missing or too old \(pgq, pgcascade\).*Run "replicate INI install"/s);
  expect(expectExit(await runNew('leaf.ini', 'status')).stdout).toContain('leaf (leaf)');

  for (const node of [leaf, root]) {
    expect(expectExit(await runNew(node.ini, 'install')).stdout).toMatch(/Installed in .*: .*pgcascade/);
    await rowsCome();
  }
  for (const program of [root.worker, leaf.worker, root.ticker]) expect(program?.isRunning).toBe(true);
  expect(leaf.worker?.stderr).not.toMatch(/interrupted/i);

  // It ends where it looks at the schemas: when it connects anew.
  await leaf.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgcascade/worker/leaf_worker' and datname = current_database()",
  );
  const ended = await leaf.worker?.ended;
  expect(ended?.exitCode, ended?.stderr).toBe(4);
  expect(ended?.stderr).toMatch(/newer than this version of pgcascade.*use that version or a newer one/s);
  expect((await leaf.runProgram('install')).exitCode).toBe(4);
  expect((await root.stopWorker())?.exitCode).toBe(0);
  expect((await root.ticker?.stop())?.exitCode).toBe(0);

  for (const node of [root, leaf]) node.worker = newer.start('replicate', [node.ini, 'worker'], chain.folder);
  root.ticker = newer.start('ticker', ['root.ticker.ini'], chain.folder);
  expectExit(await runNew('leaf.ini', 'resync', 't'));
  expectExit(await runNew('leaf.ini', 'wait-sync'));
  await application[Symbol.asyncDispose]();
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expectExit(await runNew('leaf.ini', 'compare'));
});
