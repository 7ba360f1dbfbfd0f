import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { isSmall, runTogether } from './run-together.js';
import type { Step } from './step.js';

/**
 * Why steps were not done: the server refused one, it touched another number of rows than it must, or, of many that
 * were sent in one message, one of these for a step that is not known.
 */
export type StepFailure =
  | { readonly kind: 'error'; readonly step: Step; readonly error: unknown }
  | { readonly kind: 'count'; readonly step: Step; readonly count: number }
  | { readonly kind: 'unknown-step'; readonly error: unknown };

/** Below this number a message of many is more work than the round trips it saves. */
const MIN_STEPS_TO_JOIN = 8;

/**
 * Runs steps one after the other in the open transaction and stops at the first that fails, which it returns: the
 * steps before it have been done, and the transaction may be in error, so roll back to a savepoint before going on.
 * `together` sends runs of small steps in one message; without it the failed step is always known.
 *
 * Throws what is not a server's answer, a lost connection first of all.
 */
export async function runSteps(
  tx: Connection,
  steps: readonly Step[],
  { together }: { readonly together: boolean },
): Promise<StepFailure | undefined> {
  for (const group of together ? groupsOf(steps) : [steps]) {
    const failure =
      together && group.length >= MIN_STEPS_TO_JOIN && isSmall(group[0] as Step)
        ? await runJoined(tx, group)
        : await runOneByOne(tx, group);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/**
 * Runs the steps of single changes one after the other and passes over each UPDATE and DELETE whose row is not there,
 * which `leftOut` gets. Stops at the first other failure; else as `runSteps`.
 */
export async function runPresentSteps(
  tx: Connection,
  steps: readonly Step[],
  leftOut: (step: Step) => void,
): Promise<StepFailure | undefined> {
  for (const step of steps) {
    const failure = await runOneByOne(tx, [step]);
    if (failure === undefined) continue;
    const { absence } = step;
    if (failure.kind !== 'count' || failure.count !== 0 || absence === undefined) return failure;
    if (absence !== 'itself') {
      const found = await runOneByOne(tx, [absence]);
      if (found !== undefined) return found.kind === 'count' ? failure : found;
    }
    leftOut(step);
  }
  return undefined;
}

/** Small steps in a row belong together, and others in a row. */
function* groupsOf(steps: readonly Step[]): Generator<readonly Step[]> {
  let from = 0;
  for (let to = 1; to <= steps.length; to++) {
    if (to < steps.length && isSmall(steps[to] as Step) === isSmall(steps[from] as Step)) continue;
    yield steps.slice(from, to);
    from = to;
  }
}

async function runJoined(tx: Connection, steps: readonly Step[]): Promise<StepFailure | undefined> {
  try {
    await runTogether(tx, steps);
    return undefined;
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    return { kind: 'unknown-step', error };
  }
}

async function runOneByOne(tx: Connection, steps: readonly Step[]): Promise<StepFailure | undefined> {
  for (const step of steps) {
    let count: number;
    try {
      count = await runStep(tx, step);
    } catch (error) {
      if (sqlstateOf(error) === undefined) throw error;
      return { kind: 'error', step, error };
    }
    if (step.expected !== 'any' && count !== step.expected) return { kind: 'count', step, count };
  }
  return undefined;
}

async function runStep(tx: Connection, { text, input }: Step): Promise<number> {
  switch (input.kind) {
    case 'none':
      return tx.execute(text);
    case 'json':
    case 'lists':
      return tx.execute(text, input.values);
    case 'copy':
      return tx.copyText(text, input.data);
  }
}
