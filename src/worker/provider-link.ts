import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { assertRegistered } from '../queue/dropped-consumer.js';
import { type TickId, tickId } from '../queue/ids.js';
import { TICK_CHANNEL } from '../queue/tick-channel.js';
import type { Wake } from '../runtime/wake.js';
import { openProvider } from './open-provider.js';
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
   * The open session to the provider that the state names. With `leaps` the registration there is moved forward to the
   * node's position, when it is behind that. Throws PC606 when the provider has dropped this node, PC305
   * when it does not know its worker.
   */
  async connection(state: WorkerState, leaps: boolean): Promise<Connection> {
    if (this.#connection?.isOpen !== true || this.#location !== state.providerLocation) {
      await this.close();
      const { consumerName, signal } = this.#options;
      const connection = await openProvider(this.#options, state.providerLocation, {
        application: `worker/${consumerName}`,
        signal,
      });
      this.#connection = connection;
      this.#location = state.providerLocation;
      await this.assertRegistered();
      this.#watermarkAt = Number.NEGATIVE_INFINITY;
      if (leaps) await takePosition(connection, this.#options, state.completedTick);
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

/** The lowest tick that a branch, all nodes below it and all other readers of its queue have completed. */
async function readLocalWatermark(subscriber: Connection, queueName: string): Promise<TickId> {
  const { local_watermark } = await subscriber.one<{ local_watermark: bigint }>(
    'select local_watermark from pgq_node.get_node_info($1)',
    [queueName],
  );
  return tickId(local_watermark);
}

/**
 * Moves this node's registration on its provider forward to the tick that the node has completed: a new provider has
 * it at the tick that nobody has passed. May be repeated.
 *
 * Throws PC313 when the provider itself has not come so far.
 */
async function takePosition(
  provider: Connection,
  { queueName, consumerName }: WorkerOptions,
  completedTick: TickId,
): Promise<void> {
  const [registered] = await provider.query<{ last_tick: bigint }>(
    'select last_tick from pgq.get_consumer_info($1, $2)',
    [queueName, consumerName],
  );
  // Who is not registered is told so by the next call; who is further is told by its batch.
  if (registered === undefined || registered.last_tick >= completedTick) return;
  const { newest } = await provider.one<{ newest: bigint }>(
    'select last_tick_id as newest from pgq.get_queue_info($1)',
    [queueName],
  );
  if (newest < completedTick) {
    throw new ReplicateError(
      'PC313',
      `The provider at ${provider.target} is at tick ${newest}, this node at ${completedTick} already.`,
    );
  }
  await provider.query('select pgq.register_consumer_at($1, $2, $3)', [
    queueName,
    consumerName,
    completedTick,
  ]);
}
