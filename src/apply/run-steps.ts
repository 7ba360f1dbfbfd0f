import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { BatchStatement } from '../db/statement-batch.js';
import { isSmall, joinedStatements } from './joined-steps.js';
import type { Step } from './step.js';

/**
 * Why steps were not done: the server refused one, it touched another number of rows than it must, or, of many that
 * were sent as one statement, one of these for a step that is not known.
 */
export type StepFailure =
  | { readonly kind: 'error'; readonly step: Step; readonly error: unknown }
  | { readonly kind: 'count'; readonly step: Step; readonly count: number }
  | { readonly kind: 'unknown-step'; readonly error: unknown };

/** Below this number a statement of many is more work than the statements that it saves. */
const MIN_STEPS_TO_JOIN = 8;
/** Bounds what is built for the server, and what it keeps, at a time. */
const MAX_MESSAGE_CHARS = 4_000_000;

/** A statement for the server; `step` is undefined for one that does many steps, or none. */
interface Sent {
  readonly statement: BatchStatement;
  readonly step: Step | undefined;
}

/**
 * Runs steps one after the other in the open transaction and stops at the first that fails, which it returns: the
 * steps before it have been done, some after it may have been, and the transaction may be in error, so roll back to a savepoint
 * before going on. `first` are sent before them. `together` makes one statement of runs of small steps; without it the failed
 * step is always known.
 *
 * Throws what is not a server's answer, a lost connection first of all.
 */
export async function runSteps(
  tx: Connection,
  steps: readonly Step[],
  options: RunStepsOptions,
): Promise<StepFailure | undefined> {
  return sendSteps(tx, steps, options).failure;
}

export interface RunStepsOptions {
  readonly first: readonly string[];
  readonly together: boolean;
}

export interface SentSteps {
  /** All of them are on their way already: what is sent next comes right behind them. */
  readonly isWhole: boolean;
  readonly failure: Promise<StepFailure | undefined>;
}

/** As `runSteps`, without the wait. */
export function sendSteps(
  tx: Connection,
  steps: readonly Step[],
  { first, together }: RunStepsOptions,
): SentSteps {
  const messages = messagesOf([...first.map(asSent), ...sentOf(steps, together)]);
  const one = messages.next();
  const two = one.done === true ? one : messages.next();
  const rest = function* () {
    if (one.done !== true) yield one.value;
    if (two.done !== true) yield two.value;
    yield* messages;
  };
  return { isWhole: two.done === true, failure: answered(tx, rest()) };
}

async function answered(
  tx: Connection,
  messages: Iterable<readonly Sent[]>,
): Promise<StepFailure | undefined> {
  for (const message of messages) {
    const { counts, error } = await tx.executeTogether(message.map(({ statement }) => statement));
    for (const [i, { step }] of message.entries()) {
      const count = counts[i];
      if (count === undefined) return failureOf(step, error);
      if (step !== undefined && step.expected !== 'any' && count !== step.expected)
        return { kind: 'count', step, count };
    }
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
  const run = (step: Step) => runSteps(tx, [step], { first: [], together: false });
  for (const step of steps) {
    const failure = await run(step);
    if (failure === undefined) continue;
    const { absence } = step;
    if (failure.kind !== 'count' || failure.count !== 0 || absence === undefined) return failure;
    if (absence !== 'itself') {
      const found = await run(absence);
      if (found !== undefined) return found.kind === 'count' ? failure : found;
    }
    leftOut(step);
  }
  return undefined;
}

function failureOf(step: Step | undefined, error: unknown): StepFailure {
  if (sqlstateOf(error) === undefined) throw error;
  return step === undefined ? { kind: 'unknown-step', error } : { kind: 'error', step, error };
}

function* sentOf(steps: readonly Step[], together: boolean): Generator<Sent> {
  for (const group of groupsOf(steps)) {
    if (together && group.length >= MIN_STEPS_TO_JOIN && isSmall(group[0] as Step)) {
      for (const statement of joinedStatements(group)) yield { statement, step: undefined };
    } else {
      for (const step of group) yield { statement: statementOf(step), step };
    }
  }
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

function asSent(text: string): Sent {
  return { statement: { text }, step: undefined };
}

function statementOf({ text, input }: Step): BatchStatement {
  switch (input.kind) {
    case 'none':
      return { text };
    case 'json':
    case 'lists':
      return { text, values: input.values };
    case 'copy':
      return { text, copyData: input.data };
  }
}

function* messagesOf(all: Iterable<Sent>): Generator<readonly Sent[]> {
  let message: Sent[] = [];
  let chars = 0;
  for (const sent of all) {
    message.push(sent);
    chars += sizeOf(sent.statement);
    if (chars < MAX_MESSAGE_CHARS) continue;
    yield message;
    message = [];
    chars = 0;
  }
  if (message.length > 0) yield message;
}

function sizeOf({ text, values = [], copyData = [] }: BatchStatement): number {
  return [...values, ...copyData].reduce((sum, { length }) => sum + length, text.length);
}
