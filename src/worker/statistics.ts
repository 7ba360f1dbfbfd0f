import type { Logger } from '../runtime/log.js';

/** Counts what the worker has done and logs it once a period, when there was anything. */
export class Statistics {
  readonly #log: Logger;
  readonly #periodMs: number;
  #since = performance.now();
  #batches = 0;
  #events = 0;
  #busyMs = 0;

  constructor(log: Logger, periodMs: number) {
    this.#log = log;
    this.#periodMs = periodMs;
  }

  count(events: number, ms: number): void {
    this.#batches++;
    this.#events += events;
    this.#busyMs += ms;
  }

  /** Logs when the period is over. */
  logWhenDue(): void {
    const now = performance.now();
    if (now - this.#since < this.#periodMs) return;
    if (this.#batches > 0) {
      this.#log.info(
        { batches: this.#batches, events: this.#events, busyMs: Math.round(this.#busyMs) },
        'Worker statistics',
      );
    }
    this.#since = now;
    this.#batches = 0;
    this.#events = 0;
    this.#busyMs = 0;
  }
}
