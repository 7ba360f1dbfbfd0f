/**
 * A consumer while another session holds a snapshot for an hour, so that no row version can be removed (a dump, a
 * forgotten transaction): `npm run bench:held-snapshot [major] [ticks]`, on a server of its own.
 *
 * The hour is 20,000 ticks, each with its events and its batch. Two databases do the same in turns; in one of them a
 * session has a snapshot. Prints the medians of the first and of the last batches of both, and the slow-down: how much
 * longer the last batches took than the control's. The first of the held side show what noise is.
 */

import { openConnection } from '../src/db/connect.js';
import type { Connection } from '../src/db/connection.js';
import { type EmbeddedServer, startEmbeddedServer } from '../src/demo/embedded-server.js';
import { installSchemas } from '../src/install/install-schemas.js';
import { loadSchemaFiles } from '../src/install/schema-files.js';
import { findSqlRoot } from '../src/install/sql-root.js';
import { finishBatch, nextBatch } from '../src/queue/batches.js';
import { median, millisecondsOf } from './rounds.js';

const MAJOR = Number(process.argv[2] ?? 15);
const TICKS = Number(process.argv[3] ?? 20_000);
const EVENTS_PER_TICK = 10;
const WARM_UP = 200;
/** So many batches make a median. */
const WINDOW = 1000;
const BAR_PERCENT = 20;

/** Milliseconds of each part of each turn. */
type Part = 'tick' | 'next_batch' | 'get_batch_events' | 'finish_batch' | 'empty next_batch';
type Times = Record<Part, number[]>;
const BATCH: readonly Part[] = ['next_batch', 'get_batch_events', 'finish_batch'];

interface Side {
  readonly name: string;
  readonly session: Connection;
  readonly times: Times;
}

// The hour takes a minute or two here: autovacuum has to hurry as well.
await using server = await startEmbeddedServer({ major: MAJOR, settings: { autovacuum_naptime: '1s' } });
await using control = await openDatabase(server, 'control');
await using held = await openDatabase(server, 'held');
const sides = [side('control', control), side('held', held)];
for (let turn = 0; turn < WARM_UP; turn++) await takeTurns(sides, turn, false);

await using holder = await connect(server, 'held');
await holder.execute('begin isolation level repeatable read');
await holder.query('select count(*) from pgq.subscription');
for (let turn = 0; turn < TICKS; turn++) await takeTurns(sides, turn, true);
print(`PostgreSQL ${MAJOR}, ${TICKS} ticks with ${EVENTS_PER_TICK} events each`);
for (const { name, session, times } of sides) {
  print(`\n${name}`);
  const lines = [...parts(times), ['batch', batchTimes(times)] as const];
  for (const [part, all] of lines) {
    const [first, last] = [median(all.slice(0, WINDOW)), median(all.slice(-WINDOW))];
    const rate = part === 'batch' ? `   ${eventsPerSecond(first)} → ${eventsPerSecond(last)} events/s` : '';
    print(
      `  ${part.padEnd(18)} ${first.toFixed(3)} → ${last.toFixed(3)} ms  ${percent(last / first)}${rate}`,
    );
  }
  await printTables(session);
}
const [controlLast = 0, heldLast = 0] = sides.map(({ times }) => median(batchTimes(times).slice(-WINDOW)));
const slowDown = (heldLast / controlLast - 1) * 100;
print(`\nslow-down of a batch by the held snapshot: ${slowDown.toFixed(1)} % (bar ${BAR_PERCENT} %)`);
await holder.execute('rollback');
if (slowDown >= BAR_PERCENT) process.exitCode = 2;

/** One tick and one batch on each side; who begins alternates. */
async function takeTurns(all: readonly Side[], turn: number, measured: boolean): Promise<void> {
  for (const { session, times } of turn % 2 === 0 ? all : all.toReversed()) {
    await session.query(
      "select count(pgq.insert_event('q', 'type', 'event ' || i)) from generate_series(1, $1::int) as i",
      [EVENTS_PER_TICK],
    );
    const note = measured ? times : emptyTimes();
    note.tick.push(await millisecondsOf(() => session.query("select pgq.ticker('q')")));
    let batch: Awaited<ReturnType<typeof nextBatch>>;
    note.next_batch.push(
      await millisecondsOf(async () => {
        batch = await nextBatch(session, 'q', 'c');
      }),
    );
    if (batch === undefined) throw new Error('There is no batch.');
    const { id } = batch;
    let count = 0;
    note.get_batch_events.push(
      await millisecondsOf(async () => {
        count = (await session.query('select * from pgq.get_batch_events($1)', [id])).length;
      }),
    );
    if (count !== EVENTS_PER_TICK) throw new Error(`A batch has ${count} events.`);
    const opened = batch;
    note.finish_batch.push(await millisecondsOf(() => finishBatch(session, opened)));
    note['empty next_batch'].push(await millisecondsOf(() => nextBatch(session, 'q', 'c')));
  }
}

async function openDatabase(on: EmbeddedServer, name: string): Promise<Connection> {
  {
    await using first = await connect(on, 'postgres');
    await first.execute(`create database ${name}`);
  }
  const session = await connect(on, name);
  await installSchemas(session, {
    schemas: loadSchemaFiles(findSqlRoot()).filter(({ schema }) => schema === 'pgq'),
  });
  await session.query("select pgq.create_queue('q')");
  await session.query("select pgq.set_queue_config('q', 'ticker_max_lag', '0')");
  await session.query("select pgq.register_consumer('q', 'c')");
  return session;
}

function connect(on: EmbeddedServer, database: string): Promise<Connection> {
  return openConnection(
    { host: '127.0.0.1', port: on.port, database, user: 'postgres' },
    { application: 'bench' },
  );
}

async function printTables(session: Connection): Promise<void> {
  const rows = await session.query<{ line: string }>(`
    select format('  %s: table %s kB, indexes %s kB, updates %s, hot %s',
                  c.oid::regclass, pg_table_size(c.oid) / 1024, pg_indexes_size(c.oid) / 1024,
                  s.n_tup_upd, s.n_tup_hot_upd) as line
      from pg_class as c
      join pg_stat_user_tables as s on s.relid = c.oid
     where c.oid in ('pgq.subscription'::regclass, 'pgq.queue'::regclass, 'pgq.tick'::regclass,
                     'pgq.event_1_0'::regclass)
     order by 1`);
  for (const { line } of rows) print(line);
}

function side(name: string, session: Connection): Side {
  return { name, session, times: emptyTimes() };
}

function emptyTimes(): Times {
  return { tick: [], next_batch: [], get_batch_events: [], finish_batch: [], 'empty next_batch': [] };
}

function parts(times: Times): (readonly [string, readonly number[]])[] {
  return Object.entries(times);
}

/** What a consumer spends on each batch. */
function batchTimes(times: Times): number[] {
  return times.next_batch.map((_, i) => BATCH.reduce((sum, part) => sum + (times[part][i] ?? 0), 0));
}

function eventsPerSecond(batchMs: number): number {
  return Math.round((EVENTS_PER_TICK / batchMs) * 1000);
}

function percent(ratio: number): string {
  return `${ratio >= 1 ? '+' : ''}${((ratio - 1) * 100).toFixed(1)} %`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
