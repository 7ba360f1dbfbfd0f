import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { TableComparison } from '../../src/compare/compare-table.js';
import { type CompareOptions, type Comparison, compareTables } from '../../src/compare/compare-tables.js';
import type { SnapshotPorts } from '../../src/compare/snapshot-pair.js';
import { importSnapshot, openTickSnapshot, type SnapshotName } from '../../src/copy/tick-snapshot.js';
import type { Connection } from '../../src/db/connection.js';
import { type TickId, tickId } from '../../src/queue/ids.js';
import { SnapshotServer } from '../../src/worker/serve-snapshots.js';
import type { FreshDatabase } from '../support/cluster.js';
import { installedDatabase } from '../support/installed-database.js';

export const QUEUE = 'app';
const WORKER = 'leaf_worker';

/** `application_name` of the sessions of a compare. */
export const COMPARING = 'comparing';

/** A root and a leaf, and a worker that applies events whose data is an SQL statement. */
export interface CompareFixture extends AsyncDisposable {
  readonly provider: FreshDatabase;
  readonly subscriber: FreshDatabase;
  readonly worker: StatementWorker;
  readonly ports: SnapshotPorts;
  /** Runs the same statements on both sides, as an application. */
  both(sql: string): Promise<void>;
  /** Registers tables on both sides as in sync. */
  addTables(...names: string[]): Promise<void>;
  compare(
    tables: readonly string[],
    options?: Partial<CompareOptions>,
    ports?: SnapshotPorts,
  ): Promise<Comparison>;
  /** The verdict of one table. */
  verdict(table: string, options?: Partial<CompareOptions>): Promise<TableComparison['verdict']>;
}

/** With an encoding the root's database has that one. */
export async function openCompareFixture(
  from: number,
  to: number,
  encoding?: string,
): Promise<CompareFixture> {
  const provider = await installedDatabase(from, 'old', undefined, encoding);
  const subscriber = await installedDatabase(to, 'new');
  await makeNodes(provider, subscriber);
  const worker = await StatementWorker.open(provider, subscriber);
  worker.start();
  const ports: SnapshotPorts = {
    connectProvider: () => openNamed(provider),
    connectSubscriber: () => openNamed(subscriber),
    openTickSnapshot,
    importSnapshot: (reader, snapshot) => importSnapshot(reader, snapshot as SnapshotName),
  };
  const compare: CompareFixture['compare'] = (tableNames, options = {}, otherPorts = ports) =>
    compareTables(
      otherPorts,
      {
        queueName: QUEUE,
        tableNames,
        handlers: {},
        countOnly: false,
        jobs: 2,
        chunkRows: 100,
        timeoutMs: 10_000,
        lockTimeoutMs: 1_000,
        signal: new AbortController().signal,
        ...options,
      },
      { onTick() {}, onStart() {}, onRows() {}, onTable() {} },
    );
  return {
    provider,
    subscriber,
    worker,
    ports,
    compare,
    async verdict(table, options) {
      const { tables } = await compare([table], options);
      return (tables[0] as TableComparison).verdict;
    },
    async both(sql) {
      await provider.query(sql);
      await subscriber.query(sql);
    },
    async addTables(...names) {
      for (const database of [provider, subscriber]) {
        await using session = await database.connect();
        for (const name of names) {
          // A leaf hears of a table by an event; this worker applies only statements.
          if (database === subscriber) {
            await session.query('select londiste.global_add_table($1, $2)', [QUEUE, name]);
          }
          const { ret_code, ret_note } = await session.one<{ ret_code: number; ret_note: string }>(
            "select * from londiste.local_add_table($1, $2, '{no_triggers,expect_sync}')",
            [QUEUE, name],
          );
          if (ret_code >= 300) throw new Error(`${name}: ${ret_note}`);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await provider[Symbol.asyncDispose]();
      await subscriber[Symbol.asyncDispose]();
    },
  };
}

async function openNamed(database: FreshDatabase): Promise<Connection> {
  const connection = await database.connect();
  await connection.execute(`set application_name = ${COMPARING}`);
  return connection;
}

async function makeNodes(provider: FreshDatabase, subscriber: FreshDatabase): Promise<void> {
  await using root = await provider.connect();
  await using leaf = await subscriber.connect();
  await root.query("select pgq_node.register_location($1, 'root', 'root', false)", [QUEUE]);
  await root.query("select pgq_node.create_node($1, 'root', 'root', 'root_worker', null, null, null)", [
    QUEUE,
  ]);
  await root.query('select pgq.register_consumer($1, $2)', [QUEUE, WORKER]);
  const { last } = await root.one<{ last: bigint }>('select max(tick_id) as last from pgq.tick');
  await leaf.query("select pgq_node.register_location($1, 'root', 'root', false)", [QUEUE]);
  await leaf.query("select pgq_node.register_location($1, 'leaf', 'leaf', false)", [QUEUE]);
  await leaf.query("select pgq_node.create_node($1, 'leaf', 'leaf', $2, 'root', $3, null)", [
    QUEUE,
    WORKER,
    last,
  ]);
}

/** The loop of a worker, with nothing in it but what compare needs. */
export class StatementWorker {
  readonly snapshots: SnapshotServer;
  readonly #provider: Connection;
  readonly #subscriber: Connection;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #completed: TickId;

  private constructor(
    provider: Connection,
    subscriber: Connection,
    snapshots: SnapshotServer,
    completed: TickId,
  ) {
    this.#provider = provider;
    this.#subscriber = subscriber;
    this.snapshots = snapshots;
    this.#completed = completed;
  }

  static async open(provider: FreshDatabase, subscriber: FreshDatabase): Promise<StatementWorker> {
    const target = await subscriber.connect();
    const snapshots = new SnapshotServer({
      queueName: QUEUE,
      subscriber: target,
      openHolder: () => subscriber.connect(),
      log: pino({ level: 'silent' }),
    });
    const { tick } = await target.one<{ tick: bigint }>('select pgcascade.completed_tick($1) as tick', [
      QUEUE,
    ]);
    return new StatementWorker(await provider.connect(), target, snapshots, tickId(tick));
  }

  get completedTick(): TickId {
    return this.#completed;
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** Ends the loop and releases all snapshots. Safe to repeat. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.snapshots.close();
    await this.#provider.close();
    await this.#subscriber.close();
  }

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.snapshots.serve(this.#completed);
      if (!(await this.#replayBatch())) await sleep(5);
    }
  }

  async #replayBatch(): Promise<boolean> {
    const batch = await this.#provider.one<{ batch_id: bigint | null; cur_tick_id: bigint }>(
      'select * from pgq.next_batch_info($1, $2)',
      [QUEUE, WORKER],
    );
    if (batch.batch_id === null) return false;
    const events = await this.#provider.query<{ ev_type: string; ev_data: string }>(
      'select * from pgq.get_batch_events($1)',
      [batch.batch_id],
    );
    await this.#subscriber.transaction(async (tx) => {
      for (const event of events) if (event.ev_type === 'SQL') await tx.execute(event.ev_data);
      await tx.query('select pgq_node.set_consumer_completed($1, $2, $3)', [
        QUEUE,
        WORKER,
        batch.cur_tick_id,
      ]);
    });
    this.#completed = tickId(batch.cur_tick_id);
    await this.#provider.query('select pgq.finish_batch($1)', [batch.batch_id]);
    return true;
  }
}
