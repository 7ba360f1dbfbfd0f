import type { TickAfter } from './torture-pair.js';

/** A case that does not hold. */
export interface KnownGap {
  /** What is seen instead of equal tables. */
  readonly seen: string;
  /** Where it is seen; everywhere when it is not given. */
  readonly on?: (from: number, to: number, tickAfter: TickAfter) => boolean;
}

/** Cases that do not hold, by name: their tests fail when they do. No reason to leave a case out. */
export const KNOWN_GAPS: Readonly<Record<string, KnownGap>> = {
  'a volatile function in an update that writes other rows of its set': {
    seen: "The function's updates of other rows are lost: on the leaf n has the values from before them.",
  },
  'a replicated table that becomes a partition of another': {
    seen: 'Up to 12 our triggers keep it from being attached; later each write sends two events, one of the partition and one of the parent: parked, PC402 with 23505.',
  },
};
