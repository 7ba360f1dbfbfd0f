import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, Row } from '../../src/db/connection.js';
import type { Program, ProgramOutcome } from '../../src/demo/program.js';
import { type Cluster, type FreshDatabase, freshDatabase, startCluster } from './cluster.js';
import { findDifferences } from './differences.js';
import { expectExit, replicate, startReplicate, startTicker } from './programs.js';
import { waitUntilSeen } from './wait-until.js';

const QUEUE = 'app';

type CleanUp = () => Promise<unknown>;

export interface ChainOptions {
  /** Major version of the root's server. */
  readonly from: number;
  /** Major version of the leaf's server. */
  readonly to: number;
  /** SQL that makes the tables, run on both sides; then all tables and sequences are added on both and in sync. Without it nothing is added. */
  readonly tables?: string;
  /** SQL run on the root only, after `tables` and before anything is added: the rows to copy. */
  readonly rows?: string;
  /** More lines for the ini files of both workers. */
  readonly ini?: readonly string[];
  /** True for servers of their own, which may be killed; false shares those of the test file. */
  readonly ownServers?: boolean;
}

/** One node: its database, its ini file, its worker. */
export class ChainNode {
  readonly name: string;
  readonly folder: string;
  readonly database: Pick<FreshDatabase, 'cluster' | 'name' | 'conninfo'>;
  worker: Program | undefined;

  constructor(name: string, folder: string, database: FreshDatabase) {
    this.name = name;
    this.folder = folder;
    this.database = database;
  }

  /** The ini file's name below the chain's folder. */
  get ini(): string {
    return `${this.name}.ini`;
  }

  get cluster(): Cluster {
    return this.database.cluster;
  }

  /** A session as an application has it. The caller closes it. */
  application(): Promise<Connection> {
    return this.cluster.application(this.database.name);
  }

  /** A session as our programs have it. The caller closes it. */
  connect(): Promise<Connection> {
    return this.cluster.connect(this.database.name);
  }

  /** As `Cluster.query`. */
  query<R extends Row = Row>(sql: string, values?: readonly unknown[]): Promise<R[]> {
    return this.cluster.query<R>(this.database.name, sql, values);
  }

  /** Runs `replicate <node>.ini words…` to its end. */
  run(...words: string[]): Promise<ProgramOutcome> {
    return replicate([this.ini, ...words], { folder: this.folder });
  }

  /** As `run`; throws when the exit code is not 0. */
  async must(...words: string[]): Promise<ProgramOutcome> {
    return expectExit(await this.run(...words));
  }

  startWorker(): Program {
    this.worker = startReplicate([this.ini, 'worker'], { folder: this.folder });
    return this.worker;
  }

  /** SIGKILL to the worker. */
  async killWorker(): Promise<void> {
    this.worker?.signal('SIGKILL');
    await this.worker?.ended;
  }

  async stopWorker(): Promise<ProgramOutcome | undefined> {
    return this.worker?.stop();
  }
}

/** A root and a leaf in two databases, with a ticker and two workers as processes. */
export class Chain implements AsyncDisposable {
  readonly queue = QUEUE;
  readonly folder: string;
  readonly root: ChainNode;
  readonly leaf: ChainNode;
  readonly #cleanUp: readonly CleanUp[];
  ticker: Program | undefined;

  /** Use `openChain`. */
  constructor(folder: string, root: FreshDatabase, leaf: FreshDatabase, cleanUp: readonly CleanUp[]) {
    this.folder = folder;
    this.root = new ChainNode('root', folder, root);
    this.leaf = new ChainNode('leaf', folder, leaf);
    this.#cleanUp = cleanUp;
  }

  startTicker(): Program {
    this.ticker = startTicker(['ticker.ini'], { folder: this.folder });
    return this.ticker;
  }

  /** Waits until the leaf has all that is committed on the root now, and every table that the leaf has is `ok`. */
  async caughtUp(timeoutMs = 60_000): Promise<void> {
    const [now] = await this.root.query<{ id: bigint }>('select txid_current() as id');
    await waitUntilSeen(
      'the leaf has caught up with the root',
      () => this.#position(now?.id ?? 0n),
      (seen) =>
        seen.leafTick !== null && seen.tick !== null && seen.leafTick >= seen.tick && seen.notReady === null,
      { timeoutMs },
    );
  }

  /** One line per table that is not the same on root and leaf. */
  async differences(): Promise<string[]> {
    await using left = await this.root.connect();
    await using right = await this.leaf.connect();
    return await findDifferences(left, right);
  }

  /** Waits until the leaf has so many foreign keys that are valid, and none is saved for later. */
  async foreignKeysBack(count: number): Promise<void> {
    await waitUntilSeen(
      `the leaf has ${count} valid foreign keys`,
      async () => {
        const [seen] = await this.leaf.query<{ valid: bigint; pending: bigint }>(
          `select (select count(*) from pg_constraint where contype = 'f' and convalidated
                     and connamespace = 'public'::regnamespace) as valid,
                  (select count(*) from londiste.pending_fkeys) as pending`,
        );
        return seen;
      },
      (seen) => seen?.valid === BigInt(count) && seen.pending === 0n,
    );
  }

  /** Ends the ticker and both workers. Safe to repeat. */
  async stopPrograms(): Promise<void> {
    await Promise.all([this.root.worker?.stop(), this.leaf.worker?.stop(), this.ticker?.stop()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runAll(this.#cleanUp);
  }

  /** The first tick that shows all transactions up to `transactionId`, and where the leaf is. */
  async #position(transactionId: bigint) {
    await this.root.query('select pgq.force_tick($1)', [QUEUE]);
    const [above] = await this.root.query<{ tick: bigint | null }>(
      `select min(t.tick_id) as tick
         from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
        where q.queue_name = $1 and txid_snapshot_xmin(t.tick_snapshot) > $2`,
      [QUEUE, transactionId],
    );
    const [below] = await this.leaf.query<{ tick: bigint; error: string | null }>(
      `select s.last_tick_id as tick, s.cur_error as error
         from pgq_node.local_state s join pgq_node.node_info n using (queue_name)
        where s.queue_name = $1 and s.consumer_name = n.worker_name`,
      [QUEUE],
    );
    const [tables] = await this.leaf.query<{ names: string | null }>(
      `select string_agg(table_name || ' ' || coalesce(merge_state, 'new'), ', ') as names
         from londiste.table_info
        where queue_name = $1 and local and merge_state is distinct from 'ok'`,
      [QUEUE],
    );
    return {
      tick: above?.tick ?? null,
      leafTick: below?.tick ?? null,
      notReady: tables?.names ?? null,
      error: below?.error ?? null,
      leafWorker: this.leaf.worker?.isRunning === true ? 'running' : this.leaf.worker?.stderr.slice(-2_000),
    };
  }
}

/** Sets up root and leaf, with ticker and workers running. With `tables` all of them are added and in sync. */
export async function openChain(options: ChainOptions): Promise<Chain> {
  const cleanUp: CleanUp[] = [];
  try {
    const folder = await mkdtemp(join(tmpdir(), 'pgcascade-chain-'));
    cleanUp.unshift(() => rm(folder, { recursive: true, force: true }));
    const own = options.ownServers === true;
    const root = await openDatabase(options.from, 'old', own);
    cleanUp.unshift(() => root[Symbol.asyncDispose]());
    const leaf = await openDatabase(options.to, 'new', own);
    cleanUp.unshift(() => leaf[Symbol.asyncDispose]());
    const chain = new Chain(folder, root, leaf, cleanUp);
    cleanUp.unshift(() => chain.stopPrograms());
    await setUp(chain, options);
    return chain;
  } catch (error) {
    await runAll(cleanUp);
    throw error;
  }
}

async function setUp(chain: Chain, options: ChainOptions): Promise<void> {
  const { root, leaf } = chain;
  await writeIniFiles(chain, options.ini ?? []);
  if (options.tables !== undefined) {
    await root.query(options.tables);
    await leaf.query(options.tables);
  }
  if (options.rows !== undefined) await root.query(options.rows);
  await root.must('create-root', 'root', root.database.conninfo);
  await root.query("select pgq.set_queue_config($1, 'ticker_max_lag', '50 milliseconds')", [QUEUE]);
  chain.startTicker();
  await leaf.must('create-leaf', 'leaf', leaf.database.conninfo, `--provider=${root.database.conninfo}`);
  root.startWorker();
  leaf.startWorker();
  if (options.tables !== undefined) await addAll(chain);
}

async function addAll(chain: Chain): Promise<void> {
  for (const node of [chain.root, chain.leaf]) {
    await node.must('add-table', '--all');
    await node.must('add-seq', '--all');
  }
  await chain.leaf.must('wait-sync');
  await chain.caughtUp();
}

async function openDatabase(major: number, prefix: string, own: boolean): Promise<FreshDatabase> {
  if (!own) return freshDatabase(major, prefix);
  const cluster = await startCluster(major);
  await cluster.createDatabase(prefix);
  return {
    cluster,
    name: prefix,
    conninfo: cluster.conninfo(prefix),
    url: cluster.url(prefix),
    connect: () => cluster.connect(prefix),
    application: () => cluster.application(prefix),
    query: (sql, values) => cluster.query(prefix, sql, values),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
}

async function writeIniFiles(chain: Chain, more: readonly string[]): Promise<void> {
  const base = chain.root.cluster.conninfo('').replace('dbname= ', '');
  const tickerLines = [
    '[ticker]',
    'pidfile = ticker.pid',
    `base_connstr = ${base}`,
    `database_list = ${chain.root.database.name}`,
    'check_period = 0.2',
    'ticker_period = 0.05',
    'retry_period = 1',
    'maint_period = 5',
  ];
  await writeFile(join(chain.folder, 'ticker.ini'), `${tickerLines.join('\n')}\n`);
  for (const node of [chain.root, chain.leaf]) {
    const lines = [
      '[replicate]',
      `job_name = ${node.name}_worker`,
      `db = ${node.database.conninfo}`,
      `queue_name = ${QUEUE}`,
      `pidfile = ${node.name}.pid`,
      'loop_delay = 0.05',
      'exception_sleep = 0.5',
      'parallel_copies = 4',
      ...more,
    ];
    await writeFile(join(chain.folder, node.ini), `${lines.join('\n')}\n`);
  }
}

/** Runs all steps, also after one failed; throws the first error. */
async function runAll(steps: readonly CleanUp[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    await step().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}
