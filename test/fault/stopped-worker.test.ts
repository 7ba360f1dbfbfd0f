import { expect, test } from 'vitest';
import { waitForUpstream } from '../../src/cascade/wait-position.js';
import { WORKER_LOCK_CLASS, workerLockText } from '../../src/cascade/worker-lock-key.js';
import { readWorkerSign } from '../../src/cascade/worker-sign.js';
import { CommandNode } from '../integration/command-node.js';
import type { FreshDatabase } from '../support/cluster.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const TABLES = `
  create table public.counted (id bigint generated always as identity primary key, v text);
  create table public.other (id int primary key)`;

const DONE = { exitCode: 0 };
const NO_WORKER = { exitCode: 3, code: 'PC306' };
/** On a slow machine the tick that is waited for may not have been made yet. */
const NO_WORKER_OR_TICK = { exitCode: 3, code: expect.stringMatching(/PC30[67]/) };
const NOT_YET = { code: expect.stringMatching(/PC314|PC307/) };
const LOCKED = { exitCode: 3, message: expect.stringContaining('A lock was not free within lock_timeout') };
/** Which one comes first depends on where the copy of a table stood. */
const NO_WORKER_OR_LOCKED = { exitCode: 3, code: expect.stringMatching(/PC306|PC208/) };
/** The worker may have been stopped in the middle of this table's copy. */
const ENDS = { exitCode: expect.any(Number) };

/** Node, command, and how it ends without a worker and with one that is stopped in the middle of a transaction. */
const COMMANDS: readonly [node: string, words: string, none: object, stuck: object][] = [
  ['leaf', 'pause', NO_WORKER, LOCKED],
  ['leaf', 'resume', NO_WORKER, LOCKED],
  ['leaf', 'wait-root', NO_WORKER_OR_TICK, NOT_YET],
  ['leaf', 'wait-provider', NO_WORKER_OR_TICK, NOT_YET],
  ['leaf', 'resync public.other', DONE, ENDS],
  ['leaf', 'wait-sync', NO_WORKER, { exitCode: 2, code: 'PC314' }],
  ['leaf', 'compare public.counted', NO_WORKER, NO_WORKER_OR_LOCKED],
  ['branch', 'takeover root', NO_WORKER_OR_TICK, NOT_YET],
  ['leaf', 'change-provider branch', DONE, LOCKED],
  ['leaf', 'change-provider root', DONE, DONE],
  ['leaf', 'status', DONE, DONE],
  ['leaf', 'node-status', DONE, DONE],
  ['leaf', 'members', DONE, DONE],
  ['root', 'tag-dead branch', DONE, DONE],
  ['root', 'tag-alive branch', DONE, DONE],
  ['root', 'rename-node leaf end', DONE, DONE],
  ['root', 'rename-node end leaf', DONE, DONE],
  ['leaf', 'remove-seq public.counted_id_seq', DONE, DONE],
  ['leaf', 'add-seq public.counted_id_seq', DONE, DONE],
  ['leaf', 'remove-table public.other', DONE, ENDS],
  ['leaf', 'add-table public.other', DONE, ENDS],
];

test('no command waits for ever for a worker that does not run, or was stopped with locks in its hands', {
  timeout: 240_000,
}, async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 15 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 15, provider: 'root' },
    },
    tables: TABLES,
  });
  const [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
  const replicas = [branch, leaf];
  await Promise.all(replicas.map((node) => node.stopWorker()));
  const here = (node: TestNode) =>
    new CommandNode(node.name, node.database as FreshDatabase, { lockTimeoutMs: 300 });
  const runAll = async (state: 'none' | 'stuck') => {
    await root.query("insert into public.counted (v) values ('more')");
    for (const [name, line, none, stuck] of COMMANDS) {
      const [verb, ...args] = line.split(' ') as [string, ...string[]];
      const outcome = await here(tree.node(name)).run(verb, args, {
        timeout: '1',
        jobs: '1',
        chunkRows: '1000',
        maxDifferences: '100',
      });
      expect(outcome, `${line}, ${state}`).toMatchObject(state === 'none' ? none : stuck);
    }
  };
  await runAll('none');
  expect((await root.run('status')).stdout).toContain('ERROR: no worker is running.');

  try {
    for (const node of replicas) {
      node.startWorker({ PGCASCADE_FAILPOINTS: 'worker-before-commit=sleep:600000' });
    }
    await root.query("insert into public.counted (v) values ('stuck')");
    for (const node of replicas) {
      await waitUntil(`${node.name} is in the middle of a transaction`, async () => {
        const rows = await node.query(
          `select from pg_locks l join pg_stat_activity a using (pid)
            where a.state = 'idle in transaction' and a.datname = current_database()
              and l.relation = 'pgq_node.local_state'::regclass and l.mode = 'RowExclusiveLock'`,
        );
        return rows.length > 0;
      });
      node.worker?.signal('SIGSTOP');
    }
    await runAll('stuck');
    expect(await here(root).run('drop-node', ['leaf'])).toMatchObject(LOCKED);
  } finally {
    await Promise.all(replicas.map((node) => node.killWorker()));
  }
  // What was refused half-way is finished when it runs again.
  await root.must('drop-node', 'leaf');
  branch.startWorker();
  await branch.must('takeover', 'root');
});

test('a worker that is connected and does nothing is seen, and not waited for', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
  });
  const [root, leaf] = tree.nodes as [TestNode, TestNode];
  await tree.caughtUp(root, [leaf]);
  await leaf.stopWorker();
  await using session = await leaf.connect();
  await using upstream = await root.connect();
  const worker = 'leaf_worker';
  expect(await readWorkerSign(session, 'app', worker)).toBe('none');
  await using silent = await leaf.connect();
  await silent.query('select pg_advisory_lock($1, hashtext($2))', [
    WORKER_LOCK_CLASS,
    workerLockText('app', worker),
  ]);
  expect(await readWorkerSign(session, 'app', worker)).toBe('alive');
  expect(await readWorkerSign(session, 'app', worker, 0)).toBe('silent');
  await silent.execute('begin');
  expect(await readWorkerSign(session, 'app', worker, 0)).toBe('silent');
  await silent.close();
  // No limit was given.
  const waiting = waitForUpstream(session, upstream, { queueName: 'app', silenceMs: 500 });
  await expect(waiting).rejects.toMatchObject({
    code: 'PC306',
    message: expect.stringContaining('no worker is running'),
  });
  await root.ticker?.stop();
  const blind = waitForUpstream(session, upstream, { queueName: 'app', silenceMs: 500 });
  await expect(blind).rejects.toMatchObject({ code: 'PC307' });
});
