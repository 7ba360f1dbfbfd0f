import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Output } from '../cli/output.js';
import {
  type ProgramName,
  type ProgramOutcome,
  programEnvironment,
  programPath,
  runProgram,
} from './program.js';

/** A step of the demo that did not hold. The message says which and why. */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

/** One line of the demo's last table. */
export interface StepTime {
  readonly title: string;
  readonly seconds: number;
}

export interface CommandExpectation {
  /** The exit code that the step needs; 0 when nothing is said. */
  readonly exitCode?: number;
  /** A text that the output must have. */
  readonly says?: string;
  /** True when the command shows progress: it then writes to the terminal itself, if there is one. */
  readonly showsProgress?: boolean;
}

const LONGEST_COMMAND_MS = 120_000;

/** Runs the steps of the demo: prints what a person would type, does it, checks it, takes the time. */
export class DemoSteps {
  readonly #output: Output;
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #times: StepTime[] = [];

  /** `folder` is where the commands run. */
  constructor(output: Output, folder: string, signal: AbortSignal) {
    this.#output = output;
    this.#folder = folder;
    this.#signal = signal;
  }

  get times(): readonly StepTime[] {
    return this.#times;
  }

  /** One step with its headline. Throws what the body throws. */
  async step<T>(title: string, body: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted();
    const number = this.#times.length + 1;
    this.#output.print('');
    this.#output.print(`[${number}] ${title}`);
    const started = performance.now();
    const result = await body();
    this.#times.push({ title, seconds: (performance.now() - started) / 1000 });
    return result;
  }

  /** Prints a line below the current step. */
  say(text: string): void {
    for (const line of text.split('\n')) this.#output.print(`    ${line}`);
  }

  /** Prints a command that is not run as a program, for example the SQL that a person would give to psql. */
  shows(command: string): void {
    this.#output.print(`  $ ${command}`);
  }

  /**
   * Prints and runs one of our programs, shows what it writes, and checks how it ends.
   *
   * Throws StepFailed when the exit code or the output is not what the step needs.
   */
  async runs(
    name: ProgramName,
    words: readonly string[],
    expected: CommandExpectation = {},
  ): Promise<ProgramOutcome> {
    this.#signal.throwIfAborted();
    const typed = [name, ...words.map(quoteWord)].join(' ');
    this.shows(typed);
    const outcome =
      expected.showsProgress === true && this.#output.isTerminal
        ? await this.#runOnTerminal(name, words)
        : await this.#runQuietly(name, words);
    this.#signal.throwIfAborted();
    const wanted = expected.exitCode ?? 0;
    if (outcome.exitCode !== wanted) {
      const ended = outcome.exitCode ?? outcome.signal;
      throw new StepFailed(`"${typed}" ended with ${ended} instead of ${wanted}.`);
    }
    const { says } = expected;
    if (says !== undefined && !`${outcome.stdout}${outcome.stderr}`.includes(says)) {
      throw new StepFailed(`"${typed}" did not name ${says}.`);
    }
    if (wanted !== 0) this.say(`exit code ${wanted}, as it must be`);
    return outcome;
  }

  async #runQuietly(name: ProgramName, words: readonly string[]): Promise<ProgramOutcome> {
    let rest = '';
    const outcome = await runProgram(name, words, {
      folder: this.#folder,
      signal: this.#signal,
      timeoutMs: LONGEST_COMMAND_MS,
      onOutput: (text) => {
        const lines = `${rest}${text}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.say(line);
      },
    });
    if (rest !== '') this.say(rest);
    return outcome;
  }

  async #runOnTerminal(name: ProgramName, words: readonly string[]): Promise<ProgramOutcome> {
    const child = spawn(process.execPath, [programPath(name), ...words], {
      cwd: this.#folder,
      env: { ...programEnvironment(this.#folder), TERM: 'xterm-256color' },
      stdio: 'inherit',
      signal: this.#signal,
      timeout: LONGEST_COMMAND_MS,
    });
    const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { exitCode, signal, stdout: '', stderr: '' };
  }
}

/** As a shell needs it: quoted only where it must be. */
function quoteWord(word: string): string {
  if (/^[\w./@:=+,-]+$/.test(word)) return word;
  const option = /^(--[\w-]+=)(.*)$/s.exec(word);
  const [head, value] = option === null ? ['', word] : [option[1] ?? '', option[2] ?? ''];
  return `${head}'${value.replaceAll("'", "'\\''")}'`;
}
