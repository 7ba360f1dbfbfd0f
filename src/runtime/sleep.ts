import { setTimeout as wait } from 'node:timers/promises';

/** Node's timers cannot wait longer; nothing of ours does. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waits. Returns false at once when the signal is or becomes aborted, true when the time has passed. Never throws. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  try {
    await wait(Math.min(Math.max(ms, 0), LONGEST_MS), undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    // The only error a timer has is that it was aborted: stopping is not an error.
    return false;
  }
}
