import { sleep } from '../runtime/sleep.js';

/** Lets so many rows a second be read; what is asked for at once is waited for one after the other. */
export class ReadPace {
  readonly #rowsPerSecond: number;
  #nextAt = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(rowsPerSecond: number) {
    this.#rowsPerSecond = rowsPerSecond;
  }

  /** Waits until so many rows may be read. Throws when it is told to stop. */
  async take(rows: number, signal: AbortSignal | undefined): Promise<void> {
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
      this.#nextAt = Math.max(now, this.#nextAt) + (rows / this.#rowsPerSecond) * 1000;
    } finally {
      leave();
    }
  }

  /** Pages of a table that are half a second's work. */
  pagesAtOnce({ rowCount, pageCount }: { readonly rowCount: number; readonly pageCount: number }): number {
    const rowsPerPage = Math.max(1, rowCount / Math.max(1, pageCount));
    return Math.max(1, Math.ceil(this.#rowsPerSecond / 2 / rowsPerPage));
  }
}
