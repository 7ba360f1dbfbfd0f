import type { QueueEvent } from '../queue/event.js';

/** What a statement is given to write. */
export type StepInput =
  /** Nothing. */
  | { readonly kind: 'none' }
  /** `$1`, and for some `$2`: rows as one JSON array. */
  | { readonly kind: 'json'; readonly values: readonly string[] }
  /** `$1` … `$n`: all values of one column as the literal of an array. */
  | { readonly kind: 'lists'; readonly values: readonly string[] }
  /** What follows a COPY. */
  | { readonly kind: 'copy'; readonly data: readonly string[] };

/** One statement of apply and what must come of it. */
export interface Step {
  readonly text: string;
  readonly input: StepInput;
  /** The number of rows that it touches when subscriber and provider agree. */
  readonly expected: number | 'any';
  /** What it writes, where that is known: when there is one change only, a failure is that change's failure. */
  readonly changes: readonly { readonly event: QueueEvent; readonly key: string | null }[];
  /**
   * Set where one UPDATE or DELETE stands alone: what tells, after it has touched no row, that there was none. `itself` or a
   * step that then touches none either.
   */
  readonly absence?: 'itself' | Step | undefined;
}

export const NO_INPUT: StepInput = { kind: 'none' };
