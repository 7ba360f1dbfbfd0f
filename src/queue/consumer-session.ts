import { type Connect, createConnect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { Wake } from '../runtime/wake.js';
import type { BatchLimits } from './batch-limits.js';
import { lockConsumer } from './consumer-lock.js';
import { assertRegistered } from './dropped-consumer.js';
import { isTransient, type ReconnectOptions, ReconnectPauses } from './reconnect-pauses.js';
import { TICK_CHANNEL } from './tick-channel.js';

/** What a consumer was told, defaults filled in. */
export interface ConsumerSettings extends ReconnectOptions {
  readonly conninfo: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly queueName: string;
  readonly consumerName: string;
  readonly batchLimits: BatchLimits;
  readonly pollIntervalMs: number;
  readonly lockWaitMs: number;
}

/**
 * The connections of a running consumer: the main one, which holds the consumer's lock, hears of ticks and opens and
 * finishes batches; and the reader, on which the events of a batch stream while the main one stays free.
 *
 * Both are opened when they are needed and again when they were lost.
 */
export class ConsumerSession implements AsyncDisposable {
  readonly settings: ConsumerSettings;
  readonly signal: AbortSignal;
  readonly pauses: ReconnectPauses;
  readonly #connect: Connect;
  readonly #wake = new Wake();
  #main: Connection | undefined;
  #reader: Connection | undefined;
  #mayRetry: boolean;

  /** `wasOpen`: the consumer has been connected before, so that a server that is away now is waited for. */
  constructor(settings: ConsumerSettings, signal: AbortSignal, wasOpen: boolean) {
    this.settings = settings;
    this.signal = signal;
    this.pauses = new ReconnectPauses(settings, signal);
    this.#connect = createConnect(settings.environment);
    this.#mayRetry = wasOpen;
  }

  /**
   * The main connection. One that was lost is replaced, with growing pauses until that succeeds; the first one is
   * tried once. Undefined when the signal was aborted before there was one.
   *
   * Throws PC600 when another process has the consumer's lock at the start (later the lock is waited for), PC601
   * when the consumer is not registered, PC606 when it was dropped from the queue.
   */
  async main(): Promise<Connection | undefined> {
    let failure: Error | undefined;
    const hadLock = this.#main !== undefined;
    if (this.#main?.isOpen === false) {
      failure = new ReplicateError('PC203', `The connection to ${this.#main.target} was lost.`);
    }
    while (this.#main?.isOpen !== true) {
      if (failure !== undefined) await this.pauses.wait(failure);
      if (this.signal.aborted) return undefined;
      try {
        this.#main = await this.#openMain();
        this.#mayRetry = true;
      } catch (error) {
        if (this.signal.aborted) return undefined;
        const isTaken = error instanceof ReplicateError && error.code === 'PC600';
        if (!this.#mayRetry || !isTransient(error) || (isTaken && !hadLock)) throw error;
        failure = error;
      }
    }
    return this.#main;
  }

  /** To be called after a transient error of the main connection: pauses, unless `main` will. */
  async afterFailure(error: Error): Promise<void> {
    if (this.#main?.isOpen === true) await this.pauses.wait(error);
  }

  /** The connection for events. Throws what connecting throws. */
  async reader(): Promise<Connection> {
    if (this.#reader?.isOpen !== true) {
      this.#reader = await this.#connect(this.settings.conninfo, { application: this.#application() });
    }
    return this.#reader;
  }

  /** Waits until a tick is announced, the main connection is lost, it is time to look, or the signal is aborted. */
  async waitForTick(): Promise<void> {
    await this.#wake.wait(this.settings.pollIntervalMs, this.signal);
  }

  /** Ends both connections, and with them the consumer's lock. */
  async close(): Promise<void> {
    // A reader may be in the middle of a COPY, which cannot be ended politely.
    this.#reader?.destroy();
    await this.#main?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #openMain(): Promise<Connection | undefined> {
    const { conninfo, queueName, consumerName, lockWaitMs } = this.settings;
    const connection = await this.#connect(conninfo, {
      application: this.#application(),
      signal: this.signal,
    });
    try {
      // The caller's statements run here too: names shall be found as in any other session of this role.
      await connection.execute('reset search_path; reset row_security');
      if (connection.serverVersion >= 140_000) await connection.execute('set idle_session_timeout = 0');
      await assertRegistered(connection, queueName, consumerName);
      if (!(await lockConsumer(connection, queueName, consumerName, lockWaitMs, this.signal))) {
        await connection.close();
        return undefined;
      }
      await connection.listen(TICK_CHANNEL, () => this.#wake.call());
      connection.onEnd(() => this.#wake.call());
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  #application(): string {
    return `consumer/${this.settings.consumerName}`;
  }
}
