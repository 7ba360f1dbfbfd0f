/**
 * How long a single row takes to the leaf, from the moment in which its commit is acknowledged, at 50 transactions a second:
 * `npm run bench:latency [seconds]`. With the defaults, and with `ticker_period` and `ticker_max_lag` of 0.05, beside native
 * logical replication between the same servers (PostgreSQL 15). A trigger on the target says, when the row is committed
 * there, which it was. Then the processor time of all that runs while nobody writes.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../src/db/connection.js';
import type { TestNode } from '../test/support/test-node.js';
import { openTree } from '../test/support/tree.js';
import { waitUntil } from '../test/support/wait-until.js';
import { backendOf } from './backend-cpu.js';
import { ownCpuMs, parentOf, treeCpuMs } from './process-cpu.js';

const SECONDS = Number(process.argv[2] ?? 30);
const PERIOD_MS = 20;
const QUEUE = 'app';
const TABLE = 'create table public.moment (id bigint primary key, note text)';
const TELL = `
  create function public.tell() returns trigger language plpgsql as $$
    begin perform pg_catalog.pg_notify('bench_arrived', new.id::text); return null; end $$;
  create trigger tell after insert on public.moment for each row execute procedure public.tell();
  alter table public.moment enable always trigger tell`;

interface Side {
  readonly name: string;
  readonly bars: { readonly p50: number; readonly p99: number | undefined } | undefined;
  readonly source: Connection;
  readonly target: Connection;
  /** Processor time of ticker, root's worker and leaf's worker so far. */
  programMs(): number[];
  begin(): Promise<void>;
}

await using tree = await openTree({
  nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
  tables: TABLE,
  ownServers: true,
  settings: { wal_level: 'logical', fsync: 'on' },
});
const [root, leaf] = [tree.node('root'), tree.node('leaf')];
const sessions: Connection[] = [];
const open = async (node: TestNode, database: string) => {
  const session = await node.cluster.application(database);
  sessions.push(session);
  return session;
};
const servers = [
  parentOf(await backendOf(await open(root, 'postgres'))),
  parentOf(await backendOf(await open(leaf, 'postgres'))),
];
const source = await open(root, root.database.name);
const target = await open(leaf, leaf.database.name);
await target.execute(TELL);
for (const node of [root, leaf]) await node.cluster.createDatabase('native');
const [from, to] = [await open(root, 'native'), await open(leaf, 'native')];
for (const session of [from, to]) await session.execute(TABLE);
await to.execute(TELL);
await from.execute('create publication bench for all tables');
await to.execute(
  `create subscription bench connection '${root.cluster.conninfo('native')}' publication bench`,
);
await waitUntil('the subscription is ready', async () => {
  const [row] = await to.query("select from pg_subscription_rel where srsubstate <> 'r'");
  return row === undefined;
});

/** Our programs with other settings. */
async function restart(tuning: { readonly seconds: string } | undefined): Promise<void> {
  await tree.stopPrograms();
  const ticker = [
    '[ticker]',
    `base_connstr = ${root.cluster.conninfo('').replace('dbname= ', '')}`,
    `database_list = ${root.database.name}`,
    ...(tuning === undefined ? [] : [`ticker_period = ${tuning.seconds}`]),
  ];
  await writeFile(join(root.folder, `${root.name}.ticker.ini`), `${ticker.join('\n')}\n`);
  for (const node of [root, leaf]) {
    const worker = [
      '[replicate]',
      `job_name = ${node.name}_worker`,
      `db = ${node.database.conninfo}`,
      `queue_name = ${QUEUE}`,
    ];
    await writeFile(join(node.folder, node.ini), `${worker.join('\n')}\n`);
  }
  // What `create-root` gives it, which the test's tree has changed.
  const lag = `${tuning?.seconds ?? '0.2'} seconds`;
  await source.query(`select pgq.set_queue_config($1, 'ticker_max_lag', $2)`, [QUEUE, lag]);
  root.startTicker();
  for (const node of [root, leaf]) node.startWorker();
}

const programs = () => [root.ticker, root.worker, leaf.worker].map((program) => program?.pid ?? 0);
const ours = (name: string, tuning: { readonly seconds: string } | undefined, bars: Side['bars']): Side => ({
  name,
  bars,
  source,
  target,
  programMs: () => programs().map(ownCpuMs),
  async begin() {
    await to.execute('alter subscription bench disable');
    await restart(tuning);
  },
});
const sides: readonly Side[] = [
  ours('ours, defaults', undefined, { p50: 300, p99: undefined }),
  ours('ours, ticker_period and ticker_max_lag 0.05', { seconds: '0.05' }, { p50: 50, p99: 120 }),
  {
    name: 'native',
    bars: undefined,
    source: from,
    target: to,
    programMs: () => [],
    async begin() {
      await tree.stopPrograms();
      await to.execute('alter subscription bench enable');
    },
  },
];

let id = 0;
for (const side of sides) {
  await side.begin();
  await using listener = await (side.target === target
    ? leaf.cluster.connect(leaf.database.name)
    : leaf.cluster.connect('native'));
  const arrived = new Map<number, number>();
  await listener.listen('bench_arrived', ({ payload }) => arrived.set(Number(payload), performance.now()));
  await write(side, 1, arrived);
  const first = id;
  const committed = await write(side, SECONDS, arrived);
  const ms = [...committed].filter(([n]) => n > first).map(([n, at]) => (arrived.get(n) ?? Number.NaN) - at);
  ms.sort((a, b) => a - b);
  const at = (part: number) => ms[Math.min(ms.length - 1, Math.floor(ms.length * part))] as number;
  const verdict = (value: number, bar: number | undefined) =>
    bar === undefined ? '' : ` [bar ${bar}: ${value <= bar ? 'held' : 'MISSED'}]`;
  const figures = ([50, 95, 99] as const).map((percent) => {
    const value = at(percent / 100);
    const bar = percent === 95 ? undefined : side.bars?.[`p${percent}`];
    return `p${percent} ${value.toFixed(1)} ms${verdict(value, bar)}`;
  });
  await sleep(2_000);
  const before = { programs: side.programMs(), servers: servers.map(treeCpuMs) };
  await sleep(SECONDS * 1000);
  const share = (spent: number) => `${((spent / SECONDS / 1000) * 100).toFixed(2)} %`;
  const idle = (now: readonly number[], then: readonly number[]) =>
    now.map((ms, i) => share(ms - (then[i] as number))).join(', ') || 'none';
  process.stdout.write(
    `${side.name}, ${ms.length} rows: ${figures.join(', ')}; idle, of a core: ticker and workers ${idle(side.programMs(), before.programs)}; servers ${idle(servers.map(treeCpuMs), before.servers)}\n`,
  );
}
for (const session of sessions) await session.close();

/** Writes rows at the rate for so long, then waits until the last has arrived. Returns when each was acknowledged. */
async function write(
  side: Side,
  seconds: number,
  arrived: Map<number, number>,
): Promise<Map<number, number>> {
  const committed = new Map<number, number>();
  const started = performance.now();
  for (let n = 0; n < (seconds * 1000) / PERIOD_MS; n++) {
    const due = started + n * PERIOD_MS - performance.now();
    if (due > 0) await sleep(due);
    const own = ++id;
    await side.source.query('insert into public.moment values ($1, $2)', [own, 'note']);
    committed.set(own, performance.now());
  }
  await waitUntil('the last row has arrived', async () => arrived.has(id), { timeoutMs: 60_000 });
  return committed;
}
