import { callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { isErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { skipsWrites } from './capture-plans.js';

/**
 * Looks whether a trigger of PgQ with these arguments could work on a table that is here, before it is made: what it
 * cannot do it would find at the application's next write.
 *
 * Throws PC100 for what is no argument, PC405 without a key, PC400 where such a trigger can never work.
 */
export async function checkTriggerArguments(
  connection: Connection,
  destTable: string,
  triggerArguments: readonly string[],
): Promise<void> {
  if (triggerArguments.length === 0 || triggerArguments.includes('no_triggers')) return;
  if (await skipsWrites(connection, destTable)) {
    throw new ReplicateError(
      'PC400',
      `A trigger with SKIP keeps every row out of ${destTable}: no other trigger sees them.`,
      { table: destTable },
    );
  }
  try {
    await callRoutine(
      connection,
      'select pgcascade.check_trigger_arguments(c.oid, $2) from pg_class as c where c.oid = to_regclass($1)',
      [quoteName(destTable), triggerArguments],
    );
  } catch (error) {
    const state = sqlstateOf(error);
    if (state === undefined || !isErrorCode(state)) throw error;
    throw new ReplicateError(state, (error as Error).message, { table: destTable }, { cause: error });
  }
}
