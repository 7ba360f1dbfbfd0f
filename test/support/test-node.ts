import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection, Row } from '../../src/db/connection.js';
import type { Program, ProgramOutcome } from '../../src/demo/program.js';
import type { Cluster, FreshDatabase } from './cluster.js';
import { runWords } from './in-process.js';
import { expectExit, replicate, startReplicate, startTicker } from './programs.js';

/** One node: its database, its ini file, its worker and, where it has a queue, its ticker. */
export class TestNode {
  readonly name: string;
  readonly folder: string;
  readonly database: Pick<FreshDatabase, 'cluster' | 'name' | 'conninfo'>;
  /** Its database was copied from one in which our schemas are installed. */
  readonly isInstalled: boolean;
  worker: Program | undefined;
  ticker: Program | undefined;

  constructor(name: string, folder: string, database: TestNode['database'], isInstalled = false) {
    this.isInstalled = isInstalled;
    this.name = name;
    this.folder = folder;
    this.database = database;
  }

  /** The ini file's name below the tree's folder. */
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

  /**
   * Runs `replicate <node>.ini words…` to its end: in this process, as a program takes a third of a second to start, but for
   * commands that read or write files by paths below the tree's folder.
   */
  run(...words: string[]): Promise<ProgramOutcome> {
    const namesFiles = words[0] === 'execute' || words.includes('--differences');
    return namesFiles ? this.runProgram(...words) : runWords(this, words);
  }

  /** As `run`; throws when the exit code is not 0. */
  async must(...words: string[]): Promise<ProgramOutcome> {
    return expectExit(await this.run(...words));
  }

  /** As `must` for what a test only sets up: what is installed already is not installed again. */
  async prepare(...words: string[]): Promise<ProgramOutcome> {
    return expectExit(await runWords(this, words, { isInstalled: this.isInstalled }));
  }

  /** As `run` as a process: for tests of the program. */
  runProgram(...words: string[]): Promise<ProgramOutcome> {
    return replicate([this.ini, ...words], { folder: this.folder });
  }

  /** As `runProgram`; throws when the exit code is not 0. */
  async mustProgram(...words: string[]): Promise<ProgramOutcome> {
    return expectExit(await this.runProgram(...words));
  }

  /** Runs a command that is killed at a failpoint; throws when it ends in another way. */
  async killedAt(failpoint: string, ...words: string[]): Promise<void> {
    const outcome = await replicate([this.ini, ...words], {
      folder: this.folder,
      environment: { PGCASCADE_FAILPOINTS: `${failpoint}=exit` },
    });
    if (outcome.signal !== 'SIGKILL') {
      throw new Error(`${words.join(' ')} did not come to ${failpoint}.\n${outcome.stdout}${outcome.stderr}`);
    }
  }

  startWorker(environment: Readonly<Record<string, string>> = {}): Program {
    this.worker = startReplicate([this.ini, 'worker'], { folder: this.folder, environment });
    return this.worker;
  }

  startTicker(): Program {
    this.ticker = startTicker([`${this.name}.ticker.ini`], { folder: this.folder });
    return this.ticker;
  }

  /** SIGKILL to the worker. */
  async killWorker(): Promise<void> {
    this.worker?.signal('SIGKILL');
    await this.worker?.ended;
  }

  async stopWorker(): Promise<ProgramOutcome | undefined> {
    return this.worker?.stop();
  }

  /** Ends ticker and worker. Safe to repeat. */
  async stopPrograms(): Promise<void> {
    await Promise.all([this.worker?.stop(), this.ticker?.stop()]);
  }

  /** Writes the ini files of both programs. */
  async writeIniFiles(queueName: string, more: readonly string[]): Promise<void> {
    const ticker = [
      '[ticker]',
      `pidfile = ${this.name}.ticker.pid`,
      `base_connstr = ${this.cluster.conninfo('').replace('dbname= ', '')}`,
      `database_list = ${this.database.name}`,
      'check_period = 0.2',
      'ticker_period = 0.05',
      'retry_period = 1',
      'maint_period = 5',
    ];
    await writeFile(join(this.folder, `${this.name}.ticker.ini`), `${ticker.join('\n')}\n`);
    const worker = [
      '[replicate]',
      `job_name = ${this.name}_worker`,
      `db = ${this.database.conninfo}`,
      `queue_name = ${queueName}`,
      `pidfile = ${this.name}.pid`,
      'loop_delay = 0.05',
      'exception_sleep = 0.5',
      'parallel_copies = 4',
      ...more,
    ];
    await writeFile(join(this.folder, this.ini), `${worker.join('\n')}\n`);
  }

  /** The tick that this node's worker has completed, and what keeps it from being in sync. */
  async position(queueName: string) {
    const [row] = await this.query<{ tick: bigint; error: string | null; not_ready: string | null }>(
      `select s.last_tick_id as tick, s.cur_error as error,
              (select string_agg(t.table_name || ' ' || coalesce(t.merge_state, 'new'), ', ')
                 from londiste.table_info as t
                where t.queue_name = s.queue_name and t.local and t.merge_state is distinct from 'ok') as not_ready
         from pgq_node.local_state as s
         join pgq_node.node_info as n using (queue_name)
        where s.queue_name = $1 and s.consumer_name = n.worker_name`,
      [queueName],
    );
    return {
      tick: row?.tick ?? null,
      notReady: row?.not_ready ?? null,
      error: row?.error ?? null,
      worker: this.worker?.isRunning === true ? 'running' : this.worker?.stderr.slice(-2_000),
    };
  }
}
