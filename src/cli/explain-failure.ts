import { CommanderError } from 'commander';
import { redactConninfo } from '../db/conninfo.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ERRORS, type ErrorEntry, type ExitCode, isErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** How an error is told to the person at the terminal. */
export interface Failure {
  /** One line: what is wrong and what to do. */
  readonly line: string;
  readonly exitCode: ExitCode;
  /** Where it came from, with all causes: only for -v. */
  readonly trace: string;
}

const COULD_NOT_FIND_OUT: ExitCode = 3;

/** Turns whatever was thrown into one line, an exit code and a trace. No password is in any of them. */
export function explainFailure(program: string, error: unknown): Failure {
  const { message, advice, exitCode } = describe(error);
  const line = [program, ': ', sentence(message), advice === undefined ? '' : ` ${advice}`].join('');
  return { line: redactConninfo(line), exitCode, trace: redactConninfo(trace(error)) };
}

function describe(error: unknown): { message: string; advice?: string; exitCode: ExitCode } {
  if (error instanceof ReplicateError) return fromEntry(error.message, error.entry);
  if (error instanceof CommanderError) {
    return fromEntry(capitalized(error.message.replace(/^error: /, '')), ERRORS.PC100);
  }
  if (!(error instanceof Error)) return fromEntry(String(error), ERRORS.PC900);
  if (error.name === 'AbortError') return { message: error.message, exitCode: COULD_NOT_FIND_OUT };
  const sqlstate = sqlstateOf(error);
  if (sqlstate === undefined) return fromEntry(error.message, ERRORS.PC900);
  if (sqlstate === SQLSTATE.lockNotAvailable) {
    return fromEntry('A lock was not free within lock_timeout of the ini file', ERRORS.PC208);
  }
  if (isErrorCode(sqlstate)) return fromEntry(error.message, ERRORS[sqlstate]);
  return { message: `${error.message} (SQLSTATE ${sqlstate})`, exitCode: COULD_NOT_FIND_OUT };
}

function fromEntry(message: string, entry: ErrorEntry) {
  return { message, advice: entry.advice, exitCode: entry.exitCode };
}

/** One line that ends like a sentence. */
function sentence(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, ' ');
  return /[.!?)]$/.test(line) && !/\(SQLSTATE \w+\)$/.test(line) ? line : `${line}.`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function trace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${trace(error.cause)}`;
}
