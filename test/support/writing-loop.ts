import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/db/connection.js';

const RECONNECT_PAUSE_MS = 50;

export interface WritingLoopOptions {
  /** Opens a session with the server that is to be written to. */
  readonly connect: () => Promise<Connection>;
  /** One transaction that is known by its mark. False when it has rolled it back. */
  readonly write: (connection: Connection, mark: bigint) => Promise<boolean>;
  /** Marks of different loops must not meet: those of one go up from here. */
  readonly firstMark: bigint;
  /** After each transaction. */
  readonly pauseMs: number;
  /** Told why a transaction, or a session, came to nothing. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Writes one transaction after the other until it is told to stop, through whatever happens to its server. */
export class WritingLoop {
  readonly #options: WritingLoopOptions;
  readonly #acknowledged: bigint[] = [];
  #mark: bigint;
  #stopping = false;
  readonly #ended: Promise<void>;

  /** Starts writing. */
  constructor(options: WritingLoopOptions) {
    this.#options = options;
    this.#mark = options.firstMark;
    this.#ended = this.#run();
  }

  /** The marks of the transactions whose commit was answered. */
  get acknowledged(): readonly bigint[] {
    return this.#acknowledged;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { connect, write, pauseMs, onError } = this.#options;
    while (!this.#stopping) {
      try {
        await using connection = await connect();
        while (!this.#stopping) {
          const mark = this.#mark++;
          if (await write(connection, mark)) this.#acknowledged.push(mark);
          if (pauseMs > 0) await sleep(pauseMs);
        }
      } catch (error) {
        // The server is away or came back in between: whether the last transaction is there is not known.
        onError?.(error);
        await sleep(RECONNECT_PAUSE_MS);
      }
    }
  }
}
