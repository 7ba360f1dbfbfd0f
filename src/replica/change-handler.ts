import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';

/**
 * Gives a table of this node other attributes and a new state: with `ok` and `to be copied` a parked table is taken up
 * again. One transaction, so the worker never applies an event by the new attributes to rows that were copied by the
 * old ones. May be repeated.
 *
 * Throws PC400 when the table is not replicated here.
 */
export async function changeHandler(
  connection: Connection,
  options: {
    readonly queueName: string;
    readonly tableName: string;
    readonly attributes: string | null;
    readonly state: 'kept' | 'ok' | 'to be copied';
  },
): Promise<void> {
  const { queueName, tableName, attributes, state } = options;
  await connection.transaction(async (tx) => {
    await callApi(
      tx,
      'londiste.local_change_handler',
      // The triggers that pgcascade makes do not depend on the handler.
      [queueName, tableName, ['no_triggers'], attributes],
      { 404: 'PC400' },
    );
    if (state === 'kept') return;
    const mergeState = state === 'ok' ? 'ok' : null;
    await callApi(tx, 'londiste.local_set_table_state', [queueName, tableName, null, mergeState], {
      404: 'PC400',
    });
    await tx.query('select pgcascade.clear_table_state($1, $2)', [queueName, tableName]);
  });
}
