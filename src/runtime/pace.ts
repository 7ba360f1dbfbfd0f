import { sleep } from './sleep.js';

/** Lets so much be done in a second; what is asked for at once is waited for one after the other. */
export class Pace {
  readonly perSecond: number;
  #nextAt = 0;
  #turn: Promise<void> = Promise.resolve();

  /** `perSecond`: rows, bytes, whatever `take` counts; above 0. */
  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  /** Waits until so much may be done. Throws when it is told to stop. */
  async take(amount: number, signal: AbortSignal | undefined): Promise<void> {
    const before = this.#turn;
    let leave: () => void = () => undefined;
    this.#turn = new Promise((resolve) => {
      leave = resolve;
    });
    try {
      await before;
      signal?.throwIfAborted();
      const now = performance.now();
      if (this.#nextAt > now) await sleep(this.#nextAt - now, signal);
      signal?.throwIfAborted();
      this.#nextAt = Math.max(now, this.#nextAt) + (amount / this.perSecond) * 1000;
    } finally {
      leave();
    }
  }
}
