/**
 * Rows per second of applyBlock alone, on one server: events are made in memory, applied block by block in one
 * transaction, which is rolled back. Run: node bench/apply-block.ts 'host=127.0.0.1 port=5432 …' [block rows].
 */
import { applyBlock } from '../src/apply/apply-block.js';
import { loadTargetTable } from '../src/apply/load-target-table.js';
import { createConnect } from '../src/db/connect.js';
import type { QueueEvent } from '../src/queue/event.js';
import { eventId } from '../src/queue/ids.js';

const [conninfo = 'host=127.0.0.1 dbname=postgres user=postgres', blockRows = '10000'] =
  process.argv.slice(2);
const BLOCK = Number(blockRows);
const TABLE = 'public.apply_block_bench';
const ROWS = 200_000;

interface Shape {
  readonly name: string;
  readonly columns: string;
  readonly values: (id: number, round: number) => Record<string, unknown>;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'narrow',
    columns: 'id bigint primary key, a integer, t text',
    values: (id, round) => ({ id, a: id % 100, t: `row ${id} round ${round}` }),
  },
  {
    name: 'narrow, events in order',
    columns: 'id numeric primary key, a integer, t text',
    values: (id, round) => ({ id: `${id}`, a: id % 100, t: `row ${id} round ${round}` }),
  },
  {
    name: 'wide (300 bytes)',
    columns:
      'id bigint primary key, a integer, b integer, t text, u text, v text, at timestamptz, n numeric(12,2), f boolean, j jsonb',
    values: (id, round) => ({
      id,
      a: id % 100,
      b: round,
      t: 'some text of middling length',
      u: `${id}`.repeat(6),
      v: null,
      at: '2024-05-06 07:08:09.123456+00',
      n: `${id}.50`,
      f: true,
      j: `{"k": "${id}", "l": [1, 2, 3]}`,
    }),
  },
];

const connection = await createConnect(process.env)(conninfo, { application: 'bench' });
await connection.execute("set session_replication_role = 'replica'");
for (const shape of SHAPES) {
  await connection.execute(`create table ${TABLE} (${shape.columns})`);
  try {
    await measureShape(shape);
  } finally {
    await connection.execute(`drop table ${TABLE}`);
  }
}
await connection.close();

async function measureShape(shape: Shape): Promise<void> {
  const rounds: Record<string, QueueEvent[]> = {
    insert: events('INSERT', (id) => shape.values(id, 0)),
    update: events('UPDATE', (id) => shape.values(id, 1)),
    'update, one by one in the queue with deletes and inserts of others': mixed(shape),
    delete: events('DELETE', (id) => ({ id: shape.values(id, 0)['id'] })),
  };
  const target = await loadTargetTable(connection, TABLE, TABLE);
  for (const [name, all] of Object.entries(rounds)) {
    const cpu = process.cpuUsage();
    const started = process.hrtime.bigint();
    await connection.transaction(async (tx) => {
      for (let from = 0; from < all.length; from += BLOCK) {
        const outcome = await applyBlock({ tx, tableOf: () => target }, all.slice(from, from + BLOCK));
        if (outcome.conflicts.length > 0) throw new Error(JSON.stringify(outcome, (_, v) => `${v}`));
      }
    });
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    const { user, system } = process.cpuUsage(cpu);
    process.stdout.write(
      `${shape.name}: ${name}: ${Math.round(all.length / ms)}k events/s, ${ms.toFixed(0)} ms, node CPU ${((user + system) / 1000).toFixed(0)} ms\n`,
    );
  }
}

function events(op: string, values: (id: number) => Record<string, unknown>): QueueEvent[] {
  return Array.from({ length: ROWS }, (_, i) => event(i, op, values(i)));
}

/** Update of one row, delete and new insert of another. */
function mixed(shape: Shape): QueueEvent[] {
  return Array.from({ length: ROWS }, (_, i) => {
    const id = i - (i % 3 === 2 ? 1 : 0);
    const op = ['UPDATE', 'DELETE', 'INSERT'][i % 3] as string;
    return event(i, op, op === 'DELETE' ? { id: shape.values(id, 0)['id'] } : shape.values(id, 2));
  }).slice(0, ROWS - (ROWS % 3));
}

function event(i: number, op: string, row: Record<string, unknown>): QueueEvent {
  return {
    id: eventId(BigInt(i)),
    txid: 1n,
    type: `{"op":"${op}","table":["public","apply_block_bench"],"pkey":["id"]}`,
    data: JSON.stringify(row),
    extra1: TABLE,
    extra2: null,
    extra3: null,
    extra4: null,
  };
}
