import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import type { ErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** A failure that is the fault of one table's rows or definition, told without any value of a row. */
export interface WriteFailure {
  readonly code: Extract<ErrorCode, 'PC402' | 'PC403'>;
  readonly message: string;
}

/** SQLSTATE classes and states that say: table and event do not fit. */
const STRUCTURE = ['22', '42', '0A', '23502', '23514', '44'];
/** … and: the rows on the subscriber are not those of the provider, or the table's own code refuses them. */
const CONTENT = ['23', '09', '2F', '38', '39', '21', '27', '54', '55000', 'P0', 'PC402'];
/** Unknown table or column, type mismatch: these messages name objects only; those of others may quote a value. */
const NAMES_ONLY = ['42P01', '42703', '42704', '42804', '42883', '428C9'];
/** Rights are not a matter of one event: the operator must grant them, and nothing is lost by waiting. */
const NEVER = ['42501'];

/**
 * What a server's error says about the table that was written; undefined when it says nothing about it (lost
 * connection, deadlock, full disk, missing right): then the batch as a whole has to be tried again or stopped.
 */
export function writeFailureOf(error: unknown): WriteFailure | undefined {
  const state = sqlstateOf(error);
  if (state === undefined || matches(NEVER, state)) return undefined;
  const isStructure = matches(STRUCTURE, state);
  if (!isStructure && !matches(CONTENT, state)) return undefined;
  const { column, constraint, message } = error as { column?: string; constraint?: string; message?: string };
  const facts = [`SQLSTATE ${state}`];
  if (column !== undefined) facts.push(`column ${column}`);
  if (constraint !== undefined) facts.push(`constraint ${constraint}`);
  if (NAMES_ONLY.includes(state) && message !== undefined) facts.push(message);
  return {
    code: isStructure ? 'PC403' : 'PC402',
    message: `${isStructure ? 'The row does not fit the table' : 'The table refuses the row'} (${facts.join(', ')}).`,
  };
}

/** The error to be thrown for a failure that is not the fault of a table's rows or definition: PC204 for a missing right. */
export function withoutTable(error: unknown): unknown {
  if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) return error;
  const reason = error instanceof Error ? error.message : 'permission denied';
  return new ReplicateError('PC204', `A table cannot be written: ${reason}.`, {}, { cause: error });
}

function matches(prefixes: readonly string[], state: string): boolean {
  return prefixes.some((prefix) => state.startsWith(prefix));
}
