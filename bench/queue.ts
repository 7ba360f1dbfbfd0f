/**
 * The queue against the stock pgq extension, on one server (Debian's PostgreSQL 15) with a database for each:
 * `npm run bench:queue [rounds]`. Needs the stock packages; as root on Debian it installs them.
 *
 * Prints a line per contest: what each side did in a second (median of the rounds) and the ratio ours : stock.
 */
import type { Connection } from '../src/db/connection.js';
import { Consumer } from '../src/queue/consumer.js';
import { openStockAndOurs, type StockAndOurs } from '../test/interop/stock-and-ours.js';
import { whyNoStockPackages } from '../test/support/stock-server.js';
import { type Contest, median, millisecondsOf, runContest } from './rounds.js';

const ROUNDS = Number(process.argv[2] ?? 5);
const EVENTS = 40_000;
const CLIENTS = 4;
const TRANSACTIONS = 1500;
const ROWS = 20_000;
const TRIGGERS = ['logutriga', 'sqltriga', 'jsontriga'] as const;

const missing = whyNoStockPackages();
if (missing !== undefined) {
  process.stderr.write(`The stock packages are missing: ${missing}\n`);
  process.exit(3);
}
await using databases = await openStockAndOurs();
for (const connection of [databases.ours, databases.stock]) await prepare(connection);
for (const contest of contests(databases)) {
  const result = await runContest(contest, ROUNDS);
  const bar = result.bar === undefined ? '' : `  (bar ${result.bar.toFixed(2)})`;
  const figures = `ours ${whole(result.ours)}  stock ${whole(result.peer)} ${result.unit}`;
  print(
    `${result.name.padEnd(52)} ${figures.padEnd(44)} ratio ${(result.ours / result.peer).toFixed(2)}${bar}`,
  );
}

function contests({ ours, stock, open }: StockAndOurs): readonly Contest[] {
  const both = (measure: (session: Connection, side: 'ours' | 'stock') => Promise<number>) => ({
    ours: () => measure(ours, 'ours'),
    peer: () => measure(stock, 'stock'),
  });
  return [
    { name: 'insert_event, one statement', unit: 'events/s', bar: 0.5, ...both(insertInStatement) },
    {
      name: `insert_event, a transaction each, ${CLIENTS} clients`,
      unit: 'events/s',
      bar: 0.5,
      ...both((_, side) => insertInTransactions(() => open(side))),
    },
    ...TRIGGERS.map((trigger) => ({
      name: `${trigger}: rows above those without a trigger`,
      unit: 'rows/s',
      bar: 0.5,
      ...both((session) => writeRows(session, trigger)),
    })),
    {
      name: 'get_batch_events, one large batch',
      unit: 'events/s',
      bar: 1,
      ...both((session) => readBatches(session, EVENTS)),
    },
    {
      name: 'get_batch_events, batches of 500',
      unit: 'events/s',
      bar: 1,
      ...both((session) => readBatches(session, 500)),
    },
    {
      name: 'our Consumer, batches of 500, on ours and on stock',
      unit: 'events/s',
      bar: undefined,
      ...both((session) => readWithConsumer(session)),
    },
  ];
}

async function prepare(session: Connection): Promise<void> {
  await session.execute(`
    select pgq.create_queue('bench');
    select pgq.register_consumer('bench', 'reader');
    update pgq.queue set queue_ticker_max_count = 1, queue_ticker_max_lag = '0';
    create table bench_none (id int primary key, a text, b timestamptz, n numeric, f bool)`);
  for (const trigger of TRIGGERS) {
    await session.execute(`
      create table bench_${trigger} (like bench_none including all);
      create trigger capture after insert or update or delete on bench_${trigger}
         for each row execute procedure pgq.${trigger}('bench')`);
  }
}

/** Events of one transaction, written by one statement. */
async function insertInStatement(session: Connection): Promise<number> {
  const ms = await millisecondsOf(() => writeEvents(session, EVENTS));
  await forget(session);
  return (EVENTS / ms) * 1000;
}

/** Events in transactions of their own, by several clients at once. */
async function insertInTransactions(open: () => Promise<Connection>): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, open));
  const write = async (client: Connection) => {
    for (let i = 0; i < TRANSACTIONS; i++) {
      await client.executePrepared(
        'write',
        "select pgq.insert_event('bench', 'I:id', $1, 'public.t', null, null, null)",
        [`id=${i}&a=some+text+of+the+row`],
      );
    }
  };
  const ms = await millisecondsOf(() => Promise.all(clients.map(write)));
  await Promise.all(clients.map((client) => client.close()));
  return ((CLIENTS * TRANSACTIONS) / ms) * 1000;
}

/** Rows inserted, updated and deleted per second that the trigger adds to the time of a table without one. */
async function writeRows(session: Connection, trigger: string): Promise<number> {
  const write = (table: string) =>
    millisecondsOf(() =>
      session.execute(`
        insert into ${table} select i, 'some text of row ' || i, now(), i * 1.5, true from generate_series(1, ${ROWS}) as i;
        update ${table} set a = a || 'x', n = n + 1;
        delete from ${table}`),
    );
  const bare = median([await write('bench_none'), await write('bench_none'), await write('bench_none')]);
  const added = (await write(`bench_${trigger}`)) - bare;
  await forget(session);
  return ((3 * ROWS) / added) * 1000;
}

/** Reads batches with the routines of PgQ, as a client of any language does. */
async function readBatches(session: Connection, batchSize: number): Promise<number> {
  await forget(session);
  await writeBatches(session, batchSize);
  let count = 0;
  const ms = await millisecondsOf(async () => {
    for (;;) {
      const { batch } = await session.one<{ batch: bigint | null }>(
        "select pgq.next_batch('bench', 'reader') as batch",
      );
      if (batch === null) break;
      count += (await session.queryArrays('select * from pgq.get_batch_events($1)', [batch])).length;
      await session.one('select pgq.finish_batch($1)', [batch]);
    }
  });
  return eventsPerSecond(count, ms);
}

async function readWithConsumer(session: Connection): Promise<number> {
  await forget(session);
  await writeBatches(session, 500);
  const { conninfo } = await session.one<{ conninfo: string }>(
    `select 'host=127.0.0.1 user=postgres dbname=' || current_database() || ' port=' || current_setting('port') as conninfo`,
  );
  const consumer = new Consumer({ conninfo, queue: 'bench', name: 'reader' });
  const done = new AbortController();
  let count = 0;
  const ms = await millisecondsOf(async () => {
    for await (const batch of consumer.batches({ signal: done.signal })) {
      for await (const _ of batch.events()) count++;
      if (count >= EVENTS) done.abort();
    }
  });
  return eventsPerSecond(count, ms);
}

function eventsPerSecond(count: number, ms: number): number {
  if (count !== EVENTS) throw new Error(`${count} events were read instead of ${EVENTS}`);
  return (count / ms) * 1000;
}

async function writeBatches(session: Connection, batchSize: number): Promise<void> {
  for (let written = 0; written < EVENTS; written += batchSize) {
    await writeEvents(session, Math.min(batchSize, EVENTS - written));
    await session.execute("select pgq.ticker('bench')");
  }
}

async function writeEvents(session: Connection, count: number): Promise<void> {
  await session.execute(
    `select count(pgq.insert_event('bench', 'I:id', 'id=' || i || '&a=some+text+of+the+row&b=2020-01-01', 'public.t', null, null, null))
       from generate_series(1, $1::int) as i`,
    [count],
  );
}

/** The consumer stands at the end of an empty queue. */
async function forget(session: Connection): Promise<void> {
  await session.execute(`
    select pgq.ticker('bench');
    update pgq.subscription
       set sub_batch = null, sub_next_tick = null, sub_last_tick = (select max(tick_id) from pgq.tick)`);
  const { tables } = await session.one<{ tables: string }>(
    "select queue_data_pfx || '_0, ' || queue_data_pfx || '_1, ' || queue_data_pfx || '_2' as tables from pgq.queue",
  );
  await session.execute(`truncate ${tables}`);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
