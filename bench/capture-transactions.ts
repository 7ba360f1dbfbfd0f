import { fileURLToPath } from 'node:url';
import { type Bar, type Line, type Report, ratioOf, whole } from './capture-report.js';
import type { Side, SideName, Sides } from './capture-sides.js';
import { createTables, wideTable } from './capture-tables.js';
import { initialisePgbench, runPgbench } from './pgbench.js';
import { median, visitInTurns } from './rounds.js';

const CLIENTS = ['-c', '4', '-j', '2'];
const GRACE_MS = 120_000;
/** No machine of ours does more deletes in a second: so many rows wait to be deleted for each. */
const DELETES_PER_SECOND = 12_000;
const KEPT_ROWS = 50_000;
const FIRST_INSERTED = 1_000_000_000;
const TPCB_TABLES = ['pgbench_accounts', 'pgbench_branches', 'pgbench_tellers', 'pgbench_history'];

/** pgbench's own choice, and what a driver with prepared statements does, where the server has less to do besides. */
const PROTOCOLS = ['simple', 'prepared'] as const;
type Protocol = (typeof PROTOCOLS)[number];

type Tps = ReadonlyMap<SideName, readonly number[]>;

interface Bars {
  readonly oursToNone?: Bar;
  readonly oursToLogutriga?: Bar;
}

/** Transactions of one row each: inserts 40 %, updates 40 %, deletes 20 %. */
export async function measureTransactions(sides: Sides, seconds: number, rounds: number): Promise<Report> {
  await openTables(sides, seconds);
  const modes = [
    { commit: 'on', bars: { oursToNone: { is: 'at least', value: 0.93 } } },
    { commit: 'off', bars: { oursToLogutriga: { is: 'at least', value: 1.1 } } },
  ] as const;
  const lines: Line[] = [];
  for (const { commit, bars } of modes) {
    const tps = await visitInTurns(sides.all, rounds, (side) => writeRows(side, seconds, commit));
    lines.push(tpsLine(`synchronous_commit ${commit}`, bySide(tps), bars));
  }
  return {
    title: 'Single-row transactions, 4 clients, fsync on: tps (inserts 40 %, updates 40 %, deletes 20 %)',
    columns: sides.all.map(({ name }) => name),
    lines,
  };
}

/** TPC-B with all four tables captured, of which one has no key. */
export async function measureTpcb(
  sides: Sides,
  { seconds, scale, rounds }: { readonly seconds: number; readonly scale: number; readonly rounds: number },
): Promise<Report> {
  for (const side of sides.all) {
    const { port, database } = side;
    await initialisePgbench({ port, database, deadlineMs: GRACE_MS }, scale);
    for (const table of TPCB_TABLES) await side.capture(table);
    await side.settle();
  }
  const lines: Line[] = [];
  for (const protocol of PROTOCOLS) {
    const tps = await visitInTurns(sides.all, rounds, (side) => runTpcb(side, protocol, seconds));
    lines.push(tpsLine(`protocol ${protocol}`, bySide(tps), { oursToNone: { is: 'at least', value: 0.85 } }));
  }
  return {
    title: `TPC-B, scale ${scale}, 4 clients, fsync on: tps`,
    columns: sides.all.map(({ name }) => name),
    lines,
  };
}

async function openTables(sides: Sides, seconds: number): Promise<void> {
  for (const side of sides.all) {
    await createTables(side.session, wideTable(KEPT_ROWS + seconds * DELETES_PER_SECOND, 'single'));
    await side.session.execute('create sequence inserted; create sequence deleted');
    await side.capture('single');
    await side.settle();
  }
}

async function writeRows(side: Side, seconds: number, commit: 'on' | 'off'): Promise<number> {
  const { session, port, database } = side;
  const prefilled = seconds * DELETES_PER_SECOND;
  await session.execute('truncate single');
  // Not captured: only the state before is made.
  await session.execute(
    "set session_replication_role = 'replica'; insert into single select * from single_source; reset session_replication_role",
  );
  await session.execute('vacuum analyze single');
  await session.execute(
    `alter sequence inserted restart with ${FIRST_INSERTED} cache 1; alter sequence deleted restart with 1`,
  );
  await side.settle();
  await session.execute('checkpoint');
  const { tps, transactions } = await runPgbench({
    port,
    database,
    settings: { synchronous_commit: commit },
    deadlineMs: seconds * 1000 + GRACE_MS,
    words: [
      ...['-n', '-M', 'prepared', ...CLIENTS, '-T', String(seconds)],
      ...['-D', `first_kept=${prefilled + 1}`, '-D', `last_kept=${prefilled + KEPT_ROWS}`],
      ...[
        '-f',
        `${scriptFile('insert')}@4`,
        '-f',
        `${scriptFile('update')}@4`,
        '-f',
        `${scriptFile('delete')}@2`,
      ],
    ],
  });
  await checkRows(side, transactions, prefilled);
  await side.settle();
  return tps;
}

/** Throws when a statement found no row, or was not captured. */
async function checkRows(side: Side, transactions: number, prefilled: number): Promise<void> {
  const { last } = await side.session.one<{ last: bigint }>('select last_value as last from deleted');
  if (Number(last) > prefilled) throw new Error(`${side.name}: there were too few rows to delete.`);
  const events = await side.countEvents();
  if (events !== undefined && events !== transactions) {
    throw new Error(`${side.name}: ${transactions} transactions left ${events} events.`);
  }
}

async function runTpcb(side: Side, protocol: Protocol, seconds: number): Promise<number> {
  const { session, port, database } = side;
  await session.execute('truncate pgbench_history');
  await session.execute('vacuum pgbench_branches, pgbench_tellers');
  await side.settle();
  await session.execute('checkpoint');
  const { tps, transactions } = await runPgbench({
    port,
    database,
    deadlineMs: seconds * 1000 + GRACE_MS,
    words: ['-n', '-M', protocol, ...CLIENTS, '-T', String(seconds)],
  });
  const events = await side.countEvents();
  // Four rows each; an update by 0 need not be an event.
  if (events !== undefined && events < transactions * 3.9) {
    throw new Error(`${side.name}: ${transactions} transactions of TPC-B left ${events} events.`);
  }
  await side.settle();
  return tps;
}

/** The scripts lie beside the sources, as nothing compiles them. */
function scriptFile(name: string): string {
  return fileURLToPath(new URL(`../../bench/capture-writes/${name}.sql`, import.meta.url));
}

function bySide(tps: ReadonlyMap<Side, readonly number[]>): Tps {
  return new Map([...tps].map(([side, all]) => [side.name, all]));
}

function tpsLine(name: string, tps: Tps, bars: Bars): Line {
  const of = (side: SideName) => tps.get(side) ?? [];
  return {
    name,
    cells: Object.fromEntries([...tps].map(([side, all]) => [side, whole(median(all))])),
    ratios: [
      ratioOf('ours : none', of('ours'), of('none'), bars.oursToNone),
      ratioOf('ours : logutriga', of('ours'), of('logutriga'), bars.oursToLogutriga),
      ratioOf('logutriga : none', of('logutriga'), of('none')),
    ],
  };
}
