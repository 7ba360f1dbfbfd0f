import { setTimeout as sleep } from 'node:timers/promises';

/** A probe that is dear is called less often: it takes at most so large a part of the time. */
const SHARE_OF_TIME = 0.2;

export interface PollOptions {
  /** Pause after a probe, at least. */
  readonly intervalMs: number;
  /** Without it the poll goes on until the signal is aborted. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls `probe` until it returns something, and returns that; undefined when the time is up. The probe is called at
 * least once, and once more at the end. Throws what the probe throws, and the signal's reason when it is aborted.
 */
export async function poll<T>(
  probe: () => Promise<T | undefined>,
  options: PollOptions,
): Promise<T | undefined> {
  const { intervalMs, timeoutMs, signal } = options;
  const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const before = performance.now();
    const left = deadline - before;
    const seen = await probe();
    if (seen !== undefined) return seen;
    if (left <= 0) return undefined;
    const pauseMs = Math.max(intervalMs, (performance.now() - before) * (1 / SHARE_OF_TIME - 1));
    await sleep(Math.min(pauseMs, Math.max(1, left)), undefined, signal === undefined ? {} : { signal });
  }
}
