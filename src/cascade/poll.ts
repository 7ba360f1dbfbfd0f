import { setTimeout as sleep } from 'node:timers/promises';

export interface PollOptions {
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
    const left = deadline - performance.now();
    const seen = await probe();
    if (seen !== undefined) return seen;
    if (left <= 0) return undefined;
    await sleep(Math.min(intervalMs, Math.max(1, left)), undefined, signal === undefined ? {} : { signal });
  }
}
