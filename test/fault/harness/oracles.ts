import { readdir } from 'node:fs/promises';
import { runInProcess } from '../../support/in-process.js';
import { waitUntilSeen } from '../../support/wait-until.js';
import type { FaultTree } from './fault-tree.js';
import { lookAtInvariants } from './invariants.js';
import { type NodeTraces, readHeld, readTraces, tracesChanged } from './left-behind.js';
import { NODE_NAMES, type NodeName, REPLICAS, type Replica } from './schedule.js';
import { sequencesBehind } from './sequences.js';

const CLEAN_LIMIT_MS = 20_000;

/**
 * What must hold when every node has caught up and its programs still run. Returns what does not. All rows are compared here; our
 * own `compare` has to come to the same on the node `compared`.
 */
export async function judgeRows(
  tree: FaultTree,
  acknowledged: readonly bigint[],
  compared: Replica,
): Promise<string[]> {
  const findings: string[] = [];
  for (const name of NODE_NAMES) {
    const marks = await tree.node(name).query<{ mark: bigint }>('select mark from public.ledger');
    const there = new Set(marks.map(({ mark }) => mark));
    const lost = acknowledged.filter((mark) => !there.has(mark));
    if (lost.length > 0)
      findings.push(`${name}: ${lost.length} acknowledged transactions are lost, the first is ${lost[0]}`);
    await using connection = await tree.node(name).connect();
    const { violations } = await lookAtInvariants(connection, tree.queue);
    findings.push(...violations.map((text) => `${name}, at the end: ${text}`));
  }
  // A root publishes where its sequences stand every two seconds.
  findings.push(...(await seenWithin('no sequence is behind its rows', () => readSequencesBehind(tree))));
  for (const name of REPLICAS) {
    const differences = await tree.tree.differences(tree.node('root'), tree.node(name));
    findings.push(...differences.map((line) => `${name} differs from root: ${line}`));
  }
  const { exitCode, text } = await runInProcess(tree.node(compared), 'compare');
  if (exitCode !== 0) findings.push(`${compared}: compare without any fault ended with ${exitCode}: ${text}`);
  findings.push(...(await doubledEvents(tree, 'root')), ...(await doubledEvents(tree, 'branch')));
  return findings;
}

/** What faults may have left behind, while the programs run: they have a while to take it away. Returns what is still there. */
export async function judgeTraces(tree: FaultTree, baseline: NodeTraces): Promise<string[]> {
  return seenWithin('nothing is left behind', async () => tracesChanged(baseline, await readTraces(tree)));
}

/** Ends all programs, in the ordinary way, and returns what they leave behind. */
export async function judgeEnd(tree: FaultTree): Promise<string[]> {
  const findings: string[] = [];
  await Promise.all(
    tree.programs.map(async ([name, program]) => {
      const outcome = await program.stop();
      if (outcome !== undefined && outcome.exitCode !== 0)
        findings.push(
          `${name} did not end with 0 when it was told to, but with ${outcome.exitCode ?? outcome.signal}: ${outcome.stderr.slice(-500)}`,
        );
    }),
  );
  findings.push(
    ...(await seenWithin('no session is left behind', async () => {
      const held = await readHeld(tree);
      return NODE_NAMES.flatMap((name) => held[name].map((line) => `${name}: ${line}`));
    })),
  );
  findings.push(
    ...(await seenWithin('no connection or pidfile is left behind', async () => {
      const files = await readdir(tree.tree.folder);
      const open = [...tree.links].filter(([, { connectionCount }]) => connectionCount > 0);
      return [
        ...files.filter((file) => file.endsWith('.pid')),
        ...open.map(([link]) => `a connection ${link}`),
      ];
    })),
  );
  return findings;
}

async function readSequencesBehind(tree: FaultTree): Promise<string[]> {
  const found: string[] = [];
  for (const name of NODE_NAMES) {
    await using connection = await tree.node(name).connect();
    found.push(...(await sequencesBehind(connection)).map((text) => `${name}: ${text}`));
  }
  return found;
}

async function seenWithin(what: string, look: () => Promise<string[]>): Promise<string[]> {
  let seen: string[] = [];
  try {
    await waitUntilSeen(
      what,
      async () => {
        seen = await look();
        return seen;
      },
      ({ length }) => length === 0,
      { timeoutMs: CLEAN_LIMIT_MS },
    );
    return [];
  } catch {
    // The findings say what was seen last.
    return seen.map((line) => `${what}, but: ${line}`);
  }
}

async function doubledEvents(tree: FaultTree, name: NodeName): Promise<string[]> {
  const [queue] = await tree
    .node(name)
    .query<{ prefix: string }>('select queue_data_pfx as prefix from pgq.queue where queue_name = $1', [
      tree.queue,
    ]);
  const tables = [0, 1, 2].map((no) => `select ev_id from only ${queue?.prefix}_${no}`).join(' union all ');
  const found = await tree
    .node(name)
    .query<{ id: bigint; n: bigint }>(
      `select ev_id as id, count(*) as n from (${tables}) as e group by ev_id having count(*) > 1 limit 3`,
    );
  return found.map(({ id, n }) => `${name}: event ${id} is there ${n} times`);
}
