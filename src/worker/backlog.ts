import type { Connection } from '../db/connection.js';
import type { BatchLimits } from '../queue/batch-limits.js';
import { type Batch, giveBack, nextBatch } from '../queue/batches.js';
import type { TickId } from '../queue/ids.js';
import { failpoint } from '../runtime/failpoint.js';

/** A worker that found so many batches one after the other without a pause is behind. */
const BATCHES_OF_A_BACKLOG = 3;
/**
 * What a leaf that is behind takes at once, where there is as much: each batch costs two commits and a dozen round trips. Only
 * ticks that nobody can have made a moment ago to meet the worker there.
 */
const BACKLOG_BATCH: BatchLimits = { minLagMs: 2_000, minIntervalMs: 1_000, minCount: 20_000 };

export interface BacklogOptions {
  readonly queueName: string;
  readonly consumerName: string;
  /** Whether somebody waits for a tick, or is about to. */
  readonly isTickAwaited: () => Promise<boolean>;
}

/** Which batch a worker takes: one tick, or several as one where it is behind and nothing depends on where one of them is. */
export class Backlog {
  readonly #options: BacklogOptions;
  /** Batches since the worker had nothing to do. */
  #batchesInARow = 0;
  /** A batch of several ticks was given back, which ended there. */
  #oneByOneUntil: TickId | undefined;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /**
   * The next batch of the worker, which has done all up to `completedTick`; undefined when there is none. Without `mayJoin` of one
   * tick.
   */
  async next(
    provider: Connection,
    { completedTick, mayJoin }: { readonly completedTick: TickId; readonly mayJoin: boolean },
  ): Promise<Batch | undefined> {
    const { queueName, consumerName, isTickAwaited } = this.#options;
    const joins = mayJoin && this.#isBehind(completedTick) && !(await isTickAwaited());
    const several = joins ? await this.#several(provider) : undefined;
    const batch = several ?? (await nextBatch(provider, queueName, consumerName));
    this.#batchesInARow = batch === undefined ? 0 : this.#batchesInARow + 1;
    return batch;
  }

  /** Up to this tick, at which a batch that was given back ended, batches are of one tick. */
  goOneByOne(until: TickId): void {
    this.#oneByOneUntil = until;
  }

  #isBehind(completedTick: TickId): boolean {
    return (
      this.#batchesInARow >= BATCHES_OF_A_BACKLOG &&
      (this.#oneByOneUntil === undefined || completedTick >= this.#oneByOneUntil)
    );
  }

  /** A batch of several ticks, unless somebody waits for one of them: who asks does so before the next tick can be seen. */
  async #several(provider: Connection): Promise<Batch | undefined> {
    const { queueName, consumerName, isTickAwaited } = this.#options;
    await failpoint('worker-skips-ticks');
    const several = await nextBatch(provider, queueName, consumerName, BACKLOG_BATCH);
    if (several === undefined || !(await isTickAwaited())) return several;
    await giveBack(provider, several, consumerName);
    return undefined;
  }
}
