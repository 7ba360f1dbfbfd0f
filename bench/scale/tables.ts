import type { TestNode } from '../../test/support/test-node.js';
import { openTree } from '../../test/support/tree.js';
import { peakMegabytes, treeCpuMs } from '../process-cpu.js';
import { duration, Findings, serverOf } from './findings.js';

const CHUNK = 500;
const PATIENCE_MS = 1_200_000;
const SETTINGS = {
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  // A transaction that writes to all tables, and one that locks them.
  max_locks_per_transaction: '2048',
};

/** A set of many small tables: what adding, a batch, a look of the ticker and a command cost. */
export async function manyTables(count: number): Promise<void> {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
    ownServers: true,
    settings: SETTINGS,
  });
  const [root, leaf] = tree.nodes as [TestNode, TestNode];
  for (const node of [root, leaf]) await createTables(node, count);
  for (let from = 0; from < count; from += CHUNK) {
    await root.query(
      eachTable(
        from,
        Math.min(count, from + CHUNK),
        'insert into %s select g, 0 from generate_series(1, 5) as g',
      ),
    );
  }
  const findings = new Findings(`${count} tables of five rows in one set`);
  const perTable = (ms: number) => `${(ms / count).toFixed(1)} ms a table`;
  await findings.timed('`add-table --all` on the root', () => root.must('add-table', '--all'), perTable);
  await findings.timed(
    '`add-table --all --wait-sync` on the leaf, with the copy',
    () => leaf.must('add-table', '--all', '--wait-sync'),
    perTable,
  );
  const worker = leaf.worker?.processId ?? 0;
  findings.note("memory of the leaf's worker, at most", `${peakMegabytes(worker)} MB`);
  for (const written of new Set([1, 100, 1_000, count].map((wanted) => Math.min(wanted, count)))) {
    const before = treeCpuMs(worker);
    await root.query(eachTable(0, written, 'update %s set v = v + 1'));
    await findings.timed(
      `a batch with five rows of each of ${written} tables, until the leaf has it`,
      () => tree.caughtUp(root, [leaf], PATIENCE_MS),
      () => `processor time of the worker ${duration(treeCpuMs(worker) - before)}`,
    );
  }
  findings.note('memory of the worker then, at most', `${peakMegabytes(worker)} MB`);
  const processes = new Map([
    ["root's server", await serverOf(root)],
    ["leaf's server", await serverOf(leaf)],
    ['ticker', root.ticker?.processId ?? 0],
    ['worker', worker],
  ]);
  await findings.load('nobody writes, parts of a core', processes, 10);
  await root.query('create table public.none_of_them (id int)');
  await findings.load('the ten seconds after a CREATE TABLE on the root', processes, 10);
  for (const words of [['status'], ['tables'], ['compare', '--count-only'], ['check']]) {
    await findings.timed(`\`${words.join(' ')}\` on the leaf`, () => leaf.must(...words));
  }
}

async function createTables(node: TestNode, count: number): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) {
    await node.query(
      eachTable(from, Math.min(count, from + CHUNK), 'create table %s (id int primary key, v int)'),
    );
  }
}

/** Runs a statement on each of the tables, in one transaction. */
function eachTable(from: number, to: number, statement: string): string {
  return `do $$ begin for i in ${from} .. ${to - 1} loop
    execute format('${statement}', 'public.table_' || i); end loop; end $$`;
}
