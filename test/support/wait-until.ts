import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

const POLL_MS = 50;
const DEFAULT_TIMEOUT_MS = 30_000;

export interface WaitOptions {
  readonly timeoutMs?: number;
}

/**
 * Calls `probe` every 50 ms until it returns something other than false, null and undefined, and returns that.
 *
 * On time-out it throws, with what it waited for and what it saw last. An error of the probe is thrown on at once.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T> | T,
  options: WaitOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await probe();
    if (seen !== false && seen !== null && seen !== undefined) {
      return seen as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${timeoutMs / 1000} s until ${what}; seen last: ${inspect(seen)}.`);
    }
    await sleep(POLL_MS);
  }
}

/** Calls `look` every 50 ms until `holds` is true for what it returns. A time-out prints what was seen last. */
export async function waitUntilSeen<T>(
  what: string,
  look: () => Promise<T> | T,
  holds: (seen: T) => boolean,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > deadline) {
      throw new Error(
        `Waited ${timeoutMs / 1000} s until ${what}; seen last: ${inspect(seen, { depth: 5 })}.`,
      );
    }
    await sleep(POLL_MS);
  }
}
