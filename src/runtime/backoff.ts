export interface BackoffOptions {
  /** Pause after the first failure. */
  readonly firstMs: number;
  /** Longest pause. */
  readonly limitMs: number;
}

/**
 * How long to wait after so many failures in a row (1 is the first): doubled each time up to the limit, then between
 * half and all of it, so that many clients of one server do not come back at the same moment.
 */
export function backoffMs(
  failures: number,
  options: BackoffOptions,
  random: () => number = Math.random,
): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const longest = Math.min(options.firstMs * 2 ** exponent, options.limitMs);
  return Math.round(longest * (0.5 + random() / 2));
}
