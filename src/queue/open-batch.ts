import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { type Batch, finishBatch } from './batches.js';
import type { ConsumerBatch, ConsumerEvent, TargetClient, Transaction } from './consumer-batch.js';
import { CONSUMER_EVENT } from './consumer-events.js';
import type { ConsumerSession } from './consumer-session.js';
import { assertNotDropped } from './dropped-consumer.js';
import type { BatchId, TickId } from './ids.js';
import { readEventBlocks } from './read-events.js';
import { isTransient } from './reconnect-pauses.js';
import { runOnTarget } from './target-transaction.js';

const BLOCK = { maxBlockRows: 1000, maxBlockBytes: 1_000_000 };

/** The batch that a consumer's loop works on. */
export class OpenBatch implements ConsumerBatch {
  readonly id: BatchId;
  readonly startTick: TickId;
  readonly endTick: TickId;
  readonly #batch: Batch;
  readonly #session: ConsumerSession;
  #state: 'open' | 'finished' | 'left' = 'open';
  #isRead = false;
  #transaction: Connection | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(batch: Batch, session: ConsumerSession) {
    this.id = batch.id;
    this.startTick = batch.startTick;
    this.endTick = batch.endTick;
    this.#batch = batch;
    this.#session = session;
  }

  get signal(): AbortSignal {
    return this.#session.signal;
  }

  async *events(): AsyncGenerator<ConsumerEvent, void, undefined> {
    this.#assertOpen();
    if (this.#isRead) throw new ReplicateError('PC604', 'The events of this batch are being read already.');
    this.#isRead = true;
    try {
      const reader = await this.#session.reader();
      for await (const block of readEventBlocks(reader, this.#batch, CONSUMER_EVENT, BLOCK)) yield* block;
    } catch (error) {
      if (error instanceof ReplicateError || !isTransient(error)) throw error;
      throw lost(error);
    } finally {
      this.#isRead = false;
    }
  }

  async all(): Promise<ConsumerEvent[]> {
    const events: ConsumerEvent[] = [];
    for await (const event of this.events()) events.push(event);
    return events;
  }

  async retry(event: Pick<ConsumerEvent, 'id'>, seconds: number): Promise<void> {
    this.#assertOpen();
    const connection = this.#transaction ?? (await this.#main());
    await connection.query('select pgq.event_retry($1::int8, $2::int8, $3::int4)', [
      this.id,
      event.id,
      Math.ceil(seconds),
    ]);
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#notingFailure(async () => {
      const main = await this.#main();
      const result = await main.transaction(async (tx) => {
        this.#transaction = tx;
        try {
          const value = await work(tx);
          // Before finish_batch nothing keeps a second process out; after it the row's lock does until the commit.
          if (!(await finishBatch(tx, this.#batch))) throw await this.#closedByOthers(tx);
          await failpoint('consumer-before-commit');
          return value;
        } finally {
          this.#transaction = undefined;
        }
      });
      this.#state = 'finished';
      await failpoint('consumer-after-commit');
      return result;
    });
  }

  async exactlyOnce<C extends TargetClient, T>(
    target: C,
    work: (tx: C) => Promise<T>,
  ): Promise<T | undefined> {
    const outcome = await this.#notingFailure(() =>
      runOnTarget(target, this.#session.settings.consumerName, this.#batch, work),
    );
    await this.finish();
    return outcome.kind === 'applied' ? outcome.result : undefined;
  }

  async finish(): Promise<void> {
    this.#assertOpen();
    if (!(await this.#finish())) {
      throw new ReplicateError(
        'PC203',
        `The connection was lost before batch ${this.id} was finished, and the consumer is to stop.`,
      );
    }
  }

  /** The loop's body has ended without throwing. A batch that cannot be finished before the stop is left open. */
  async bodyEnded(): Promise<void> {
    if (this.#state === 'open') {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#finish();
    }
    this.leave();
  }

  /** The batch can no longer be used. Unless it was finished, it stays open in the database. */
  leave(): void {
    if (this.#state === 'open') this.#state = 'left';
  }

  /** False when the signal was aborted before there was a connection for it. */
  async #finish(): Promise<boolean> {
    let answerLost = false;
    for (;;) {
      const main = await this.#session.main();
      if (main === undefined) return false;
      try {
        // Closed already, after an answer that did not arrive: most likely by that very call.
        if (!(await finishBatch(main, this.#batch)) && !answerLost) throw await this.#closedByOthers(main);
        this.#state = 'finished';
        return true;
      } catch (error) {
        if (!isTransient(error)) throw error;
        answerLost = true;
        await this.#session.afterFailure(error);
      }
    }
  }

  /** Remembers the failure until a later call succeeds: the end of the body must not finish the batch then. */
  async #notingFailure<T>(call: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      const result = await call();
      this.#failure = undefined;
      return result;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  async #main(): Promise<Connection> {
    const main = await this.#session.main();
    if (main === undefined) throw lost(this.signal.reason);
    return main;
  }

  #assertOpen(): void {
    if (this.#state !== 'open') {
      throw new ReplicateError('PC604', `Batch ${this.id} is ${this.#state} and cannot be used any more.`);
    }
  }

  /** Why the batch is gone. Throws PC606 when the consumer was dropped from the queue. */
  async #closedByOthers(connection: Connection): Promise<ReplicateError> {
    const { queueName, consumerName } = this.#session.settings;
    await assertNotDropped(connection, queueName, consumerName);
    return new ReplicateError(
      'PC603',
      `Batch ${this.id} of consumer "${consumerName}" on queue "${queueName}" was closed by somebody else.`,
      { batch: this.id, queue: queueName, consumer: consumerName },
    );
  }
}

function lost(cause: unknown): ReplicateError {
  return new ReplicateError('PC203', 'The connection to the queue was lost.', {}, { cause });
}
