import type { Connection } from '../src/db/connection.js';
import { backendOf, cpuMsOf } from './backend-cpu.js';
import { type Bar, type Line, type Report, ratioOf, signed, whole } from './capture-report.js';
import type { Side, SideName, Sides } from './capture-sides.js';
import {
  bulkOperations,
  copyOperation,
  createTables,
  longRows,
  type Operation,
  thousandColumns,
  type Workload,
  wideTable,
} from './capture-tables.js';
import { median, millisecondsOf, visitInTurns } from './rounds.js';

const ADDED_BAR: Bar = { is: 'at most', value: 0.4 };
const WAL_BAR: Bar = { is: 'at most', value: 1.15 };

/** What one operation took. */
export interface Spent {
  readonly ms: number;
  /** Of the session's server process. */
  readonly cpuMs: number;
  readonly walBytes: number;
}

/** By operation, in their order. */
type Visit = readonly Spent[];
type Visits = ReadonlyMap<SideName, readonly Visit[]>;

/** Bulk statements over the wide table: time, and write-ahead log. */
export async function* measureBulk(sides: Sides, rows: number, rounds: number): AsyncGenerator<Report> {
  const workload = wideTable(rows);
  await addTables(sides, workload);
  const operations = [
    ...bulkOperations(workload),
    await copyOperation(sides.all[0]?.session as Connection, workload),
  ];
  const visits = await visitSides(sides, workload, operations, rounds);
  const columns = sides.all.map(({ name }) => name);
  yield {
    title: `Bulk: ${whole(rows)} rows, ms of one statement; with capture: what it adds`,
    columns,
    lines: operations.map(({ name }, i) => timeLine(name, visits, i, ADDED_BAR)),
  };
  yield {
    title: 'Write-ahead log: bytes per row; with capture: what it adds',
    columns,
    lines: operations.slice(0, 3).map(({ name }, i) => walLine(name, visits, i, rows)),
  };
}

/** Tables of awkward shapes: many columns, long rows. */
export async function measureShapes(sides: Sides, isQuick: boolean, rounds: number): Promise<Report> {
  const shapes = [
    { of: '500 rows of 1,000 columns', workload: thousandColumns() },
    { of: '10 KB rows', workload: longRows(isQuick ? 500 : 5_000) },
  ];
  const lines: Line[] = [];
  for (const { of, workload } of shapes) {
    await addTables(sides, workload);
    const operations = bulkOperations(workload);
    const visits = await visitSides(sides, workload, operations, rounds);
    lines.push(...operations.map(({ name }, i) => timeLine(`${of}: ${name}`, visits, i)));
  }
  return {
    title: `Awkward tables: ms of one statement (10 KB: ${isQuick ? 500 : '5,000'} rows); with capture: what it adds`,
    columns: sides.all.map(({ name }) => name),
    lines,
  };
}

/**
 * Does the operations on one table, which is empty before and after, and tells what each took. Between them the table is
 * vacuumed and events are forgotten, which is not part of it. Throws when a row was not captured.
 */
export async function visitTable(
  side: Side,
  table: string,
  rows: number,
  operations: readonly Operation[],
  isCaptured: boolean,
): Promise<Visit> {
  const { session } = side;
  await session.execute('checkpoint');
  const visit: Spent[] = [];
  for (const operation of operations) {
    await session.execute(operation.onEmpty ? `truncate ${table}` : `vacuum ${table}`);
    await side.settle();
    visit.push(await spentOn(session, () => operation.run(session, table)));
    const events = isCaptured ? await side.countEvents() : undefined;
    if (events !== undefined && events !== rows) {
      throw new Error(`${side.name}: ${operation.name} of ${rows} rows of ${table} left ${events} events.`);
    }
    await side.settle();
  }
  await session.execute(`truncate ${table}`);
  await side.settle();
  return visit;
}

async function addTables(sides: Sides, workload: Workload): Promise<void> {
  for (const side of sides.all) {
    await createTables(side.session, workload);
    await side.capture(workload.name);
    await side.settle();
  }
}

async function visitSides(
  sides: Sides,
  { name, rows }: Workload,
  operations: readonly Operation[],
  rounds: number,
): Promise<Visits> {
  const visits = await visitInTurns(sides.all, rounds, (side) =>
    visitTable(side, name, rows, operations, true),
  );
  return new Map([...visits].map(([side, all]) => [side.name, all]));
}

/** Does the work in the session and tells what it took. */
export async function spentOn(session: Connection, work: () => Promise<unknown>): Promise<Spent> {
  const backend = await backendOf(session);
  const walBefore = await walPosition(session);
  const cpuBefore = cpuMsOf(backend);
  const ms = await millisecondsOf(work);
  const cpuMs = cpuMsOf(backend) - cpuBefore;
  return { ms, cpuMs, walBytes: (await walPosition(session)) - walBefore };
}

async function walPosition(session: Connection): Promise<number> {
  const { bytes } = await session.one<{ bytes: string }>(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes",
  );
  return Number(bytes);
}

function timeLine(name: string, visits: Visits, operation: number, bar?: Bar): Line {
  const ms = seriesOf(visits, operation, (spent) => spent.ms);
  const cpu = seriesOf(visits, operation, (spent) => spent.cpuMs);
  return {
    name,
    cells: addedCells(ms),
    ratios: [
      ratioOf('added, ours : logutriga', addedTo(ms, 'ours'), addedTo(ms, 'logutriga'), bar),
      ratioOf('of CPU', addedTo(cpu, 'ours'), addedTo(cpu, 'logutriga')),
    ],
  };
}

function walLine(name: string, visits: Visits, operation: number, rows: number): Line {
  const bytes = seriesOf(visits, operation, (spent) => spent.walBytes / rows);
  return {
    name,
    cells: addedCells(bytes),
    ratios: [
      ratioOf('added, ours : logutriga', addedTo(bytes, 'ours'), addedTo(bytes, 'logutriga'), WAL_BAR),
      ratioOf('total', bytes.get('ours') ?? [], bytes.get('logutriga') ?? []),
    ],
  };
}

type Series = ReadonlyMap<SideName, readonly number[]>;

function seriesOf(visits: Visits, operation: number, value: (spent: Spent) => number): Series {
  return new Map(
    [...visits].map(([side, all]) => [side, all.map((visit) => value(visit[operation] as Spent))]),
  );
}

/** What a side adds to the median of `none`, round by round. */
function addedTo(series: Series, side: SideName): number[] {
  const none = median(series.get('none') ?? []);
  return (series.get(side) ?? []).map((value) => value - none);
}

function addedCells(series: Series): Record<string, string> {
  const cells = [...series].map(([side, values]) => [
    side,
    side === 'none' ? whole(median(values)) : signed(median(addedTo(series, side))),
  ]);
  return Object.fromEntries(cells);
}
