import { ERRORS, type ErrorCode, type ErrorEntry } from './catalogue.js';

/** Values that explain an error: names, ids and counts, never a row's values and never a password. */
export type Facts = Readonly<Record<string, string | number | bigint | boolean | null | undefined>>;

/**
 * The one error class of pgcascade.
 *
 * `message` is a full sentence for the operator without the advice; `entry` carries policy, exit code and advice.
 */
export class ReplicateError extends Error {
  override readonly name = 'ReplicateError';
  readonly code: ErrorCode;
  readonly facts: Facts;

  constructor(code: ErrorCode, message: string, facts: Facts = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.facts = facts;
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }
}
