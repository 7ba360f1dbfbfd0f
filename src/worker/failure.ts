import { isConnectionLoss, SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import type { Policy } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * Server error classes that say something about the moment and not about our data: connection, transaction rollback
 * (deadlock), resources (disk full, too many connections), object in use, operator intervention, system error.
 */
const PASSING_CLASSES = new Set(['08', '40', '53', '55', '57', '58']);

/** What to do after an error of the worker's work. Errors nobody has thought of stop the node. */
export function policyOf(error: unknown): Policy {
  if (error instanceof ReplicateError) return error.entry.policy;
  if (isConnectionLoss(error)) return 'retry';
  const state = sqlstateOf(error);
  if (state !== undefined && PASSING_CLASSES.has(state.slice(0, 2))) return 'retry';
  if (isBatchGone(error)) return 'retry';
  return 'stop-node';
}

/**
 * Somebody has registered the worker anew while it read a batch, as `resurrect` does on the new root: it begins again with its next
 * batch, and what it is offered is judged by the position that it has recorded. PgQ has one SQLSTATE for all its errors.
 */
function isBatchGone(error: unknown): boolean {
  return (
    sqlstateOf(error) === SQLSTATE.raisedException &&
    error instanceof Error &&
    error.message.startsWith('batch not found')
  );
}

/** One line for status and log: what happened, without a row's values. */
export function describeFailure(error: unknown): string {
  if (error instanceof ReplicateError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const state = sqlstateOf(error);
  return state === undefined ? error.message : `${error.message} (SQLSTATE ${state})`;
}

/** What a command would end with may pass for a copy: a slow network, a password that is being changed. */
export function mayPass(error: unknown): boolean {
  if (policyOf(error) === 'retry') return true;
  return error instanceof ReplicateError && ['PC201', 'PC202', 'PC500'].includes(error.code);
}
