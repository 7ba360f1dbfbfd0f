import { setTimeout as sleep } from 'node:timers/promises';
import { Program, type ProgramOutcome, programPath } from '../../../src/demo/program.js';

const RESTART_PAUSE_MS = 200;
const STOP_DEADLINE_MS = 15_000;

export interface SupervisedOptions {
  readonly program: 'replicate' | 'ticker';
  readonly words: readonly string[];
  readonly folder: string;
  /** Another build's `bin` folder; without it this package's. */
  readonly bin?: string | undefined;
  /** Variables of every start. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly onOutput: (text: string) => void;
}

/** How a program ended; `wasAsked`: by a signal of ours; `wasAskedTwice`: by SIGTERM, of which a second one soon after the first ends it at once, with 3. */
export interface ProgramEnd {
  readonly outcome: ProgramOutcome;
  readonly wasAsked: boolean;
  readonly wasAskedTwice: boolean;
}

/** A program that is started again whenever it ends, as systemd does it. */
export class SupervisedProgram {
  readonly #options: SupervisedOptions;
  #running: Program | undefined;
  #isWanted = false;
  #environment: Readonly<Record<string, string>> = {};
  #loop: Promise<void> | undefined;
  #wasAsked = false;
  #timesTerminated = 0;
  /** How often it was started. */
  startCount = 0;
  /** Told of each end. */
  onEnd: ((end: ProgramEnd) => void) | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  get processId(): number | undefined {
    return this.#running?.pid;
  }

  /** Starts it; nothing happens when it is running. */
  start(): void {
    this.#isWanted = true;
    this.#loop ??= this.#supervise();
  }

  /** Sends a signal to the process that runs now; one that ends is started anew. */
  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGTERM' || signal === 'SIGKILL') this.#wasAsked = true;
    if (signal === 'SIGTERM') this.#timesTerminated++;
    this.#running?.signal(signal);
  }

  /** SIGKILL; the next process has the variables, and those after it do not. */
  replace(environment: Readonly<Record<string, string>>): void {
    this.#environment = environment;
    this.signal('SIGKILL');
  }

  /** Ends it for good, SIGTERM first; undefined when nothing ran. */
  async stop(): Promise<ProgramOutcome | undefined> {
    this.#isWanted = false;
    this.#wasAsked = true;
    this.#timesTerminated++;
    const running = this.#running;
    const outcome = await running?.stop(STOP_DEADLINE_MS);
    await this.#loop;
    return outcome;
  }

  async #supervise(): Promise<void> {
    while (this.#isWanted) {
      this.#wasAsked = false;
      this.#timesTerminated = 0;
      const running = this.#open();
      this.#running = running;
      const outcome = await running.ended;
      this.#running = undefined;
      this.onEnd?.({ outcome, wasAsked: this.#wasAsked, wasAskedTwice: this.#timesTerminated > 1 });
      if (this.#isWanted) await sleep(RESTART_PAUSE_MS);
    }
    this.#loop = undefined;
  }

  #open(): Program {
    const { program, words, folder, bin, onOutput } = this.#options;
    const once = this.#environment;
    const environment = { ...this.#options.environment, ...once };
    this.#environment = {};
    this.startCount++;
    onOutput(`--- started ${JSON.stringify(once)}\n`);
    const path = bin === undefined ? programPath(program) : `${bin}/${program}`;
    return new Program({ path: process.execPath }, [path, ...words], { folder, environment, onOutput });
  }
}
