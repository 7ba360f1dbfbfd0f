import { sleep } from '../runtime/sleep.js';

/** Lets so many rows a second be read; what is asked for at once is waited for one after the other. */
export class ReadPace {
  readonly #rowsPerSecond: number;
  #nextAt = 0;

  constructor(rowsPerSecond: number) {
    this.#rowsPerSecond = rowsPerSecond;
  }

  /** Waits until so many rows may be read. Throws when it is told to stop. */
  async take(rows: number, signal: AbortSignal | undefined): Promise<void> {
    const now = performance.now();
    const startAt = Math.max(now, this.#nextAt);
    this.#nextAt = startAt + (rows / this.#rowsPerSecond) * 1000;
    if (startAt > now) await sleep(startAt - now, signal);
    signal?.throwIfAborted();
  }

  /** Pages of a table that are half a second's work. */
  pagesAtOnce({ rowCount, pageCount }: { readonly rowCount: number; readonly pageCount: number }): number {
    const rowsPerPage = Math.max(1, rowCount / Math.max(1, pageCount));
    return Math.max(1, Math.ceil(this.#rowsPerSecond / 2 / rowsPerPage));
  }
}
