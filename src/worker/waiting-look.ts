import type { Connection } from '../db/connection.js';
import type { TableRegistry } from './table-registry.js';
import { holdWaiting, takeUpChanged } from './waiting-tables.js';
import type { WorkerOptions } from './worker-options.js';
import type { WorkerState } from './worker-state.js';

/** How often the worker looks whether a waiting table has changed. */
const CHECK_PAUSE_MS = 2_000;
/** How often it looks whether the provider still holds the events of waiting tables. */
const HOLD_CHECK_PAUSE_MS = 30_000;

/** The worker's look, between two batches, at the tables that wait until they fit their events. */
export class WaitingLook {
  readonly #options: WorkerOptions;
  readonly #registry: TableRegistry;
  #checkAt = 0;
  #holdCheckAt = 0;
  /** The provider's session for which the look at `#holdCheckAt` was made. */
  #heldOn: Connection | undefined;

  constructor(options: WorkerOptions, registry: TableRegistry) {
    this.#options = options;
    this.#registry = registry;
  }

  /** True when a waiting table is taken up, or is not to wait any more: the registry must be read again. */
  async look(provider: Connection, subscriber: Connection, state: WorkerState): Promise<boolean> {
    if (this.#registry.waiting.length === 0) return false;
    const { log } = this.#options;
    if (this.#heldOn !== provider || performance.now() >= this.#holdCheckAt) {
      const lost = await holdWaiting(
        { provider, subscriber, registry: this.#registry },
        this.#options,
        state,
      );
      this.#heldOn = provider;
      this.#holdCheckAt = performance.now() + HOLD_CHECK_PAUSE_MS;
      for (const { tableName, outcome } of lost) {
        log.warn({ table: tableName, outcome }, 'The provider does not hold the events of a waiting table');
      }
      if (lost.length > 0) return true;
    }
    if (performance.now() < this.#checkAt) return false;
    const changed = await takeUpChanged(subscriber, this.#options.queueName);
    this.#checkAt = performance.now() + CHECK_PAUSE_MS;
    for (const { table_name: table, is_anew: isAnew } of changed) {
      log.info({ table, isAnew }, 'Waiting table has changed and is taken up again');
    }
    return changed.length > 0;
  }
}
