import { callApi } from '../cascade/call-api.js';
import { onlyFollows } from '../cascade/combined-queue.js';
import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { failpoint } from '../runtime/failpoint.js';
import { hasStockTrigger, hasTriggerArguments, readCapturePlans, skipsWrites } from './capture-plans.js';
import {
  createTriggers,
  dropStockTriggers,
  type TriggerOptions,
  type WithTableLock,
} from './table-triggers.js';

/**
 * Gives a table of this node other attributes and a new state: with `ok` and `to be copied` a parked table is taken up
 * again. One transaction, so the worker never applies an event by the new attributes to rows that were copied by the
 * old ones; triggers that do not serve the new handler are replaced in it. May be repeated. A leaf that only follows
 * keeps the state: the rows come by the combined queue. Returns whether the table is to be copied now.
 *
 * Throws PC400 when the table is not replicated here.
 */
export async function changeHandler(
  connection: Connection,
  options: {
    readonly queueName: string;
    readonly tableName: string;
    readonly destTable: string;
    readonly attributes: string | null;
    readonly purpose: TriggerOptions['purpose'];
    /** Undefined: as they are. */
    readonly triggerArguments?: TriggerOptions['triggerArguments'];
    readonly withTableLock: WithTableLock;
    readonly state: 'kept' | 'ok' | 'to be copied';
  },
): Promise<boolean> {
  const { queueName, tableName, destTable, attributes, state } = options;
  const work = async (tx: Connection, hasOtherTriggers: boolean) => {
    if (hasOtherTriggers) {
      await followChanges(tx, queueName, tableName);
      await dropStockTriggers(tx, queueName, tableName);
      await createTriggers(tx, options);
    }
    await callApi(tx, 'londiste.local_change_handler', [queueName, tableName, ['no_triggers'], attributes], {
      404: 'PC400',
    });
    const isKept = state === 'kept' || (await onlyFollows(tx, queueName));
    if (!isKept) {
      const mergeState = state === 'ok' ? 'ok' : null;
      await callApi(tx, 'londiste.local_set_table_state', [queueName, tableName, null, mergeState], {
        404: 'PC400',
      });
      await tx.query('select pgcascade.clear_table_state($1, $2)', [queueName, tableName]);
    }
    await failpoint('change-handler-set');
    return !isKept && state === 'to be copied';
  };
  const isCopied = (await hasTriggers(connection, options))
    ? await connection.transaction((tx) => work(tx, false))
    : await options.withTableLock(destTable, (tx) => work(tx, true));
  await failpoint('change-handler-committed');
  return isCopied;
}

/**
 * What somebody has changed on the table and nobody has followed yet is noted while it can be told: the new triggers are made for the
 * table as it is.
 */
async function followChanges(tx: Connection, queueName: string, tableName: string): Promise<void> {
  await tx.execute('savepoint pgc_follow');
  try {
    await tx.query('select pgcascade.follow_table($1, $2, false, true)', [queueName, tableName]);
    await tx.execute('release savepoint pgc_follow');
  } catch (error) {
    const state = sqlstateOf(error);
    if (state === undefined || state === SQLSTATE.lockNotAvailable) throw error;
    // The triggers that are replaced do not fit the table, so they are not made anew; only the notice is lost.
    await tx.execute('rollback to savepoint pgc_follow; release savepoint pgc_follow');
  }
}

/** True when the table's triggers serve this purpose already, so that it need not be locked. */
async function hasTriggers(
  connection: Connection,
  { queueName, tableName, destTable, purpose, triggerArguments }: Parameters<typeof changeHandler>[1],
): Promise<boolean> {
  const plan = (await readCapturePlans(connection, queueName)).get(tableName);
  if (plan !== undefined) return plan.purpose === purpose && hasTriggerArguments(plan, triggerArguments);
  if (triggerArguments !== undefined && triggerArguments.length > 0) return false;
  const isStock = await hasStockTrigger(connection, queueName, destTable);
  // Triggers of the original's Londiste capture too, and they stay.
  return isStock ? purpose === 'capture' && !(await skipsWrites(connection, destTable)) : purpose === 'none';
}
