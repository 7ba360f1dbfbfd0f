import type { CapturedWrites } from './captured-writes.js';

/** What other triggers of a table make of the writes, as words for people. */
export interface CaptureDifference {
  /** Sent from now on and not before: what was written till now is not on the nodes below. */
  readonly gained: readonly string[];
  /** Sent before and not any more. */
  readonly lost: readonly string[];
  /** Writes were events and no rows before, and are rows now. */
  readonly hasRowsNow: boolean;
}

const SAME: CaptureDifference = { gained: [], lost: [], hasRowsNow: false };

/** Compares what triggers captured before a change with what they capture after it. Pure. */
export function captureDifference(before: CapturedWrites, after: CapturedWrites): CaptureDifference {
  // Nobody could write, or nobody can any more.
  if (before.isDenied || after.isDenied) return SAME;
  const hasRowsNow = before.isEventOnly && !after.isEventOnly;
  return { gained: hasRowsNow ? [] : missing(before, after), lost: missing(after, before), hasRowsNow };
}

/** What `less` leaves out that `more` has. */
function missing(less: CapturedWrites, more: CapturedWrites): string[] {
  if (more.writes.length === 0) return [];
  if (less.writes.length === 0) return ['all writes'];
  const writes = more.writes.filter((write) => !less.writes.includes(write));
  const columns = less.ignored.filter((column) => !more.ignored.includes(column));
  const isOtherContent = less.content.length > 0 && less.content.join('\n') !== more.content.join('\n');
  return [
    ...writes,
    ...(columns.length === 0 ? [] : [`${columns.length === 1 ? 'column' : 'columns'} ${columns.join(', ')}`]),
    ...(less.condition === undefined || less.condition === more.condition
      ? []
      : [`rows that "when=${less.condition}" leaves out`]),
    ...(isOtherContent ? [`what ${less.content.map((arg) => `"${arg}"`).join(' and ')} replaces`] : []),
  ];
}
