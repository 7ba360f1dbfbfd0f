/**
 * What a branch pays for writing every event into its own queue: `npm run bench:branch [rounds]`. A branch and a leaf
 * of the same root, on one server, take up the same backlog one after the other; prints rows per second of both.
 */
import type { TestNode } from '../test/support/test-node.js';
import { openTree } from '../test/support/tree.js';
import { millisecondsOf, runContest } from './rounds.js';

const ROUNDS = Number(process.argv[2] ?? 3);
const TICKS = 20;
const ROWS_PER_TICK = 5_000;
const TABLES =
  'create table public.wide (id bigint primary key, a text, b timestamptz, n numeric, f boolean, note text)';

await using tree = await openTree({
  nodes: {
    root: { major: 15 },
    branch: { major: 15, provider: 'root', isBranch: true },
    leaf: { major: 15, provider: 'root' },
  },
  tables: TABLES,
});
const [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
await branch.stopWorker();
await leaf.stopWorker();
let first = 0;

/** Rows per second that a node takes up; each contest's two sides get the same backlog in turns. */
async function takeUp(node: TestNode): Promise<number> {
  await writeBacklog();
  node.startWorker();
  // The start of the process is not part of it, but the backlog is long.
  const ms = await millisecondsOf(() => tree.caughtUp(root, [node], 300_000));
  await node.stopWorker();
  const other = node === branch ? leaf : branch;
  other.startWorker();
  await tree.caughtUp(root, [other], 300_000);
  await other.stopWorker();
  return ((TICKS * ROWS_PER_TICK) / ms) * 1000;
}

async function writeBacklog(): Promise<void> {
  for (let tick = 0; tick < TICKS; tick++) {
    await root.query(
      `insert into public.wide
       select i, 'some text of row ' || i, now(), i * 1.5, true, repeat('note ', 30) from generate_series($1::int + 1, $1::int + $2) as i`,
      [first, ROWS_PER_TICK],
    );
    await root.query("select pgq.force_tick('app')");
    await root.query("select pgq.ticker('app')");
    first += ROWS_PER_TICK;
  }
}

const result = await runContest(
  { name: 'branch : leaf', unit: 'rows/s', bar: 0.75, ours: () => takeUp(branch), peer: () => takeUp(leaf) },
  ROUNDS,
);
process.stdout.write(
  `branch ${Math.round(result.ours)} rows/s, leaf ${Math.round(result.peer)} rows/s, ratio ${(result.ours / result.peer).toFixed(2)} (bar ${result.bar})\n`,
);
