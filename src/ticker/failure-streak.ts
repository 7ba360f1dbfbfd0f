import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { backoffMs } from '../runtime/backoff.js';
import type { Logger } from '../runtime/log.js';

const BACKOFF = { firstMs: 200, limitMs: 10_000 };

/** Failures in a row of one thing that is tried again and again: logs the first and the end, says how long to wait. */
export class FailureStreak {
  readonly #log: Logger;
  readonly #sentence: string;
  #failures = 0;
  #lastMessage: string | undefined;

  constructor(log: Logger, sentence: string) {
    this.#log = log;
    this.#sentence = sentence;
  }

  /**
   * Notes a failure and returns the pause before the next attempt.
   *
   * Every step of the ticker may be repeated at any time, so going on after whatever a server answers is safe. An
   * error that is neither a server's nor a connection's is a bug and is thrown on.
   */
  failed(error: unknown): number {
    const isOutside =
      error instanceof ReplicateError ? error.entry.policy !== 'bug' : sqlstateOf(error) !== undefined;
    if (!isOutside) throw error;
    const { message } = error as Error;
    this.#failures++;
    const level = message === this.#lastMessage ? 'debug' : 'warn';
    this.#lastMessage = message;
    this.#log[level]({ err: error, failures: this.#failures }, this.#sentence);
    return backoffMs(this.#failures, BACKOFF);
  }

  succeeded(): void {
    if (this.#failures > 0) this.#log.info({ failures: this.#failures }, 'Works again');
    this.#failures = 0;
    this.#lastMessage = undefined;
  }
}
