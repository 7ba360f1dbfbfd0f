import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { Step } from './step.js';

/** A step that did not do what it must: the server refused it, or it touched another number of rows. */
export type StepFailure =
  | { readonly kind: 'error'; readonly step: Step; readonly error: unknown }
  | { readonly kind: 'count'; readonly step: Step; readonly count: number };

/**
 * Runs steps one after the other in the open transaction and stops at the first that fails, which it returns: the
 * steps before it have been done, and the transaction may be in error, so roll back to a savepoint before going on.
 *
 * Throws what is not a server's answer, a lost connection first of all.
 */
export async function runSteps(tx: Connection, steps: readonly Step[]): Promise<StepFailure | undefined> {
  for (const step of steps) {
    let count: number;
    try {
      count = await tx.execute(step.text, step.values);
    } catch (error) {
      if (sqlstateOf(error) === undefined) throw error;
      return { kind: 'error', step, error };
    }
    if (step.expected !== 'any' && count !== step.expected) return { kind: 'count', step, count };
  }
  return undefined;
}
