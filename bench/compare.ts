/**
 * How long a compare takes: `npm run bench:compare [rounds] [millions of rows] [no-londiste]`. A table of 500,000 wide rows: the whole command,
 * beside `compare` of the stock Londiste, one plain query that counts and sums the hashes on one side, and two sequential scans with md5 on both
 * sides at once; all on PostgreSQL 15, in turns. Then what it costs to find the one row that differs in a table of 10 million.
 */
import { whyNoStockPackages } from '../test/support/stock-server.js';
import type { TestNode } from '../test/support/test-node.js';
import { openTree } from '../test/support/tree.js';
import { wideTable } from './capture-tables.js';
import { median, millisecondsOf, visitInTurns } from './rounds.js';

const words = process.argv.slice(2);
const [ROUNDS = 3, MILLIONS = 10] = words.filter((word) => /^\d+$/.test(word)).map(Number);
const WITH_LONDISTE = !words.includes('no-londiste') && whyNoStockPackages() === undefined;
const WIDE = wideTable(500_000);
const SETTINGS = { fsync: 'on', shared_buffers: '1GB', max_wal_size: '16GB', checkpoint_timeout: '1h' };
const PLAIN = 'select count(*), sum(hashtext(t::text)) from public.wide as t';
const SCAN = 'select count(*), max(md5(t::text)) from public.wide as t';
const SAME_ROWS = `set session_replication_role = replica; insert into public.wide ${WIDE.source};
  insert into public.many select i, i % 1000, 'note ' || i from generate_series(1, ${MILLIONS * 1_000_000}) as i; reset session_replication_role`;
const TABLES = `create table public.wide (${WIDE.columns}); create table public.many (id int primary key, n int, note text)`;

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
const seconds = (side: Side | undefined) => median(times.get(side as Side) ?? []) / 1000;
const [own, plain, scans, londiste] = sides;
print(
  `500,000 wide rows: ours ${seconds(own).toFixed(1)} s, ${shares(plain)}, ${shares(scans, 1 / 0.7)}, ${shares(londiste, 0.5)}`,
);

const equal = await millisecondsOf(() => leaf.must('compare', 'public.many'));
const first = await millisecondsOf(() => leaf.must('compare', 'public.many'));
const row = Math.round(MILLIONS * 777_777);
await leaf.query(
  `set session_replication_role = replica; update public.many set n = -1 where id = ${row}; reset session_replication_role`,
);
let found = '';
const different = await millisecondsOf(async () => {
  const { exitCode, stdout } = await leaf.run('compare', 'public.many');
  if (exitCode !== 2 || !stdout.includes(String(row)))
    throw new Error(`Row ${row} was not found.\n${stdout}`);
  found = stdout;
});
const least = Math.min(equal, first);
print(
  `${MILLIONS} million rows: equal ${(least / 1000).toFixed(1)} s, with one row that differs ${(different / 1000).toFixed(1)} s, ratio ${(different / least).toFixed(2)} [bar at most 1.1: ${different <= 1.1 * least ? 'held' : 'MISSED'}]`,
);
print(found.trimEnd());

async function fill(nodes: readonly TestNode[], rows: string): Promise<void> {
  for (const node of nodes) {
    await node.query(TABLES);
    await node.query(rows);
  }
  for (const node of nodes) await node.query('vacuum analyze');
}

function shares(side: Side | undefined, bar?: number): string {
  if (side === undefined) return 'stock Londiste not measured';
  const ratio = seconds(own) / seconds(side);
  const verdict =
    bar === undefined ? '' : ` [bar at most ${bar.toFixed(2)}: ${ratio <= bar ? 'held' : 'MISSED'}]`;
  return `${side.name} ${seconds(side).toFixed(1)} s, ratio ${ratio.toFixed(2)}${verdict}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
