import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { lineOf, type ScriptStatement } from './split-script.js';

/**
 * Runs one statement of a script in the open transaction of `tx`.
 *
 * Throws PC208 when it waits too long for a lock or is in a deadlock, PC407 naming file, line and statement when the server
 * refuses it; what is no answer of the server is thrown on. The transaction has to be rolled back then.
 */
export async function runStatement(
  tx: Connection,
  fileName: string,
  statement: ScriptStatement,
): Promise<void> {
  try {
    await tx.executeOnly(statement.text);
  } catch (error) {
    throw explainStatement(error, fileName, statement);
  }
}

function explainStatement(error: unknown, fileName: string, statement: ScriptStatement): unknown {
  const state = sqlstateOf(error);
  if (state === undefined) return error;
  const { position, message } = error as Error & { position?: string };
  const line = statement.line + (position === undefined ? 1 : lineOf(statement.text, Number(position))) - 1;
  const where = `${fileName}, line ${line} (statement ${statement.number})`;
  const facts = { file: fileName, line, statement: statement.number, sqlstate: state };
  if (state === SQLSTATE.lockNotAvailable || state === SQLSTATE.deadlockDetected) {
    return new ReplicateError('PC208', `${where} does not get a lock: ${message}.`, facts, { cause: error });
  }
  const hint =
    state === '25001'
      ? ' A script is one transaction: run this by hand on each node, before or after the script.'
      : '';
  return new ReplicateError('PC407', `${where}: ${message}.${hint}`, facts, { cause: error });
}
