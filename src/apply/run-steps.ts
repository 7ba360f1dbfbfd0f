import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import type { Step } from './step.js';

/** The first step that did not do what it must: the server refused it, or it touched another number of rows. */
export type StepFailure =
  | { readonly kind: 'error'; readonly step: Step; readonly error: unknown }
  | { readonly kind: 'count'; readonly step: Step; readonly count: number };

/** Steps that are sent before the first answer is looked at; bounds the work done in vain behind a failure. */
const STEPS_IN_FLIGHT = 500;

/**
 * Runs steps one after the other in the open transaction and stops at the first that fails, which it returns. The
 * transaction may then be in error, and later steps may have been done: roll back to a savepoint before going on.
 *
 * Throws what is not a server's answer, a lost connection first of all.
 */
export async function runSteps(tx: Connection, steps: readonly Step[]): Promise<StepFailure | undefined> {
  for (let from = 0; from < steps.length; from += STEPS_IN_FLIGHT) {
    const sent = steps.slice(from, from + STEPS_IN_FLIGHT);
    const answers = await Promise.allSettled(sent.map((step) => tx.execute(step.text, step.values)));
    const failure = firstFailure(sent, answers);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function firstFailure(
  steps: readonly Step[],
  answers: readonly PromiseSettledResult<number>[],
): StepFailure | undefined {
  for (const [i, answer] of answers.entries()) {
    const step = steps[i] as Step;
    if (answer.status === 'rejected') {
      if (sqlstateOf(answer.reason) === undefined) throw answer.reason;
      return { kind: 'error', step, error: answer.reason };
    }
    if (answer.value !== step.expected) return { kind: 'count', step, count: answer.value };
  }
  return undefined;
}
