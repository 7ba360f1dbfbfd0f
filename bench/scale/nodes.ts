import type { TestNode } from '../../test/support/test-node.js';
import { openTree, type TreeNodeOptions } from '../../test/support/tree.js';
import { ownCpuMs, peakMegabytes } from '../process-cpu.js';
import { median, millisecondsOf } from '../rounds.js';
import { duration, Findings, serverOf } from './findings.js';

const BRANCHES = 5;
const ROUNDS = 9;
const ROWS = 100_000;
const PATIENCE_MS = 600_000;

/** A tree of three levels on one machine: a root, five branches, and leaves below these. */
export async function manyNodes(count: number): Promise<void> {
  const nodes: Record<string, TreeNodeOptions> = { root: { major: 15 } };
  const branches = Math.min(BRANCHES, count - 1);
  for (let no = 0; no < branches; no++)
    nodes[`branch_${no}`] = { major: 15, provider: 'root', isBranch: true };
  for (let no = 0; no < count - 1 - branches; no++) {
    nodes[`leaf_${no}`] = { major: 15, provider: `branch_${no % branches}` };
  }
  const findings = new Findings(
    `${count} nodes on one machine, each with a server of its own: a root, ${branches} branches, ${count - 1 - branches} leaves below them`,
  );
  const set = await findings.timed(
    'set up, with one table in sync everywhere',
    () =>
      openTree({
        nodes,
        tables: 'create table public.t (id bigint primary key, note text)',
        ownServers: true,
      }),
    (ms) => `${duration(ms / count)} a node`,
  );
  await using tree = set;
  const [root, ...others] = tree.nodes as [TestNode, ...TestNode[]];
  const programs = tree.nodes
    .flatMap(({ worker, ticker }) => [worker?.processId ?? 0, ticker?.processId ?? 0])
    .filter((pid) => pid > 0);
  findings.note(
    `memory of the ${programs.length} programs, at most, together`,
    `${programs.reduce((sum, pid) => sum + peakMegabytes(pid), 0)} MB`,
  );
  const cpuOfPrograms = () => programs.reduce((sum, pid) => sum + ownCpuMs(pid), 0);
  const before = cpuOfPrograms();
  await findings.load(
    'nobody writes, part of a core',
    new Map([["the root's server", await serverOf(root)]]),
    20,
  );
  findings.note('and of all programs', `${((cpuOfPrograms() - before) / 200).toFixed(1)} %`);
  const last = others.at(-1) as TestNode;
  for (const node of [others[0] as TestNode, last]) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await oneRow(root, node));
    findings.note(
      `one row, from the commit on the root to ${node === last ? 'a leaf' : 'a branch'}, median of ${ROUNDS}`,
      duration(median(times)),
    );
  }
  await root.query(`insert into public.t select i, 'note ' || i from generate_series(1, ${ROWS}) as i`);
  await findings.timed(
    `${ROWS} rows of one statement, until all nodes have them`,
    () => tree.caughtUp(root, others, PATIENCE_MS),
    (ms) => `${Math.round((ROWS * others.length) / (ms / 1000))} rows/s written on all together`,
  );
  await findings.timed('`status`', () => root.must('status'));
  await findings.timed('`compare` on a leaf', () => last.must('compare'));
}

let lastId = 1_000_000_000;

async function oneRow(root: TestNode, node: TestNode): Promise<number> {
  await using writing = await root.application();
  await using reading = await node.application();
  const id = lastId++;
  return await millisecondsOf(async () => {
    await writing.query('insert into public.t values ($1, null)', [id]);
    for (;;) {
      const rows = await reading.query('select from public.t where id = $1', [id]);
      if (rows.length > 0) return;
    }
  });
}
