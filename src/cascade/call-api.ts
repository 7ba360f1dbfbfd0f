import type { Connection, Row } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { ErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** What every command routine of pgq_node and londiste answers: 1xx and 2xx it was done, 3xx and up it was not. */
export interface ApiAnswer extends Row {
  readonly ret_code: number;
  readonly ret_note: string | null;
}

/** Error codes for answers that the caller knows; PC310 for all others. */
export type Refusals = Readonly<Record<number, ErrorCode>>;

const FIRST_REFUSAL = 300;
const UNDEFINED_FUNCTION = '42883';
const UNDEFINED_SCHEMA = '3F000';

/**
 * Calls a command routine of pgq_node or londiste and returns its first row.
 *
 * Throws PC310, or the code that `refusals` has, when ret_code is 300 or higher, and PC206 when the database has no
 * such routine. The routine itself has no effect then, but the caller's transaction goes on.
 */
export async function callApi<R extends ApiAnswer = ApiAnswer>(
  connection: Connection,
  routine: `${'pgq_node' | 'londiste'}.${string}`,
  args: readonly unknown[],
  refusals: Refusals = {},
): Promise<R> {
  const placeholders = args.map((_, index) => `$${index + 1}`).join(', ');
  const rows = await callRoutine<R>(connection, `select * from ${routine}(${placeholders})`, args);
  const [answer] = rows;
  if (answer === undefined) {
    throw new ReplicateError('PC900', `${routine} answered nothing.`, { routine });
  }
  if (answer.ret_code >= FIRST_REFUSAL) {
    throw new ReplicateError(
      refusals[answer.ret_code] ?? 'PC310',
      `${routine} at ${connection.target} refused: ${answer.ret_note ?? 'no reason given'}.`,
      { routine, ret_code: answer.ret_code },
    );
  }
  return answer;
}

/** Runs a query over routines of ours or of the stock extensions; PC206 when the database does not have them. */
export async function callRoutine<R extends Row = Row>(
  connection: Connection,
  sql: string,
  args: readonly unknown[],
): Promise<R[]> {
  try {
    return await connection.query<R>(sql, args);
  } catch (error) {
    const state = sqlstateOf(error);
    if (state !== UNDEFINED_FUNCTION && state !== UNDEFINED_SCHEMA) throw error;
    throw new ReplicateError(
      'PC206',
      `The database ${connection.target} is not installed for pgcascade, or not completely: ${(error as Error).message}.`,
      {},
      { cause: error },
    );
  }
}
