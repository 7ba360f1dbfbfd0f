import { ReplicateError } from '../errors/replicate-error.js';

/** `--timeout SECONDS`, for commands that wait. */
export const TIMEOUT_FLAGS = '--timeout <seconds>';

/** The value of `--timeout` in milliseconds, undefined when it was not given. Throws PC100 for what is no time. */
export function timeoutMs(options: Readonly<Record<string, unknown>>): number | undefined {
  const text = options['timeout'];
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (typeof text !== 'string' || text.trim() === '' || !Number.isFinite(seconds) || seconds < 0) {
    throw new ReplicateError('PC100', `--timeout=${String(text)} is not a number of seconds.`);
  }
  return seconds * 1000;
}
