import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProgramOutcome } from '../../src/demo/program.js';
import { type Chain, openChain } from '../support/chain.js';
import { Gate } from '../support/gate.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `create table public.large (id int primary key, v text);
  create table public.medium (id int primary key, v text);
  create table public.small (id int primary key, v text);`;
const ROWS = `insert into public.large select g, 'row ' || g from generate_series(1, 3000) as g;
  insert into public.medium select g, 'row ' || g from generate_series(1, 2000) as g;
  insert into public.small values (1, 'one'); analyze`;
/** A snapshot is old after this time, and what is not begun by then needs another one. */
const MAX_AGE_S = 0.1;

let chain: Chain;

beforeAll(async () => {
  chain = await openChain({ from: 16, to: 16, tables: TABLES, rows: ROWS });
});

afterAll(async () => {
  await chain?.[Symbol.asyncDispose]();
});

/** The sessions in which the worker holds a snapshot. */
async function holders(): Promise<string[]> {
  const rows = await chain.leaf.query<{ holder: string }>(
    `select application_name || ' ' || state as holder from pg_stat_activity
      where datname = current_database() and application_name = 'pgcascade/snapshot/leaf_worker' and state <> 'idle'`,
  );
  return rows.map(({ holder }) => holder);
}

/** Runs a compare, does that to its worker while it reads at a snapshot of the worker's, and then lets it read on. */
async function compareWhile(harm: () => Promise<void>): Promise<ProgramOutcome> {
  await using gate = await Gate.close(
    chain.leaf,
    'lock table public.large, public.medium in access exclusive mode',
  );
  const words = ['--jobs=1', '--timeout=5', '--set', `snapshot_max_age=${MAX_AGE_S}`];
  const compare = chain.leaf.runProgram('compare', ...words);
  await gate.isReached();
  expect(await holders()).toEqual(['pgcascade/snapshot/leaf_worker idle in transaction']);
  await harm();
  await sleep(2_000 * MAX_AGE_S);
  await gate.open();
  return compare;
}

/** What was read at the snapshot is known; what needed another one is not, and that is said. */
async function expectNotChecked({ exitCode, stdout, stderr }: ProgramOutcome): Promise<void> {
  expect(stdout).toContain('public.large: equal');
  expect(stdout).toContain('public.small: NOT CHECKED: The worker of this node did not move');
  expect(stdout.trim().split('\n').at(-1)).toMatch(/0 different, \d not checked \(.*public\.small\)$/);
  expect(stderr).toBe('');
  expect(exitCode).toBe(3);
  expect((await chain.leaf.run('status')).stdout).toMatch(/public\.small: not checked \(The worker/);
}

async function nothingIsLeft(): Promise<void> {
  await waitUntilSeen('no snapshot is held', holders, (found) => found.length === 0);
  await waitUntilSeen(
    'no request is left',
    () => chain.leaf.query('select request_id from pgcascade.snapshot_request'),
    (requests) => requests.length === 0,
  );
}

test('a worker is killed while it holds a snapshot for a compare: the snapshot is released, and the compare says what it could not check', async () => {
  const outcome = await compareWhile(async () => {
    await chain.leaf.killWorker();
    await waitUntilSeen('the snapshot is released', holders, (found) => found.length === 0);
  });
  await expectNotChecked(outcome);
  chain.leaf.startWorker();
  expect((await chain.leaf.mustProgram('compare')).stdout).toContain('all equal');
  await nothingIsLeft();
});

test('a worker is stopped while it holds a snapshot for a compare: the compare does not wait for ever, and the worker goes on when it may', async () => {
  try {
    await expectNotChecked(await compareWhile(async () => chain.leaf.worker?.signal('SIGSTOP')));
  } finally {
    chain.leaf.worker?.signal('SIGCONT');
  }
  await nothingIsLeft();
  await chain.root.query("insert into public.small values (2, 'two')");
  expect((await chain.leaf.mustProgram('compare')).stdout).toContain('all equal');
});

test('SIGTERM to a worker that holds a snapshot for a compare: it ends with 0 and releases it, and the compare goes on with the next worker', async () => {
  const outcome = await compareWhile(async () => {
    expect((await chain.leaf.stopWorker())?.exitCode).toBe(0);
    expect(await holders()).toEqual([]);
    chain.leaf.startWorker();
  });
  expect(outcome, outcome.stderr).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/3 tables compared at ticks \d+ to \d+: all equal/),
  });
  await nothingIsLeft();
});
