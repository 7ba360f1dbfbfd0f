import PQueue from 'p-queue';

/** Runs tasks in order, a fixed number at a time. */
export class Lanes {
  readonly #queue: PQueue;
  readonly #signal: AbortSignal;
  readonly laneCount: number;

  constructor(laneCount: number, signal: AbortSignal) {
    this.laneCount = laneCount;
    this.#queue = new PQueue({ concurrency: laneCount });
    this.#signal = signal;
  }

  /** Tasks that run or wait. */
  get taskCount(): number {
    return this.#queue.size + this.#queue.pending;
  }

  /**
   * Runs a task as soon as a lane is free; its outcome is the task's. A task that has not begun when the signal is
   * aborted never begins: the call then throws the signal's reason. A task that runs is left to end by itself.
   */
  async run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#queue.add(async () => {
      this.#signal.throwIfAborted();
      return task(this.#signal);
    });
  }

  /** True while a task of `run` waits for a lane. */
  get isWanted(): boolean {
    return this.#queue.sizeBy({ priority: 0 }) > 0;
  }

  /** Runs a task when there is a lane that no task of `run` waits for. Nobody is told what becomes of it: it must not throw. */
  lend(task: () => Promise<void>): void {
    void this.#queue.add(async () => this.#signal.aborted || task(), { priority: -1 });
  }

  /** Waits until no task runs or waits. Never throws. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }
}

/**
 * Does the work for every item, at most `laneCount` at a time, and returns the results in the order of the items.
 *
 * After a failure no further item is begun and the signal that the work sees is aborted. Throws the first failure,
 * but only when no work runs any more.
 */
export async function runInLanes<Item, Result>(
  items: Iterable<Item>,
  laneCount: number,
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const failed = new AbortController();
  const lanes = new Lanes(laneCount, AbortSignal.any([signal, failed.signal]));
  const outcomes = await Promise.allSettled(
    Array.from(items, (item) =>
      lanes.run(async (laneSignal) => {
        try {
          return await work(item, laneSignal);
        } catch (error) {
          if (!failed.signal.aborted) failed.abort(error);
          throw error;
        }
      }),
    ),
  );
  if (failed.signal.aborted) throw failed.signal.reason;
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
