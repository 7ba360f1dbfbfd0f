import { ReplicateError } from '../errors/replicate-error.js';

/** What a server tells about the place of an error. Its detail is left out: it holds values of rows. */
const SERVER_FIELDS: ReadonlySet<string> = new Set(['code', 'schema', 'table', 'column', 'constraint']);

/**
 * The fields of an error for the log, with its causes. The stack is there only when it is asked for or when nobody
 * expected the error: for the others the sentence says it all.
 */
export function errorFields(error: unknown, withStack: boolean): unknown {
  if (!(error instanceof Error)) return error;
  const isExpected = error instanceof ReplicateError ? error.entry.policy !== 'bug' : 'code' in error;
  const details =
    error instanceof ReplicateError ? { code: error.code, ...error.facts } : serverFields(error);
  return {
    message: error.message,
    ...details,
    ...(error.cause === undefined ? {} : { cause: errorFields(error.cause, withStack) }),
    ...(withStack || !isExpected ? { stack: error.stack } : {}),
  };
}

function serverFields(error: Error): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error).filter(([name]) => SERVER_FIELDS.has(name)));
}
