import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { guardOrphan, type OrphanGuard } from './orphan-guard.js';

/** The programs of this package, as they stand in `bin/`. */
export type ProgramName = 'ticker' | 'replicate';

/** How a program ended and what it wrote. `exitCode` is null when a signal ended it. */
export interface ProgramOutcome {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** The working folder: relative paths of ini files start here. */
  readonly folder: string;
  /** More variables; nothing of this process's own `PG*` variables is handed on. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with what the program writes, as it comes. */
  readonly onOutput?: ((text: string) => void) | undefined;
  /** Sends SIGKILL after this time. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const BIN = new URL('../../bin/', import.meta.url);

/** The path of a program's file. */
export function programPath(name: ProgramName): string {
  return fileURLToPath(new URL(name, BIN));
}

/** Another program, by its path: the tests run those of Londiste. */
export interface OtherProgram {
  readonly path: string;
}

/** One of our programs as a child process in the foreground. It ends with this process, however that dies. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #guard: OrphanGuard | undefined;
  readonly #ended: Promise<ProgramOutcome>;
  #stdout = '';
  #stderr = '';

  /** Starts it. */
  constructor(
    program: ProgramName | OtherProgram,
    options: readonly string[],
    { folder, environment, onOutput }: ProgramOptions,
  ) {
    const [path, words] =
      typeof program === 'string'
        ? [process.execPath, [programPath(program), ...options]]
        : [program.path, options];
    this.#child = spawn(path, words, {
      cwd: folder,
      env: programEnvironment(folder, environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      onOutput?.(text);
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      onOutput?.(text);
    });
    this.#guard = this.#child.pid === undefined ? undefined : guardOrphan(this.#child.pid, '');
    this.#ended = this.#outcome();
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** What it has written so far. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Its process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended; waits for that. */
  get ended(): Promise<ProgramOutcome> {
    return this.#ended;
  }

  /** Sends a signal; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it: SIGTERM, then SIGKILL after the deadline. Safe to repeat. */
  async stop(deadlineMs = 10_000): Promise<ProgramOutcome> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), deadlineMs);
    const outcome = await this.#ended;
    clearTimeout(timer);
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #outcome(): Promise<ProgramOutcome> {
    const [exitCode, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null];
    this.#guard?.release();
    return { exitCode, signal, stdout: this.#stdout, stderr: this.#stderr };
  }
}

/** Runs a program to its end. */
export async function runProgram(
  which: ProgramName | OtherProgram,
  options: readonly string[],
  how: ProgramOptions,
): Promise<ProgramOutcome> {
  const program = new Program(which, options, how);
  const kill = () => program.signal('SIGKILL');
  const timer = setTimeout(kill, how.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  how.signal?.addEventListener('abort', kill, { once: true });
  if (how.signal?.aborted === true) kill();
  try {
    return await program.ended;
  } finally {
    clearTimeout(timer);
    how.signal?.removeEventListener('abort', kill);
  }
}

/** The environment of a program: nothing of ours but what is named. */
export function programEnvironment(
  folder: string,
  more: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', ...more };
}
