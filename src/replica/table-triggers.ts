import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';

/**
 * Runs `body` in a transaction in which a strong lock on the table may be taken: again and again, so that the
 * application's statements never queue up behind it. The caller brings it, for it belongs to capture.
 */
export type WithTableLock = <T>(destTable: string, body: (tx: Connection) => Promise<T>) => Promise<T>;

export interface TriggerOptions {
  readonly queueName: string;
  readonly tableName: string;
  readonly destTable: string;
  /**
   * A root captures the writes, a leaf refuses all but the worker's. `inserts only`: an insert becomes an event and no
   * row, as the tables that Londiste calls queue tables.
   */
  readonly purpose: 'capture' | 'deny' | 'inserts only' | 'none';
  /**
   * What the operator wants of the triggers, as Londiste's `local_add_table` takes it: `no_triggers`, `tgflags=…`, arguments of
   * PgQ's generic triggers. Undefined: what the table's triggers were made with before.
   */
  readonly triggerArguments?: readonly string[] | undefined;
}

/**
 * Makes the triggers of a table, in the caller's transaction. May be repeated: they are made anew. Fails with SQLSTATE PC100 or
 * PC405 when a trigger of this table cannot work with the arguments.
 */
export async function createTriggers(tx: Connection, options: TriggerOptions): Promise<void> {
  const { queueName, tableName, destTable, purpose, triggerArguments = null } = options;
  const values = [queueName, tableName, destTable, triggerArguments];
  switch (purpose) {
    case 'capture':
      await tx.query('select pgcascade.create_capture($1, $2, $3, $4)', values);
      return;
    case 'deny':
      await tx.query('select pgcascade.create_deny($1, $2, $3, $4)', values);
      return;
    case 'none':
      await dropTriggers(tx, queueName, tableName);
      return;
    case 'inserts only':
      await dropTriggers(tx, queueName, tableName);
      await callApi(tx, 'londiste.create_trigger', [
        queueName,
        tableName,
        ['tgflags=BI', 'SKIP'],
        destTable,
        'root',
      ]);
  }
}

/**
 * Takes the triggers of PgQ that write to the queue off the table, in the caller's transaction; one that a plan with arguments has is
 * among them. To the end of the transaction, or until `createTriggers`, what happens to triggers is no change that the event trigger
 * would follow. May be repeated.
 */
export async function dropStockTriggers(tx: Connection, queueName: string, tableName: string): Promise<void> {
  await tx.query("select set_config('pgcascade.following', 'on', true)");
  await tx.query('select londiste.drop_table_triggers($1, $2)', [queueName, tableName]);
}

/** Takes the generated triggers of a table away, in the caller's transaction. May be repeated. */
export async function dropTriggers(tx: Connection, queueName: string, tableName: string): Promise<void> {
  await tx.query('select pgcascade.drop_capture($1, $2)', [queueName, tableName]);
}
