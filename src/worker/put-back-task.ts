import { backoffMs } from '../runtime/backoff.js';
import { restoreForeignKeys } from './foreign-keys.js';
import { putBackTriggers } from './keep-off.js';
import type { WorkerOptions } from './worker-options.js';

const FIRST_RETRY_MS = 4_000;
/** Each try may hold up writers of a busy table. */
const LAST_RETRY_MS = 300_000;

/**
 * Puts back, beside the worker, the triggers, rules and foreign keys that need not be off (any more): validating a key may take long.
 * What could not be put back is tried again after growing pauses. Nothing of it is needed to go on: it stays remembered in the database.
 */
export class PutBackTask {
  readonly #options: WorkerOptions;
  #running: Promise<void> | undefined;
  #failures = 0;
  /** Undefined when nothing is left. */
  #retryAt: number | undefined;

  /** The signal of the options cuts a try that is under way. */
  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Begins a try; at most one runs, another one comes after it. */
  start(): void {
    this.#retryAt = undefined;
    this.#running = (this.#running ?? Promise.resolve()).then(() => this.#run());
  }

  /** Begins a try when the last one has left something and its time has come. */
  startWhenDue(): void {
    if (this.#retryAt !== undefined && performance.now() >= this.#retryAt) this.start();
  }

  /** Waits until nothing runs. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, signal } = this.#options;
    let hasFailed = true;
    try {
      hasFailed = (await this.#putBack()) > 0;
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'Triggers and foreign keys cannot be put back now');
    }
    this.#failures = hasFailed ? this.#failures + 1 : 0;
    if (hasFailed) {
      const pauseMs = backoffMs(this.#failures, { firstMs: FIRST_RETRY_MS, limitMs: LAST_RETRY_MS });
      this.#retryAt = performance.now() + pauseMs;
    }
  }

  /** Returns how many tables and keys are left. */
  async #putBack(): Promise<number> {
    const { connect, conninfo, consumerName, signal, log } = this.#options;
    await using subscriber = await connect(conninfo, { application: `fkeys/${consumerName}`, signal });
    const triggers = await putBackTriggers(subscriber, log);
    if (triggers.back > 0) log.info({ count: triggers.back }, 'Triggers and rules put back');
    const keys = await restoreForeignKeys(subscriber, log, signal);
    if (keys.restored > 0) log.info({ count: keys.restored }, 'Foreign keys restored');
    await subscriber.query('select pgcascade.forget_put_back_errors()');
    return triggers.failed.length + keys.failed;
  }
}
