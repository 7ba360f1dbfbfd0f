/**
 * How long it takes until a new subscriber has everything: `npm run bench:copy [rounds] [share=S] [only=WORD]`. Ours from `add-table` to
 * the end of `wait-sync`, native logical replication from `create subscription` until all tables are ready, and pipes of
 * `psql COPY | psql COPY` with the keys and indexes made afterwards, as many at once as there are copies: all from one database into
 * databases of one other server (PostgreSQL 15), in turns. The rows are counted at the end. Needs psql and pgbench of Debian's PostgreSQL 15.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { STOCK_PROGRAMS, whyNoStockPackages } from '../test/support/stock-server.js';
import type { TestNode } from '../test/support/test-node.js';
import { openTree } from '../test/support/tree.js';
import { waitUntil } from '../test/support/wait-until.js';
import { wideTable } from './capture-tables.js';
import { median, millisecondsOf } from './rounds.js';

const words = process.argv.slice(2);
const wordOf = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
const ROUNDS = Number(words.find((word) => /^\d+$/.test(word)) ?? 3);
const SHARE = Number(wordOf('share') ?? 1);
const PARALLEL = 4;
const PATIENCE_MS = 900_000;
const missing = whyNoStockPackages();
if (missing !== undefined) {
  process.stderr.write(`The stock packages are missing: ${missing}\n`);
  process.exit(3);
}

interface CopiedTable {
  readonly name: string;
  readonly columns: string;
  /** What is made after the rows, where that is in somebody's hands. */
  readonly after: readonly string[];
  /** A query for the rows. */
  readonly rows: string;
}

interface Job {
  readonly name: string;
  readonly tables: readonly CopiedTable[];
  /** Time of ours : time of native and of the pipes, at most. */
  readonly bars: { readonly native?: number; readonly pipes?: number };
}

const rows = (count: number) => Math.max(1, Math.round(count * SHARE));
const WIDE = wideTable(1);
const wide = (name: string, count: number): CopiedTable => ({
  name,
  columns: WIDE.columns.replace(/primary key/, 'not null'),
  after: [`alter table ${name} add primary key (id)`, `create index on ${name} (at)`],
  rows: WIDE.source.replace('generate_series(1, 1)', `generate_series(1, ${rows(count)})`),
});
const accounts = (scale: number): CopiedTable => ({
  name: 'accounts',
  columns: 'aid int not null, bid int, abalance int, filler char(84)',
  after: ['alter table accounts add primary key (aid)'],
  rows: `select i, i % ${scale}, 0, '' from generate_series(1, ${rows(scale * 100_000)}) as i`,
});
const small = (count: number): CopiedTable[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `small_${i}`,
    columns: 'id int not null, note text',
    after: [`alter table small_${i} add primary key (id)`],
    rows: `select i, 'note ' || i from generate_series(1, 20) as i`,
  }));

const JOBS: readonly Job[] = [
  {
    name: '500,000 wide rows and pgbench at scale 20',
    tables: [wide('wide', 500_000), accounts(20), ...small(3)],
    bars: { native: 0.8, pipes: 1.1 },
  },
  { name: 'one table of 1,000,000 wide rows', tables: [wide('wide', 1_000_000)], bars: { native: 0.7 } },
  { name: '2,000 small tables', tables: small(rows(2_000)), bars: {} },
].filter(({ name }) => name.includes(wordOf('only') ?? ''));

for (const job of JOBS) await run(job);

async function run({ name, tables, bars }: Job): Promise<void> {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
    ownServers: true,
    settings: {
      wal_level: 'logical',
      fsync: 'on',
      shared_buffers: '1GB',
      max_wal_size: '16GB',
      checkpoint_timeout: '1h',
      max_locks_per_transaction: '1024',
    },
  });
  const [root, leaf] = [tree.node('root'), tree.node('leaf')];
  const named = tables.map((table) => ({ ...table, name: `public.${table.name}` }));
  const create = tables.map((table) => `create table public.${table.name} (${table.columns})`).join(';');
  const after = tables
    .flatMap((table) => table.after.map((sql) => `set search_path = public; ${sql}`))
    .join(';');
  await root.query(create);
  for (const table of named) await root.query(`insert into ${table.name} ${table.rows}`);
  await root.query(after);
  await root.query('vacuum analyze');
  await root.prepare('add-table', '--all');
  await root.query(`create publication bench for table ${named.map((table) => table.name).join(', ')}`);
  await root.query('checkpoint');
  const counts = await countRows(root, root.database.name);
  const sides = { ours: copyOurs, native: copyNative, pipes: copyByPipes };
  const spent = { ours: [] as number[], native: [] as number[], pipes: [] as number[] };
  const names = Object.keys(sides) as (keyof typeof sides)[];
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of round % 2 === 0 ? names : names.toReversed())
      spent[side].push(await sides[side](round));
  }
  const seconds = (side: keyof typeof sides) => median(spent[side]) / 1000;
  const verdict = (peer: 'native' | 'pipes') => {
    const ratio = seconds('ours') / seconds(peer);
    const bar = bars[peer];
    return `${peer} ${seconds(peer).toFixed(1)} s, ratio ${ratio.toFixed(2)}${bar === undefined ? '' : ` [bar at most ${bar}: ${ratio <= bar ? 'held' : 'MISSED'}]`}`;
  };
  process.stdout.write(
    `${name}: ours ${seconds('ours').toFixed(1)} s; ${verdict('native')}; ${verdict('pipes')}\n`,
  );

  async function countRows(node: TestNode, database: string): Promise<string> {
    const sums = named.map((table) => `select count(*) as n from ${table.name}`).join(' union all ');
    const [row] = await node.cluster.query<{ n: string }>(
      database,
      `select sum(n)::text as n from (${sums}) as s`,
    );
    return row?.n ?? '';
  }

  async function check(database: string): Promise<void> {
    const found = await countRows(leaf, database);
    if (found !== counts) throw new Error(`${database} has ${found} rows instead of ${counts}.`);
  }

  async function copyOurs(round: number): Promise<number> {
    const database = leaf.database.name;
    if (round > 0) {
      await leaf.must('remove-table', ...named.map((table) => table.name));
      await leaf.query(named.map((table) => `drop table ${table.name}`).join(';'));
    }
    await leaf.query(create);
    await leaf.query(after);
    await leaf.query('checkpoint');
    const ms = await millisecondsOf(async () => {
      await leaf.must('add-table', '--all');
      await leaf.must('wait-sync');
    });
    await check(database);
    return ms;
  }

  async function copyNative(round: number): Promise<number> {
    const database = `native_${round}`;
    await leaf.cluster.createDatabase(database);
    await using session = await leaf.cluster.application(database);
    await session.execute(create);
    await session.execute(after);
    await session.execute('set search_path = public; checkpoint');
    const ms = await millisecondsOf(async () => {
      await session.execute(
        `create subscription native_${round} connection '${root.cluster.conninfo(root.database.name)}' publication bench`,
      );
      await waitUntil(
        'the subscription is ready',
        async () => {
          const { ready } = await session.one(
            "select bool_and(srsubstate = 'r') as ready from pg_subscription_rel",
          );
          return ready === true;
        },
        { timeoutMs: PATIENCE_MS },
      );
    });
    await check(database);
    await session.execute(`drop subscription native_${round}`);
    await session.execute(`drop schema public cascade`);
    return ms;
  }

  async function copyByPipes(round: number): Promise<number> {
    const database = `pipes_${round}`;
    await leaf.cluster.createDatabase(database);
    await using session = await leaf.cluster.application(database);
    await session.execute(create);
    await session.execute('checkpoint');
    const waiting = [...tables];
    const ms = await millisecondsOf(async () => {
      const lane = async () => {
        for (let table = waiting.shift(); table !== undefined; table = waiting.shift())
          await pipe(table, database);
      };
      await Promise.all(Array.from({ length: PARALLEL }, lane));
    });
    await check(database);
    await session.execute(`drop schema public cascade`);
    return ms;
  }

  async function pipe(table: CopiedTable, database: string): Promise<void> {
    const psql = `${STOCK_PROGRAMS}/bin/psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres`;
    const from = `${psql} -p ${root.cluster.port} -d ${root.database.name} -c "copy public.${table.name} to stdout"`;
    const to = `${psql} -p ${leaf.cluster.port} -d ${database}`;
    const makes = table.after.map((sql) => `-c "${sql}"`).join(' ');
    const script = `set -e; ${from} | ${to} -c "copy public.${table.name} from stdin"; ${to} ${makes} -c "analyze public.${table.name}"`;
    const child = spawn('/bin/bash', ['-o', 'pipefail', '-c', script], {
      stdio: 'inherit',
      timeout: PATIENCE_MS,
    });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`The pipe of ${table.name} ended with ${code}.`);
  }
}
