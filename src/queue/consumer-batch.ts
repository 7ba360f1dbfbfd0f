import type { BatchId, EventId, TickId } from './ids.js';

/** One event as a consumer gets it. */
export interface ConsumerEvent {
  readonly id: EventId;
  /** When it was written, to the millisecond. */
  readonly time: Date;
  /** The transaction that wrote it; events of one transaction are in one batch. */
  readonly txid: bigint;
  /** How often it was put back with `retry`; 0 the first time. */
  readonly retryCount: number;
  readonly type: string | null;
  readonly data: string | null;
  /** Of a row event: the table, `schema.name`. */
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
}

/**
 * A transaction in the database of the queue. int8 comes as bigint; date and time types, numeric and json come as
 * PostgreSQL's text (time zone UTC).
 */
export interface Transaction {
  /** Runs one statement and returns its rows. */
  query<R extends Record<string, unknown> = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<R[]>;
  /** Runs one statement and returns the number of rows it touched. */
  execute(text: string, values?: readonly unknown[]): Promise<number>;
}

/** A session in another database: a connected `Client` of the package pg, one taken from its pool, or the like. */
export interface TargetClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * A batch that a consumer has open: the events between two ticks.
 *
 * It is valid until the body of the loop that got it has ended. A batch that is not finished is offered again,
 * with the same events.
 */
export interface ConsumerBatch {
  readonly id: BatchId;
  readonly startTick: TickId;
  readonly endTick: TickId;
  /** Aborted when the consumer is to stop; for work that takes long. The batch may still be finished. */
  readonly signal: AbortSignal;

  /**
   * The events in their order, read as they are asked for: memory is bounded whatever the size of the batch. One
   * iteration at a time; it may be begun anew. A loss of the connection is thrown (PC203).
   */
  events(): AsyncIterableIterator<ConsumerEvent>;

  /** All events at once, for batches that are known to fit into memory. */
  all(): Promise<ConsumerEvent[]>;

  /**
   * Asks for an event again, in a batch of its own time after so many seconds; this consumer alone gets it. Safe to
   * repeat. Inside `transaction` it takes effect with the commit, else at once.
   */
  retry(event: Pick<ConsumerEvent, 'id'>, seconds: number): Promise<void>;

  /**
   * Exactly once into the database of the queue: what `work` writes, the retries it asks for and the end of the batch are one transaction. A
   * crash leaves all or nothing. When it throws, the batch stays open; a body that catches the error and ends
   * without another try ends the loop with that error.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;

  /**
   * Exactly once into another database, which needs schema pgq_ext: what `work` writes and the target's position are
   * one transaction there, then the batch is finished here. When a crash came in between, the batch is offered again
   * and found done: `work` is not called and the result is undefined.
   *
   * `target` must not be in a transaction. Throws PC602 when the target's position does not fit the batch, PC206
   * when it has no schema pgq_ext. A failure leaves the batch open as with `transaction`.
   */
  exactlyOnce<C extends TargetClient, T>(target: C, work: (tx: C) => Promise<T>): Promise<T | undefined>;

  /**
   * Finishes the batch before the body ends; repeats itself over a lost connection. Throws PC603 when somebody else
   * finished it or moved the consumer.
   */
  finish(): Promise<void>;
}
