import type { Connection } from '../db/connection.js';
import { type TickId, tickId } from '../queue/ids.js';
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

  /** The open session to the provider that the state names. */
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
      await connection.listen(TICK_CHANNEL, () => this.#wake.call());
      connection.onEnd(() => this.#wake.call());
    }
    return this.#connection as Connection;
  }

  /** Tells the provider, when it is time, which ticks this node and those below it need no more. */
  async publishWatermark(provider: Connection, subscriber: Connection, state: WorkerState): Promise<void> {
    const { queueName, localWmPublishPeriodMs } = this.#options;
    if (performance.now() - this.#watermarkAt < localWmPublishPeriodMs) return;
    const watermark =
      state.nodeType === 'branch' ? await readLocalWatermark(subscriber, queueName) : state.completedTick;
    await provider.query('select ret_code from pgq_node.set_subscriber_watermark($1, $2, $3)', [
      queueName,
      state.nodeName,
      watermark,
    ]);
    this.#watermarkAt = performance.now();
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

/** The lowest tick that a branch, all nodes below it and all other readers of its queue have completed. */
async function readLocalWatermark(subscriber: Connection, queueName: string): Promise<TickId> {
  const { local_watermark } = await subscriber.one<{ local_watermark: bigint }>(
    'select local_watermark from pgq_node.get_node_info($1)',
    [queueName],
  );
  return tickId(local_watermark);
}
