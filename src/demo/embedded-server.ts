import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnection } from '../db/connect.js';
import { makeDataFolder, serverEnvironment } from './data-folder.js';
import { findFreePort } from './free-port.js';
import { guardOrphan, type OrphanGuard } from './orphan-guard.js';
import { type ServerAccount, serverAccount, temporaryRoot } from './server-account.js';
import { serverPrograms } from './server-programs.js';

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const PORT_ATTEMPTS = 5;

/** Settings of every embedded server. Data of a demo or a test may be lost with the machine, so nothing waits for the disk. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  fsync: 'off',
  full_page_writes: 'off',
  logging_collector: 'off',
};

export interface EmbeddedServerOptions {
  /** 10 to 18. */
  readonly major: number;
  /** More server settings, or others than ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A folder that outlives the server: what every server of a version needs is made there once. */
  readonly templates?: string | undefined;
  /** An existing folder that the servers' account can enter: the server's own is made in it. Without it, the one for temporary files. */
  readonly parent?: string | undefined;
  /** The folder with `bin/postgres`, when the server is not to come from the npm package. */
  readonly programs?: string | undefined;
}

/** What a started server is made of. */
interface Installation {
  readonly major: number;
  readonly folder: string;
  readonly programs: string;
  readonly account: ServerAccount | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * A PostgreSQL server from an npm package: its own folder, its own port of 127.0.0.1, superuser `postgres` without a password,
 * database `postgres`, encoding UTF8, locale C. It ends with this process, however that dies.
 */
export class EmbeddedServer implements AsyncDisposable {
  readonly major: number;
  #port = 0;
  readonly #installation: Installation;
  #process: ChildProcess | undefined;
  #guard: OrphanGuard | undefined;

  /** Use `startEmbeddedServer`. */
  constructor(installation: Installation) {
    this.#installation = installation;
    this.major = installation.major;
  }

  get port(): number {
    return this.#port;
  }

  /** Where the server writes its messages. */
  get logFile(): string {
    return join(this.#installation.folder, 'server.log');
  }

  /** Where it has its data: to be copied or moved only after `end`. */
  get dataFolder(): string {
    return join(this.#installation.folder, 'data');
  }

  /** Starts the server on its port, or on a free one the first time. Returns when it takes connections. */
  async start(): Promise<void> {
    if (this.#process !== undefined) return;
    const fixed = this.#port !== 0;
    const deadline = Date.now() + START_DEADLINE_MS;
    for (let attempt = 1; ; attempt++) {
      if (!fixed) this.#port = await findFreePort();
      this.#spawn();
      if (await this.#isReady(deadline)) return;
      // Another process may have taken the port, or a killed server's last process may still hold its memory.
      const canRetry = fixed ? Date.now() < deadline : attempt < PORT_ATTEMPTS;
      if (!canRetry) throw new Error(`PostgreSQL ${this.major} does not start: ${this.#lastMessages()}`);
      await sleep(200);
    }
  }

  /** SIGKILL to the server and all its processes, as a power cut does. Its data stays for `start`. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) return;
    // Stopped first, so that it starts nothing new while its children are listed.
    signalProcess(child.pid, 'SIGSTOP');
    for (const processId of childrenOf(child.pid)) signalProcess(processId, 'SIGKILL');
    await this.#endBy('SIGKILL');
  }

  /** Ends the server (sessions are cut, data is kept) and starts it again on the same port. */
  async restart(): Promise<void> {
    await this.end();
    await this.start();
  }

  /** Ends the server: sessions are cut, data is kept for `start`. Safe to repeat. */
  async end(): Promise<void> {
    await this.#endBy('SIGINT');
  }

  /** Ends the server and removes its folder. Safe to repeat. */
  async stop(): Promise<void> {
    await this.end();
    await rm(this.#installation.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #spawn(): void {
    const { folder, programs, account, settings } = this.#installation;
    const options = Object.entries({ ...SETTINGS, ...settings, port: String(this.#port) });
    const log = openSync(this.logFile, 'a');
    const child = spawn(
      join(programs, 'bin', 'postgres'),
      ['-D', join(folder, 'data'), ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...account, cwd: folder, env: serverEnvironment(), stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
    child.on('error', () => undefined);
    child.unref();
    this.#process = child;
    if (child.pid !== undefined) this.#guard = guardOrphan(child.pid, folder);
  }

  /** True when it takes connections, false when the process ended. */
  async #isReady(deadline: number): Promise<boolean> {
    while (Date.now() < deadline) {
      if (this.#process === undefined || hasEnded(this.#process)) break;
      try {
        const parameters = { host: '127.0.0.1', port: this.#port, database: 'postgres', user: 'postgres' };
        await using connection = await openConnection(parameters, { application: 'start' });
        // Whoever took the port before us would answer too.
        const { folder } = await connection.one<{ folder: string }>(
          "select current_setting('data_directory') as folder",
        );
        if (folder === this.dataFolder) return true;
      } catch {
        // Not yet: the deadline and the process's end are checked above.
      }
      await sleep(25);
    }
    await this.#endBy('SIGKILL');
    return false;
  }

  async #endBy(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    if (child.pid !== undefined && !hasEnded(child)) {
      const ended = once(child, 'exit');
      child.ref();
      signalProcess(child.pid, signal);
      const timer = setTimeout(() => signalProcess(child.pid as number, 'SIGKILL'), STOP_DEADLINE_MS);
      await ended;
      clearTimeout(timer);
    }
    this.#guard?.release();
    this.#guard = undefined;
    this.#process = undefined;
  }

  #lastMessages(): string {
    return existsSync(this.logFile)
      ? readFileSync(this.logFile, 'utf8').trim().split('\n').slice(-5).join(' | ')
      : 'no message';
  }
}

/** Makes a database cluster of the given version and starts a server on it. Leaves nothing behind when it throws. */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const account = serverAccount();
  const parent = options.parent ?? temporaryRoot(account);
  const folder = await mkdtemp(join(parent, `pgcascade-pg${options.major}-`));
  let server: EmbeddedServer | undefined;
  try {
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    const { major, settings = {}, templates } = options;
    const programs = options.programs ?? (await serverPrograms(major, account, templates ?? folder));
    server = new EmbeddedServer({ major, folder, programs, account, settings });
    await makeDataFolder({ major, programs, account, folder, templates });
    await server.start();
    return server;
  } catch (error) {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function signalProcess(processId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(processId, signal);
  } catch (error) {
    // It is gone already, which is what the signal was for.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(processId: number): readonly number[] {
  try {
    const list = readFileSync(`/proc/${processId}/task/${processId}/children`, 'utf8');
    return list.trim().split(/\s+/).filter(Boolean).map(Number);
  } catch {
    // Not every kernel lists children; they notice the death of the server by themselves.
    return [];
  }
}
