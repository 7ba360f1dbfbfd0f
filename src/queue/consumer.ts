import { createConnect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import type { BatchLimits } from './batch-limits.js';
import { nextBatch } from './batches.js';
import type { ConsumerBatch } from './consumer-batch.js';
import { ConsumerSession, type ConsumerSettings } from './consumer-session.js';
import { assertNotDropped, forgetDropped } from './dropped-consumer.js';
import { OpenBatch } from './open-batch.js';
import { isTransient, ReconnectPauses } from './reconnect-pauses.js';

export interface ConsumerOptions extends BatchLimits {
  /** Connect string or URL of the database with the queue, as libpq reads it. */
  readonly conninfo: string;
  readonly queue: string;
  /** The consumer's name: its position is kept under it. */
  readonly name: string;
  /** Usually `process.env`: where PGHOST, PGPASSWORD, HOME (for .pgpass) and so on are looked up. Default: nowhere. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** How often to look for a batch when no tick is announced, as with the stock pgqd. Default 1000. */
  readonly pollIntervalMs?: number | undefined;
  /**
   * How long to wait at the start for another process that reads under the same name. Default 5000; Infinity makes a
   * stand-by that takes over when the other one ends.
   */
  readonly lockWaitMs?: number | undefined;
  /** The longest pause between two tries to get a lost connection back. Default 30000. */
  readonly reconnectLimitMs?: number | undefined;
  /** Told of each loss and failed try, before the pause that follows; for a log. */
  readonly onReconnect?: ((error: Error, pauseMs: number) => void) | undefined;
}

export interface RegisterOptions {
  /** Where to begin; by default at the newest tick. */
  readonly atTick?: bigint | undefined;
  /** True registers a consumer that was dropped from the queue anew, without the events that it has lost. */
  readonly afterDrop?: boolean | undefined;
}

export interface RunOptions {
  /** Ends the loop: at once while it waits, else when the body has ended and its batch is finished. Not an error. */
  readonly signal?: AbortSignal | undefined;
}

const RECONNECT_FIRST_MS = 250;

/**
 * Reads a queue, one batch after the other.
 *
 * ```ts
 * const consumer = new Consumer({ conninfo, queue: 'app', name: 'mailer' });
 * await consumer.register();
 * for await (const batch of consumer.batches({ signal })) {
 *   for await (const event of batch.events()) await send(event);
 * }
 * ```
 *
 * When the body ends without throwing, also by `continue`, the batch is finished: at least once. When it throws,
 * breaks or returns, the batch stays open, the connections are closed and the next loop is offered the same batch.
 * `batch.transaction` and `batch.exactlyOnce` make it exactly once.
 *
 * One process at a time reads under one name: others get PC600. That needs a connection of its own: a pooler must be
 * in session mode.
 */
export class Consumer {
  readonly #settings: ConsumerSettings;
  #wasOpen = false;

  constructor(options: ConsumerOptions) {
    this.#settings = {
      conninfo: options.conninfo,
      environment: options.environment ?? {},
      queueName: options.queue,
      consumerName: options.name,
      batchLimits: {
        minCount: options.minCount,
        minIntervalMs: options.minIntervalMs,
        minLagMs: options.minLagMs,
      },
      pollIntervalMs: options.pollIntervalMs ?? 1000,
      lockWaitMs: options.lockWaitMs ?? 5000,
      reconnectFirstMs: Math.min(RECONNECT_FIRST_MS, options.reconnectLimitMs ?? RECONNECT_FIRST_MS),
      reconnectLimitMs: options.reconnectLimitMs ?? 30_000,
      onReconnect: options.onReconnect ?? (() => undefined),
    };
  }

  /**
   * Registers the consumer: it gets the events from now on, or from a tick that the queue still has. With `atTick` a
   * consumer that is registered is moved there and loses its open batch; else it stays as it is. True when it was
   * not registered before.
   *
   * Throws PC606 when the consumer was dropped because it held back more than the queue's budget: it has lost events.
   * `afterDrop: true` says that these are made up for, or not wanted, and registers it all the same.
   */
  async register(options: RegisterOptions = {}): Promise<boolean> {
    const { queueName, consumerName } = this.#settings;
    return this.#once((connection) =>
      connection.transaction(async (tx) => {
        if (options.afterDrop === true) await forgetDropped(tx, queueName, consumerName);
        else await assertNotDropped(tx, queueName, consumerName);
        const { isNew } = await tx.one<{ isNew: number }>(
          'select pgq.register_consumer_at($1, $2, $3::int8) as "isNew"',
          [queueName, consumerName, options.atTick ?? null],
        );
        return isNew === 1;
      }),
    );
  }

  /** Removes the consumer with its position and the events it wanted again. False when it was not registered. */
  async unregister(): Promise<boolean> {
    return this.#once(async (connection) => {
      const { removed } = await connection.one<{ removed: number }>(
        'select pgq.unregister_consumer($1, $2) as removed',
        [this.#settings.queueName, this.#settings.consumerName],
      );
      return removed > 0;
    });
  }

  /**
   * The batches of the queue as they come, for `for await`. Between batches a lost connection is got back, with
   * growing pauses; inside the body its loss is thrown to the body (see `run`).
   *
   * Throws what connecting throws when the first connection fails; PC600 when another process reads under this name;
   * PC601 when the consumer is not registered; PC606 when it was dropped from the queue; PC603 when somebody else closed the batch.
   */
  async *batches(options: RunOptions = {}): AsyncGenerator<ConsumerBatch, void, undefined> {
    const signal = options.signal ?? new AbortController().signal;
    await using session = new ConsumerSession(this.#settings, signal, this.#wasOpen);
    while (!signal.aborted) {
      const main = await session.main();
      if (main === undefined) return;
      this.#wasOpen = true;
      const batch = await this.#nextBatch(session, main);
      if (batch === undefined) continue;
      try {
        yield batch;
        await batch.bodyEnded();
      } finally {
        batch.leave();
      }
    }
  }

  /**
   * Calls `work` for each batch until the signal is aborted, and goes on after a lost connection, be it the queue's
   * or one of the work's own, and after its name was taken meanwhile: the batch is then offered again, after a pause.
   * Throws every other error, and does not wait for the first connection, as `batches`.
   */
  async run(work: (batch: ConsumerBatch) => Promise<void>, options: RunOptions = {}): Promise<void> {
    const signal = options.signal ?? new AbortController().signal;
    const pauses = new ReconnectPauses(this.#settings, signal);
    while (!signal.aborted) {
      try {
        for await (const batch of this.batches({ signal })) {
          await work(batch);
          pauses.reset();
        }
      } catch (error) {
        if (!this.#wasOpen || !isTransient(error)) throw error;
        await pauses.wait(error);
      }
    }
  }

  /** The next batch; undefined after waiting for one. */
  async #nextBatch(session: ConsumerSession, main: Connection): Promise<OpenBatch | undefined> {
    const { queueName, consumerName, batchLimits } = this.#settings;
    try {
      const batch = await nextBatch(main, queueName, consumerName, batchLimits);
      session.pauses.reset();
      if (batch !== undefined) return new OpenBatch(batch, session);
    } catch (error) {
      if (!isTransient(error)) throw error;
      await session.afterFailure(error);
      return undefined;
    }
    await session.waitForTick();
    return undefined;
  }

  async #once<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    await using connection = await createConnect(this.#settings.environment)(this.#settings.conninfo, {
      application: `consumer/${this.#settings.consumerName}`,
    });
    return await call(connection);
  }
}
