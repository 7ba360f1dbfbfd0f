/**
 * The memory that a leaf's worker takes for what is large: `npm run bench:memory [millions of rows] [megabytes]`. One transaction of
 * 5 million rows, then one row of 100 MB inserted and updated; prints the peak of the worker's process after each (bar: 150
 * MB), and whether the leaf has the same rows.
 */
import { openTree } from '../test/support/tree.js';
import { ownCpuMs, peakMegabytes } from './process-cpu.js';
import { millisecondsOf } from './rounds.js';

const MILLIONS = Number(process.argv[2] ?? 5);
const MEGABYTES = Number(process.argv[3] ?? 100);
const BAR = 150;
const PATIENCE_MS = 1_800_000;
const TABLES = `
  create table public.wide (id bigint primary key, a text, b timestamptz, n numeric, f boolean, note text);
  create table public.doc (id int primary key, body text, n int)`;

const STEPS = [
  {
    name: `one transaction of ${MILLIONS} million rows inserted`,
    sql: `insert into public.wide select i, 'some text of row ' || i, now(), i * 1.5, true, repeat('note ', 10)
            from generate_series(1, ${MILLIONS * 1_000_000}) as i`,
  },
  {
    name: `one transaction of ${MILLIONS} million rows updated`,
    sql: "update public.wide set n = n + 1, note = note || 'x'",
  },
  {
    name: `one row of ${MEGABYTES} MB inserted`,
    sql: `insert into public.doc select 1, string_agg(md5(i::text), ''), 1 from generate_series(1, ${MEGABYTES * 31250}) as i`,
  },
  { name: `one row of ${MEGABYTES} MB updated`, sql: "update public.doc set n = 2, body = body || 'x'" },
];
const SUMS = `
  select (select md5(string_agg(md5(t::text), '' order by id)) from public.wide as t where id % 97 = 0) as wide,
         (select count(*) from public.wide) as rows, (select md5(string_agg(md5(t::text), '')) from public.doc as t) as doc`;

await using tree = await openTree({
  nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
  tables: TABLES,
  ownServers: true,
  settings: { max_wal_size: '8GB', shared_buffers: '512MB' },
});
const [root, leaf] = [tree.node('root'), tree.node('leaf')];
const application = await root.application();
for (const { name, sql } of STEPS) {
  await leaf.stopWorker();
  leaf.startWorker();
  await tree.caughtUp(root, [leaf], PATIENCE_MS);
  const pid = leaf.worker?.pid ?? 0;
  const idle = peakMegabytes(pid);
  const cpuBefore = ownCpuMs(pid);
  await application.execute(sql);
  const ms = await millisecondsOf(() => tree.caughtUp(root, [leaf], PATIENCE_MS));
  const peak = peakMegabytes(pid);
  const cpu = ((ownCpuMs(pid) - cpuBefore) / 1000).toFixed(1);
  const [[ours], [theirs]] = await Promise.all([root.query(SUMS), leaf.query(SUMS)]);
  const isEqual = JSON.stringify(ours, asText) === JSON.stringify(theirs, asText);
  process.stdout.write(
    `${name}: on the leaf ${(ms / 1000).toFixed(1)} s after its commit, ${isEqual ? 'equal' : 'NOT EQUAL'}; ` +
      `worker: peak ${peak} MB (idle ${idle}, bar ${BAR}), CPU ${cpu} s\n`,
  );
}
await application.close();

function asText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
