import { fileURLToPath } from 'node:url';
import type { Connection } from '../src/db/connection.js';
import { wideTable } from './capture-tables.js';
import { runPgbench } from './pgbench.js';

/** Where a backlog is written: one database, by a session as an application's. */
export interface Source {
  readonly session: Connection;
  readonly port: number;
  readonly database: string;
}

/** Changes that are written while nobody applies, and then have to be drained. */
export interface Backlog {
  readonly name: string;
  readonly changes: number;
  /** Time of ours : time of native logical replication, at most. */
  readonly bar: number;
  write(source: Source): Promise<void>;
}

const MANY_TABLES = 20;
const WIDE = wideTable(1);
const DEADLINE_MS = 900_000;

/** The tables of all backlogs, made on both sides. `wide_source` holds the row that is written again and again. */
export const TABLES = `
  create table public.pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84));
  create table public.pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
  create table public.wide (${WIDE.columns});
  create index on public.wide (at);
  create table public.wide_source (${WIDE.columns});
  create table public.heartbeat (id int primary key, at timestamptz);
  create sequence public.wide_ids start 1000001;
  create table public.bulk (${WIDE.columns});
  create index on public.bulk (at);
  ${Array.from({ length: MANY_TABLES }, (_, i) => `create table public.small_${i} (id int primary key, n int, t text);`).join('\n')}`;

/** The rows that are there before: on the source, after it is replicated. */
export const ROWS = `
  insert into pgbench_accounts select i, 1, 0, '' from generate_series(1, 100000) as i;
  insert into wide_source ${WIDE.source};
  insert into heartbeat values (1, now());
  insert into wide ${WIDE.source.replace('generate_series(1, 1)', 'generate_series(1, 50000)')};
  ${Array.from({ length: MANY_TABLES }, (_, i) => `insert into small_${i} select i, 0, 'row ' || i from generate_series(1, 1000) as i;`).join('\n')}`;

/** The words for pgbench that make it run the mix of one-row transactions over the tables, the same number of each. */
export const SINGLE_ROW_SCRIPTS: readonly string[] = [
  'account',
  'history',
  'wide-insert',
  'wide-update',
].flatMap((name) => ['-f', scriptFile(name)]);

/** Part `share` of the full size, 1 for all of it. */
export function backlogs(share: number): readonly Backlog[] {
  const rows = (full: number) => Math.max(1000, Math.round(full * share));
  const sql = (name: string, changes: number, bar: number, text: string): Backlog => ({
    name,
    changes,
    bar,
    write: async ({ session }) => void (await session.execute(text)),
  });
  const all = rows(500_000);
  return [
    {
      name: 'single-row transactions',
      changes: rows(300_000),
      bar: 0.7,
      write: async ({ port, database }) =>
        void (await runPgbench({
          port,
          database,
          settings: { synchronous_commit: 'off' },
          deadlineMs: DEADLINE_MS,
          words: [
            ...['-n', '-M', 'prepared', '-c', '4', '-j', '2', '-t', String(Math.round(rows(300_000) / 4))],
            ...SINGLE_ROW_SCRIPTS,
          ],
        })),
    },
    sql(
      'bulk insert',
      all,
      0.8,
      `insert into bulk ${WIDE.source.replace('generate_series(1, 1)', `generate_series(1, ${all})`)}`,
    ),
    sql('bulk update', all, 0.7, `update bulk set ${WIDE.changes}`),
    sql('bulk delete', rows(200_000), 1.2, `delete from bulk where id <= ${rows(200_000)}`),
    sql(
      `${MANY_TABLES} tables, 20 changes a transaction`,
      rows(200_000),
      1.2,
      `do $$ begin
         for pass in 1..${Math.round(rows(200_000) / MANY_TABLES)} loop
           ${Array.from({ length: MANY_TABLES }, (_, i) => `update small_${i} set n = n + 1 where id = 1 + (pass * ${i + 3}) % 1000;`).join('\n')}
           commit;
         end loop;
       end $$`,
    ),
  ];
}

/** What is undone between two rounds, and drained before the next. */
export const CLEAN_UP = 'truncate bulk; delete from wide where id > 1000000; truncate pgbench_history';

/** The scripts lie beside the sources, as nothing compiles them. */
function scriptFile(name: string): string {
  return fileURLToPath(new URL(`../../bench/apply-writes/${name}.sql`, import.meta.url));
}
