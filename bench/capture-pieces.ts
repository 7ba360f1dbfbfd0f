import type { Connection } from '../src/db/connection.js';
import { spentOn, visitTable } from './capture-bulk.js';
import { type Line, type Report, signed, whole } from './capture-report.js';
import type { Side, Sides } from './capture-sides.js';
import { bulkOperations, createTables, type Workload, wideTable } from './capture-tables.js';
import {
  type EventTarget,
  OPERATIONS,
  type OperationName,
  VARIANTS,
  type Variant,
  variantSql,
} from './capture-variants.js';
import { visitInTurns } from './rounds.js';

const STATEMENTS = 2_000;
/** A loop is short: so many make a minimum. */
const LOOPS_PER_ROUND = 3;
const GENERATED = 'capture as generated';
const PEER = 'stock logutriga (C)';

/** A variant on a table of its own. */
interface Piece {
  readonly name: string;
  readonly side: Side;
  readonly table: string;
  readonly isCaptured: boolean;
}

/** Microseconds of the server process's CPU for each operation. */
type Times = Readonly<Record<OperationName, number>>;

/**
 * Where the time of capture goes: triggers that do more and more of what it does, and its expressions alone. Minimums of
 * the rounds, and of CPU, so that noise drops out: waiting for the disk is not in them. Below the first line each figure is what that line adds to `no trigger`.
 */
export async function* measurePieces(sides: Sides, rows: number, rounds: number): AsyncGenerator<Report> {
  const workload = wideTable(rows, 'piece');
  const side = await sides.openOurs('pieces');
  const peer = sides.all.find(({ name }) => name === 'logutriga') as Side;
  for (const { session } of [side, peer]) await createTables(session, workload);
  const event = await eventTarget(side, workload);
  const pieces = await openPieces(side, peer, workload, event);
  const bulk = await visitInTurns(pieces, rounds, (piece) => bulkTimes(piece, workload));
  yield timesReport(
    `Where the time goes, bulk: µs of CPU per row, ${whole(rows)} rows; below the first line: added to it`,
    bulk,
  );
  const single = await visitInTurns(pieces, rounds * LOOPS_PER_ROUND, (piece) =>
    singleTimes(piece, workload),
  );
  yield timesReport(
    `Where the time goes, one row: µs of CPU per statement, ${whole(STATEMENTS)} in a transaction; below the first line: added to it`,
    single,
  );
  yield await measureExpressions(side, workload, event, rounds);
}

async function openPieces(side: Side, peer: Side, workload: Workload, event: EventTarget): Promise<Piece[]> {
  const captured = capturedTable(workload);
  const pieces: Piece[] = [];
  for (const [i, variant] of VARIANTS.entries()) {
    const { name } = variant;
    if (name === GENERATED) {
      pieces.push({ name, side, table: captured, isCaptured: true });
      continue;
    }
    const table = `${workload.name}_${i}`;
    await createLike(side.session, workload, table);
    await addTriggers(side.session, table, variant, event);
    pieces.push({ name, side, table, isCaptured: false });
  }
  await createLike(peer.session, workload, captured);
  await peer.capture(captured);
  pieces.push({ name: PEER, side: peer, table: captured, isCaptured: true });
  return pieces;
}

/** Makes the table with generated capture and looks how large its events are. */
async function eventTarget(side: Side, workload: Workload): Promise<EventTarget> {
  const { session } = side;
  const captured = capturedTable(workload);
  await createLike(session, workload, captured);
  await side.capture(captured);
  await session.execute(`insert into ${captured} select * from ${workload.name}_source where id <= 1000`);
  const { id, current } = await session.one<{ id: number; current: string }>(
    "select queue_id as id, queue_data_pfx || '_' || queue_cur_table as current from pgq.queue",
  );
  const bytes = async () =>
    (await session.one<{ n: number }>(`select avg(length(ev_data))::int4 as n from ${current}`)).n;
  const row = await bytes();
  await side.settle();
  await session.execute(`delete from ${captured}`);
  const key = await bytes();
  await side.settle();
  return { queueId: id, eventTable: current, dataBytes: { insert: row, update: row, delete: key } };
}

function capturedTable({ name }: Workload): string {
  return `${name}_captured`;
}

async function createLike(session: Connection, { name }: Workload, table: string): Promise<void> {
  await session.execute(`create table ${table} (like ${name} including all)`);
}

async function addTriggers(
  session: Connection,
  table: string,
  { trigger }: Variant,
  event: EventTarget,
): Promise<void> {
  if (trigger !== undefined) await session.execute(variantSql(table, trigger, event));
}

async function bulkTimes({ side, table, isCaptured }: Piece, workload: Workload): Promise<Times> {
  const visit = await visitTable(side, table, workload.rows, bulkOperations(workload), isCaptured);
  const perRow = visit.map(({ cpuMs }) => (cpuMs * 1000) / workload.rows);
  return Object.fromEntries(OPERATIONS.map((operation, i) => [operation, perRow[i]])) as unknown as Times;
}

/** Statements of one row each, in one transaction: no commits, and no round trips. */
async function singleTimes({ side, table, isCaptured }: Piece, { name }: Workload): Promise<Times> {
  const { session } = side;
  const statements: Readonly<Record<OperationName, string>> = {
    insert: `v_row.id := i; insert into ${table} values (v_row.*)`,
    update: `update ${table} set note = 'changed ' || i, amount = i, at = now() where id = i`,
    delete: `delete from ${table} where id = i`,
  };
  await session.execute('checkpoint');
  const times: Partial<Record<OperationName, number>> = {};
  for (const operation of OPERATIONS) {
    await session.execute(`vacuum analyze ${table}`);
    await side.settle();
    const { cpuMs } = await spentOn(session, () =>
      session.execute(`
        do $do$
        declare v_row ${name}_source%rowtype;
        begin
            select * into v_row from ${name}_source limit 1;
            for i in 1 .. ${STATEMENTS} loop
                ${statements[operation]};
            end loop;
        end $do$`),
    );
    const events = isCaptured ? await side.countEvents() : undefined;
    if (events !== undefined && events !== STATEMENTS) {
      throw new Error(`${STATEMENTS} statements (${operation}) left ${events} events.`);
    }
    times[operation] = (cpuMs * 1000) / STATEMENTS;
  }
  await session.execute(`truncate ${table}`);
  await side.settle();
  return times as Times;
}

function timesReport(title: string, visits: ReadonlyMap<Piece, readonly Times[]>): Report {
  const least = new Map([...visits].map(([{ name }, all]) => [name, minimumOf(all)]));
  const none = least.get('no trigger') as Times;
  const lines = [...least].map(([name, times]): Line => {
    const cell = (operation: OperationName) =>
      times === none ? times[operation].toFixed(2) : signed(times[operation] - none[operation], 2);
    return { name, cells: Object.fromEntries(OPERATIONS.map((op) => [op, cell(op)])), ratios: [] };
  });
  return { title, columns: OPERATIONS, lines };
}

function minimumOf(all: readonly Times[]): Times {
  const least = (operation: OperationName) => Math.min(...all.map((times) => times[operation]));
  return { insert: least('insert'), update: least('update'), delete: least('delete') };
}

/** What a row's text and an event's row cost by themselves, without a trigger. */
async function measureExpressions(
  side: Side,
  workload: Workload,
  event: EventTarget,
  rounds: number,
): Promise<Report> {
  const { session } = side;
  const { name, rows } = workload;
  await session.execute(`insert into ${name} select * from ${name}_source`);
  await session.execute(`vacuum analyze ${name}`);
  const { eventTable: queue, dataBytes } = event;
  await session.execute(`
    create table bare_events (like ${queue});
    create table default_events (like ${queue} including defaults);
    set max_parallel_workers_per_gather = 0`);
  // Integers and booleans as they are, every other type as its text: so events have them.
  const texts = `lateral (select t.id, t.note, t.doc::text as doc, t.at::text as at, t.amount::text as amount, t.flag,
                                 t.raw::text as raw, t.list::text as list) as c`;
  const read = (expression: string, from = '') =>
    session.execute(`select sum(length(${expression})) from ${name} as t${from && ` cross join ${from}`}`);
  const write = (table: string) =>
    session.execute(`
      insert into ${table} (${table === 'bare_events' ? 'ev_id, ev_txid, ' : ''}ev_time, ev_type, ev_data, ev_extra1, ev_extra3)
      select ${table === 'bare_events' ? '1, 1, ' : ''}now(), '{"op":"INSERT","table":["public","wide"],"pkey":["id"]}',
             '${'x'.repeat(dataBytes.insert)}', 'public.wide', t.id::text
        from ${name} as t`);
  const expressions: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['reading the table', () => read("''")],
    ['the key as text', () => read('t.id::text')],
    ["the row as a record's text", () => read('t.*::text')],
    ['row_to_json of the row', () => read('row_to_json(t.*)::text')],
    [
      'the columns as text, joined',
      () => read("concat_ws(' ', c.id, c.note, c.doc, c.at, c.amount, c.flag, c.raw, c.list)", texts),
    ],
    ['row_to_json of the columns as text', () => read('row_to_json(c.*)::text', texts)],
    ['event rows into a table without index and defaults', () => write('bare_events')],
    ['event rows with ev_id, ev_txid by default', () => write('default_events')],
    ['event rows into the event table (index on ev_txid)', () => write(queue)],
  ];
  const times = await visitInTurns(expressions, rounds, async ([, run]) => {
    const { cpuMs } = await spentOn(session, run);
    await session.execute(`truncate bare_events, default_events, ${queue}`);
    return (cpuMs * 1000) / rows;
  });
  const lines = [...times].map(
    ([[text], all]): Line => ({
      name: text,
      cells: { 'µs per row': Math.min(...all).toFixed(2) },
      ratios: [],
    }),
  );
  return {
    title: `Parts of an event by themselves: µs of CPU per row (data: ${dataBytes.insert} bytes)`,
    columns: ['µs per row'],
    lines,
  };
}
