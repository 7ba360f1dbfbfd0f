import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';

const BEFORE_READ = 'before_read';

/**
 * The readers of one side, all in transactions with the same snapshot, lent out one at a time in the order of asking.
 *
 * Each loan ends with a rollback to a savepoint: that keeps the snapshot, but releases the locks on the tables that were read, so
 * that no ALTER TABLE waits longer than one piece takes; and a statement that failed leaves no trace.
 */
export class ReaderPool {
  readonly #idle: Connection[];
  readonly #waiting: ((reader: Connection | undefined) => void)[] = [];
  /** As `server_version_num`. */
  readonly serverVersion: number;
  readonly #size: number;
  #lost = 0;

  /** Use `openReaderPool`. */
  constructor(readers: readonly Connection[], serverVersion: number) {
    this.#idle = [...readers];
    this.#size = readers.length;
    this.serverVersion = serverVersion;
  }

  /** Lends a reader for one task. Throws what the task throws, and PC203 when all readers have lost their connection. */
  async use<T>(task: (reader: Connection) => Promise<T>): Promise<T> {
    const reader = await this.#take();
    try {
      return await task(reader);
    } finally {
      await this.#giveBack(reader);
    }
  }

  async #take(): Promise<Connection> {
    const reader =
      this.#idle.pop() ??
      (this.#lost < this.#size
        ? await new Promise<Connection | undefined>((resolve) => this.#waiting.push(resolve))
        : undefined);
    if (reader === undefined) {
      throw new ReplicateError('PC203', 'All connections that read the tables were lost.');
    }
    return reader;
  }

  async #giveBack(reader: Connection): Promise<void> {
    if (await isUsable(reader)) {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(reader);
      else next(reader);
      return;
    }
    this.#lost++;
    if (this.#lost === this.#size) {
      for (const next of this.#waiting.splice(0)) next(undefined);
    }
  }
}

/** Makes a pool of readers that are in their transactions already. */
export async function openReaderPool(readers: readonly Connection[]): Promise<ReaderPool> {
  await Promise.all(readers.map((reader) => reader.execute(`savepoint ${BEFORE_READ}`)));
  return new ReaderPool(readers, readers[0]?.serverVersion ?? 0);
}

async function isUsable(reader: Connection): Promise<boolean> {
  if (!reader.isOpen) return false;
  try {
    await reader.execute(`rollback to savepoint ${BEFORE_READ}`);
    return true;
  } catch {
    // The error that matters is the one of the task; this reader is not lent out again.
    return false;
  }
}
