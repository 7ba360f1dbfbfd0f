import type { QueueEvent } from '../queue/event.js';

/** One statement of apply and what must come of it. */
export interface Step {
  readonly text: string;
  readonly values?: readonly string[];
  /** The number of rows that it touches when subscriber and provider agree. */
  readonly expected: number | 'any';
  /** What it writes, where that is known: when there is one change only, a failure is that change's failure. */
  readonly changes: readonly { readonly event: QueueEvent; readonly key: string | null }[];
}
