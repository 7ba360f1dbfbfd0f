import type { EventId } from '../queue/ids.js';
import type { StepFailure } from './run-steps.js';
import { writeFailureOf } from './write-failure.js';

/** The first event of a table that could not be written, and why. */
export interface Conflict {
  readonly eventId: EventId;
  /** PC402: the rows differ from the provider's. PC403: the table differs. PC410: its handler cannot be had. */
  readonly code: 'PC402' | 'PC403' | 'PC410';
  /** A sentence without any value of a row. */
  readonly message: string;
  /** The key of the row as JSON values; null when the table has no key. */
  readonly key: string | null;
  /** The table's handler cannot work with the row; it may fit the table. */
  readonly isOfHandler?: true;
}

/** The conflict that the failure of a change by itself is. Throws the error of a failure that names no change. */
export function conflictOf(failure: StepFailure): Conflict {
  if (failure.kind === 'unknown-step') throw failure.error;
  const [first] = failure.step.changes;
  if (first === undefined) throw new RangeError('A step without changes has failed.');
  return { eventId: first.event.id, key: first.key || null, ...reasonOf(failure) };
}

/** Why statements for many changes were not done, in a sentence without any value of a row; undefined when it is no fault of the table. */
export function describeFailure(failure: StepFailure): string | undefined {
  if (failure.kind !== 'count') return writeFailureOf(failure.error)?.message;
  return `A statement touched ${failure.count} rows and not ${failure.step.expected}.`;
}

function reasonOf(
  failure: Exclude<StepFailure, { kind: 'unknown-step' }>,
): Pick<Conflict, 'code' | 'message'> {
  if (failure.kind === 'count') {
    const message =
      failure.count === 0
        ? 'The row to be changed is not on the subscriber.'
        : `The change of one row touched ${failure.count} rows on the subscriber.`;
    return { code: 'PC402', message };
  }
  const reason = writeFailureOf(failure.error);
  if (reason === undefined) throw failure.error;
  return reason;
}
