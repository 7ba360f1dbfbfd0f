import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { runInProcess } from '../../support/in-process.js';
import { waitUntilSeen } from '../../support/wait-until.js';
import type { FaultTree } from './fault-tree.js';
import { newestTick } from './newest-tick.js';
import { type NodeName, REPLICAS } from './schedule.js';
import { WORKLOAD_TABLES } from './workload-tables.js';

const COMMAND_LIMIT_MS = 30_000;
/** Without any node's position moving. */
const STALL_LIMIT_MS = 60_000;
/** Of a run that has failed already. */
const SHORT_STALL_LIMIT_MS = 10_000;
const POLL_MS = 100;

/** Takes back what a schedule's commands have changed and waits until every node has all. No fault may be at work. Throws when it does not come to that. */
export async function settle(tree: FaultTree, hasFailed: () => boolean): Promise<void> {
  for (const link of tree.links.values()) link.become({ kind: 'open' });
  for (const [, program] of tree.programs) {
    program.signal('SIGCONT');
    program.start();
  }
  for (const name of REPLICAS) {
    if (await isPaused(tree, name)) await untilDone(tree, name, 'resume');
  }
  await bringRootBack(tree);
  if ((await providerOf(tree, 'leaf')) !== 'branch')
    await untilDone(tree, 'leaf', 'change-provider', 'branch');
  for (const name of REPLICAS) {
    const lacking = await lackingTables(tree, name);
    if (lacking.length === 0) continue;
    await untilDone(tree, name, 'add-table', ...lacking);
    // remove-table takes the sequences of its columns along.
    await untilDone(tree, name, 'add-seq', '--all');
  }
  await caughtUp(tree, hasFailed);
  const replicas = REPLICAS.map((name) => tree.node(name));
  await waitUntilSeen(
    'no table waits for its foreign keys',
    async () => {
      const found = await Promise.all(
        replicas.map((node) => node.query('select * from londiste.pending_fkeys')),
      );
      return found.flat();
    },
    (left) => left.length === 0,
  );
}

/** Lets the root of the beginning be the root again. A takeover that was left half done is finished first. */
async function bringRootBack(tree: FaultTree): Promise<void> {
  const isOpenRoot = async (name: NodeName) => (await tree.openRoot().catch(() => undefined)) === name;
  if (await isOpenRoot('root')) return;
  if (!(await isOpenRoot('branch'))) await untilDone(tree, 'branch', 'takeover', 'root');
  await untilDone(tree, 'root', 'takeover', 'branch');
}

/** Waits until every node has all that is committed on the root. However slow the machine is, it must go on: throws when it stands still. */
async function caughtUp(tree: FaultTree, hasFailed: () => boolean): Promise<void> {
  const wanted = await newestTick(tree, 'root', STALL_LIMIT_MS);
  let last = '';
  let movedAt = performance.now();
  for (;;) {
    const positions = await Promise.all(
      REPLICAS.map(async (name) => {
        const { tick, notReady, error } = await tree.node(name).position(tree.queue);
        return { name, tick, notReady, error };
      }),
    );
    if (positions.every(({ tick, notReady }) => tick !== null && tick >= wanted && notReady === null)) return;
    // Errors come and go while a worker tries in vain, and a node that has all goes on with watermarks.
    const now = positions
      .map(({ tick, notReady }) => `${tick !== null && tick < wanted ? tick : 'there'} ${notReady}`)
      .join();
    if (now !== last) movedAt = performance.now();
    last = now;
    const limitMs = hasFailed() ? SHORT_STALL_LIMIT_MS : STALL_LIMIT_MS;
    if (performance.now() - movedAt > limitMs)
      throw new Error(
        `Without any fault nothing moves for ${limitMs / 1000} s before tick ${wanted}: ${inspect(positions)}`,
      );
    await sleep(POLL_MS);
  }
}

/** Runs a command until its exit code is 0: what a fault has interrupted is finished by the same command. */
async function untilDone(tree: FaultTree, name: NodeName, verb: string, ...words: string[]): Promise<void> {
  const deadline = performance.now() + COMMAND_LIMIT_MS;
  for (;;) {
    const { exitCode, text } = await runInProcess(tree.node(name), verb, ...words);
    if (exitCode === 0) return;
    // A takeover is refused as long as a table is copied.
    if (performance.now() > deadline)
      throw new Error(
        `${name}: ${verb} ${words.join(' ')} still ends with ${exitCode} without any fault: ${text}`,
      );
    await sleep(500);
  }
}

export async function isPaused(tree: FaultTree, name: NodeName): Promise<boolean> {
  const rows = await tree
    .node(name)
    .query('select from pgq_node.local_state where queue_name = $1 and paused', [tree.queue]);
  return rows.length > 0;
}

async function providerOf(tree: FaultTree, name: NodeName): Promise<string | undefined> {
  const [row] = await tree
    .node(name)
    .query<{ provider_node: string }>('select provider_node from pgq_node.get_node_info($1)', [tree.queue]);
  return row?.provider_node;
}

async function lackingTables(tree: FaultTree, name: NodeName): Promise<string[]> {
  const there = await tree
    .node(name)
    .query<{ table_name: string }>(
      'select table_name from londiste.table_info where queue_name = $1 and local',
      [tree.queue],
    );
  const names = new Set(there.map(({ table_name }) => table_name));
  return WORKLOAD_TABLES.map((table) => `public.${table}`).filter((table) => !names.has(table));
}
