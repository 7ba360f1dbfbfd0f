import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guardOrphan, type OrphanGuard } from '../../src/demo/orphan-guard.js';
import { programEnvironment } from '../../src/demo/program.js';
import type { Cluster } from '../support/cluster.js';

const STOP_DEADLINE_MS = 10_000;

/** A program of the stock packages as a child process in the foreground, with an ini file of its own. */
export class StockProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #guard: OrphanGuard | undefined;
  readonly #ended: Promise<unknown>;
  #output = '';

  /** Starts it; the ini file's path is the last word. Use `startPgqd` or `startPython`. */
  constructor(words: readonly string[], section: string, keys: Readonly<Record<string, string>>) {
    this.#folder = mkdtempSync(join(tmpdir(), 'pgcascade-stock-'));
    const ini = join(this.#folder, 'program.ini');
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`);
    writeFileSync(ini, [`[${section}]`, ...lines, ''].join('\n'));
    const [program = '', ...options] = words;
    this.#child = spawn(program, [...options, ini], {
      cwd: this.#folder,
      env: programEnvironment(this.#folder),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#guard = this.#child.pid === undefined ? undefined : guardOrphan(this.#child.pid, this.#folder);
    this.#ended = once(this.#child, 'close');
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGKILL; returns when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Its exit code, once it has ended by itself. */
  async exitCode(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.#ended;
    clearTimeout(timer);
    this.#guard?.release();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Starts the stock daemon for the databases of one server, with periods that are as short as it takes. */
export function startPgqd(cluster: Cluster, databases: readonly string[]): StockProgram {
  return new StockProgram(['/usr/bin/pgqd'], 'pgqd', {
    base_connstr: cluster.conninfo('').replace('dbname= ', ''),
    initial_database: 'postgres',
    database_list: databases.join(', '),
    syslog: '0',
    check_period: '0.5',
    ticker_period: '0.05',
    maint_period: '0.1',
    retry_period: '0.1',
  });
}

/** Starts one of the Python programs of this folder with Debian's Python and its package pgq. */
export function startPython(
  script: 'stock-consumer.py' | 'stock-producer.py',
  keys: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): StockProgram {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return new StockProgram(['/usr/bin/python3', '-u', path, ...options], 'consumer', {
    kind: 'plain',
    job_name: 'reader',
    queue_name: 'q',
    loop_delay: '0.05',
    exception_sleep: '0.05',
    use_skylog: '0',
    ...keys,
  });
}
