import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { assertRegistered } from '../queue/dropped-consumer.js';
import { TICK_CHANNEL } from '../queue/tick-channel.js';
import type { Wake } from '../runtime/wake.js';
import type { WorkerOptions } from './worker-options.js';
import type { WorkerState } from './worker-state.js';

/** The worker's session on its provider: opened when needed, anew when the provider is another one. */
export class ProviderLink implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #wake: Wake;
  #connection: Connection | undefined;
  #location = '';
  #watermarkAt = Number.NEGATIVE_INFINITY;

  constructor(options: WorkerOptions, wake: Wake) {
    this.#options = options;
    this.#wake = wake;
  }

  /**
   * The open session to the provider that the state names. Throws PC606 when the provider has dropped this node, PC305
   * when it does not know its worker.
   */
  async connection(state: WorkerState): Promise<Connection> {
    if (this.#connection?.isOpen !== true || this.#location !== state.providerLocation) {
      await this.close();
      const { connect, consumerName, signal } = this.#options;
      const connection = await connect(state.providerLocation, {
        application: `worker/${consumerName}`,
        signal,
      });
      this.#connection = connection;
      this.#location = state.providerLocation;
      await this.assertRegistered();
      await connection.listen(TICK_CHANNEL, () => this.#wake.call());
      connection.onEnd(() => this.#wake.call());
    }
    return this.#connection as Connection;
  }

  /** Tells the provider, when it is time, which ticks this node and those below it need no more. */
  async publishWatermark(provider: Connection, state: WorkerState): Promise<void> {
    const { queueName, localWmPublishPeriodMs } = this.#options;
    if (performance.now() - this.#watermarkAt < localWmPublishPeriodMs) return;
    await provider.query('select ret_code from pgq_node.set_subscriber_watermark($1, $2, $3)', [
      queueName,
      state.nodeName,
      state.completedTick,
    ]);
    this.#watermarkAt = performance.now();
  }

  /**
   * Throws PC606 when the provider has dropped this node because it held back more than the queue's budget, PC305 when the worker is not
   * registered there. The worker never registers itself anew: the events that it missed would be lost silently.
   */
  async assertRegistered(): Promise<void> {
    if (this.#connection?.isOpen !== true) return;
    const { queueName, consumerName } = this.#options;
    try {
      await assertRegistered(this.#connection, queueName, consumerName);
    } catch (error) {
      if (!(error instanceof ReplicateError) || error.code !== 'PC601') throw error;
      throw new ReplicateError('PC305', error.message, error.facts, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#connection?.close();
    this.#connection = undefined;
  }

  /** Cuts the session at once. */
  destroy(): void {
    this.#connection?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
