/**
 * How long a compare takes: `npm run bench:compare [rounds] [millions of rows] [no-londiste] [narrowing]`. A table of 500,000 wide rows: the whole command,
 * beside `compare` of the stock Londiste, one plain query that counts and sums the hashes on one side, and two sequential scans with md5 on both
 * sides at once; all on PostgreSQL 15, in turns. Then what it costs to find the one row that differs in a table of 10 million, with
 * integer keys and with uuids: equal and different in turns, by the clock and by the processor time of both servers, which depends less
 * on what else the machine does.
 */
import { whyNoStockPackages } from '../test/support/stock-server.js';
import type { TestNode } from '../test/support/test-node.js';
import { openTree } from '../test/support/tree.js';
import { backendOf } from './backend-cpu.js';
import { wideTable } from './capture-tables.js';
import { parentOf, treeCpuMs } from './process-cpu.js';
import { median, millisecondsOf, visitInTurns } from './rounds.js';

const words = process.argv.slice(2);
const [ROUNDS = 3, MILLIONS = 10] = words.filter((word) => /^\d+$/.test(word)).map(Number);
const ONLY_NARROWING = words.includes('narrowing');
const WITH_LONDISTE = !ONLY_NARROWING && !words.includes('no-londiste') && whyNoStockPackages() === undefined;
const WIDE = wideTable(ONLY_NARROWING ? 1_000 : 500_000);
const SETTINGS = { fsync: 'on', shared_buffers: '1GB', max_wal_size: '16GB', checkpoint_timeout: '1h' };
const PLAIN = 'select count(*), sum(hashtext(t::text)) from public.wide as t';
const SCAN = 'select count(*), max(md5(t::text)) from public.wide as t';
const SAME_ROWS = `set session_replication_role = replica; insert into public.wide ${WIDE.source};
  insert into public.many select i, i % 1000, 'note ' || i from generate_series(1, ${MILLIONS * 1_000_000}) as i;
  insert into public.many_uuids select md5(id::text)::uuid, n, note from public.many; reset session_replication_role`;
const TABLES = `create table public.wide (${WIDE.columns}); create table public.many (id int primary key, n int, note text);
  create table public.many_uuids (id uuid primary key, n int, note text)`;

interface Side {
  readonly name: string;
  readonly leaf: TestNode;
  work(): Promise<unknown>;
}

await using ours = await openTree({
  nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
  ownServers: true,
  settings: SETTINGS,
});
const ends = ours.nodes as [TestNode, TestNode];
await fill(ends, SAME_ROWS);
for (const node of ends) await node.must('add-table', '--all', '--expect-sync');
const [root, leaf] = ends;

await using stock = WITH_LONDISTE
  ? await openTree({
      nodes: { root: { major: 15, isStock: true }, leaf: { major: 15, isStock: true, provider: 'root' } },
      settings: SETTINGS,
    })
  : undefined;
if (stock !== undefined) {
  const both = stock.nodes as [TestNode, TestNode];
  await fill(
    both,
    `set session_replication_role = replica; insert into public.wide ${WIDE.source}; reset session_replication_role`,
  );
  for (const node of both) await node.must('add-table', 'public.wide', '--expect-sync');
}

if (!ONLY_NARROWING) await showWideTable();
const servers = await Promise.all(ends.map(serverOf));
for (const table of ['public.many', 'public.many_uuids']) await showNarrowing(table);

/** The whole command beside what else does it. */
async function showWideTable(): Promise<void> {
  const sides: Side[] = [
    { name: 'ours', leaf, work: () => leaf.must('compare', 'public.wide') },
    { name: 'one plain query', leaf, work: () => root.query(PLAIN) },
    { name: 'two scans with md5', leaf, work: () => Promise.all([root.query(SCAN), leaf.query(SCAN)]) },
  ];
  if (stock !== undefined) {
    const stockLeaf = stock.node('leaf');
    sides.push({ name: 'londiste', leaf: stockLeaf, work: () => stockLeaf.must('compare', 'public.wide') });
  }
  const times = await visitInTurns(sides, ROUNDS, (side) => millisecondsOf(() => side.work()));
  const seconds = (side: Side) => median(times.get(side) ?? []) / 1000;
  const [own, ...others] = sides as [Side, ...Side[]];
  const bars: Readonly<Record<string, number>> = { 'two scans with md5': 1 / 0.7, londiste: 0.5 };
  const shares = others.map((side) => {
    const ratio = seconds(own) / seconds(side);
    const bar = bars[side.name];
    const verdict =
      bar === undefined ? '' : ` [bar at most ${bar.toFixed(2)}: ${ratio <= bar ? 'held' : 'MISSED'}]`;
    return `${side.name} ${seconds(side).toFixed(1)} s, ratio ${ratio.toFixed(2)}${verdict}`;
  });
  if (stock === undefined) shares.push('stock Londiste not measured');
  print(`500,000 wide rows: ours ${seconds(own).toFixed(1)} s, ${shares.join(', ')}`);
}

/** One row that differs, and an equal table, in turns. */
async function showNarrowing(table: string): Promise<void> {
  const kinds = ['equal', 'different'] as const;
  const measured = await visitInTurns(kinds, ROUNDS, async (kind) => {
    const row = Math.round(MILLIONS * 777_777);
    const n = kind === 'equal' ? row % 1000 : -1;
    const key = table === 'public.many' ? `${row}` : `md5('${row}')::uuid`;
    await leaf.query(
      `set session_replication_role = replica; update ${table} set n = ${n} where id = ${key}; reset session_replication_role`,
    );
    return costOf(async () => {
      const { exitCode, stdout } = await leaf.run('compare', table);
      const isRight = kind === 'equal' ? exitCode === 0 : exitCode === 2 && stdout.includes('changed: 1 row');
      if (!isRight) throw new Error(`${table}, ${kind}: exit code ${exitCode}\n${stdout}`);
    });
  });
  const [equal, different] = kinds.map((kind) => {
    const costs = measured.get(kind) ?? [];
    return { ms: median(costs.map(({ ms }) => ms)), cpuMs: median(costs.map(({ cpuMs }) => cpuMs)) };
  }) as [Cost, Cost];
  const ratio = different.ms / equal.ms;
  print(
    `${MILLIONS} million rows of ${table}: equal ${inSeconds(equal)}, with one row that differs ${inSeconds(different)}, ` +
      `ratio ${ratio.toFixed(2)}, of processor time ${(different.cpuMs / equal.cpuMs).toFixed(2)} [bar at most 1.1: ${ratio <= 1.1 ? 'held' : 'MISSED'}]`,
  );
}

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const cpuMs = () => servers.reduce((sum, server) => sum + treeCpuMs(server), 0);
  const before = cpuMs();
  return { ms: await millisecondsOf(work), cpuMs: cpuMs() - before };
}

function inSeconds({ ms, cpuMs }: Cost): string {
  return `${(ms / 1000).toFixed(1)} s (processor ${(cpuMs / 1000).toFixed(1)} s)`;
}

/** The first process of a node's server. */
async function serverOf(node: TestNode): Promise<number> {
  const session = await node.application();
  const server = parentOf(await backendOf(session));
  await session.close();
  return server;
}

async function fill(nodes: readonly TestNode[], rows: string): Promise<void> {
  for (const node of nodes) {
    await node.query(TABLES);
    await node.query(rows);
  }
  for (const node of nodes) await node.query('vacuum analyze');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
