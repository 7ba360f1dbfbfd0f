import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/db/connection.js';
import type { FreshDatabase } from '../support/cluster.js';
import { waitUntilSeen } from '../support/wait-until.js';

/** One text that a reader did not see as often as it was written. */
export interface Difference {
  readonly data: string;
  readonly written: bigint;
  readonly seen: bigint;
}

/**
 * Makes queue `q`, whose ticks are as frequent as its ticker, and the two tables of a load: `written` has a row for each event
 * of a committed transaction, and readers add a row to `seen` for each event that they get.
 */
export async function prepareLoad(database: FreshDatabase): Promise<void> {
  await database.query("select pgq.create_queue('q')");
  await database.query(
    "update pgq.queue set queue_ticker_max_lag = '0', queue_ticker_idle_period = '0.1 s' where queue_name = 'q'",
  );
  await database.query('create table public.written (data text)');
  await database.query(
    'create table public.seen (data text, retry integer, batch bigint, reader text, fields text[])',
  );
}

/** Sessions that write events until `stop`: some of one event and some of many, some rolled back, one always long. */
export class Writers implements AsyncDisposable {
  readonly #database: FreshDatabase;
  readonly #running: Promise<void>[];
  #isStopped = false;

  constructor(database: FreshDatabase, count = 2) {
    this.#database = database;
    this.#running = Array.from({ length: count }, (_, writer) => this.#write(writer));
  }

  /** Ends them, and writes one last event, `end`, after all others. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await Promise.all(this.#running);
    await writeEvents(this.#database, 'end', 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await Promise.allSettled(this.#running);
  }

  async #write(writer: number): Promise<void> {
    await using session = await this.#database.application();
    for (let i = 0; !this.#isStopped; i++) {
      await session.execute('begin');
      await writeEvents(session, `${writer}-${i}-a`, i % 10 === 0 ? 30 : 1);
      // The first writer's transactions are open over several ticks.
      await sleep(writer === 0 ? 150 : 15);
      await writeEvents(session, `${writer}-${i}-b`, 2);
      await session.execute(i % 7 === 3 ? 'rollback' : 'commit');
    }
  }
}

/** Writes events that have their texts as data, and the texts into `written`, in one statement. */
export async function writeEvents(
  session: Pick<Connection | FreshDatabase, 'query'>,
  name: string,
  count: number,
): Promise<void> {
  await session.query(
    `with w as (insert into public.written select $1 || '-' || g from generate_series(1, $2::int) as g returning data)
     select pgq.insert_event('q', 'type', w.data) from w`,
    [name, count],
  );
}

/** Waits until a reader has seen the last event of stopped writers. */
export async function endIsSeen(database: FreshDatabase, explain: () => string = () => ''): Promise<void> {
  await waitUntilSeen(
    'the last event is read',
    async () => {
      const { ends } = await one<{ ends: bigint }>(
        database,
        "select count(*) as ends from public.seen where data = 'end-1'",
      );
      return { ends, explanation: explain() };
    },
    ({ ends }) => ends > 0n,
  );
}

/** The texts that were not seen exactly as often as they were written. Events that came again as a retry do not count. */
export async function differences(database: FreshDatabase): Promise<Difference[]> {
  return database.query<Difference & Record<string, unknown>>(`
    with w as (select data, count(*) as written from public.written group by data),
         s as (select data, count(*) as seen from public.seen where retry = 0 group by data)
    select data, coalesce(written, 0) as written, coalesce(seen, 0) as seen
      from w full join s using (data)
     where written is distinct from seen
     order by data limit 20`);
}

/** How many events were seen for the first time, in how many batches. */
export async function seenSoFar(database: FreshDatabase): Promise<{ events: bigint; batches: bigint }> {
  return one(
    database,
    'select count(*) as events, count(distinct batch) as batches from public.seen where retry = 0',
  );
}

/** Waits until at least so many batches with events were read. */
export async function batchesAreRead(database: FreshDatabase, batches: bigint): Promise<void> {
  await waitUntilSeen(
    `${batches} batches are read`,
    () => seenSoFar(database),
    (seen) => seen.batches >= batches,
  );
}

/** How often the tables of the queue were rotated since the first look. */
export class Rotations {
  readonly #database: FreshDatabase;
  readonly #seen = new Set<bigint>();

  constructor(database: FreshDatabase) {
    this.#database = database;
  }

  /** Waits until the queue stood on so many different tables, one after the other. */
  async seen(count: number): Promise<void> {
    await waitUntilSeen(
      `${count} rotations`,
      async () => {
        const { step1 } = await one<{ step1: bigint }>(
          this.#database,
          "select queue_switch_step1 as step1 from pgq.queue where queue_name = 'q'",
        );
        this.#seen.add(step1);
        return this.#seen.size - 1;
      },
      (rotations) => rotations >= count,
    );
  }
}

async function one<R extends Record<string, unknown>>(database: FreshDatabase, sql: string): Promise<R> {
  const [row] = await database.query<R>(sql);
  return row as R;
}
