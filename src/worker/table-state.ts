import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** Sets a table's state. Throws PC400 when the table was removed meanwhile. */
export async function setTableState(
  tx: Connection,
  queueName: string,
  tableName: string,
  state: string | null,
): Promise<void> {
  const { ret_code } = await tx.one<{ ret_code: number }>(
    'select ret_code from londiste.local_set_table_state($1, $2, null, $3)',
    [queueName, tableName, state],
  );
  if (ret_code !== 200) {
    throw new ReplicateError(
      'PC400',
      `Table ${tableName} is not registered on queue "${queueName}" any more.`,
    );
  }
}

/** A resync that came while the rows were read wants them read again. Throws PC502; the call is then repeated. */
export async function assertStillInCopy(tx: Connection, queueName: string, tableName: string): Promise<void> {
  if ((await lockTableState(tx, queueName, tableName)) === 'in-copy') return;
  throw new ReplicateError('PC502', `Table ${tableName} was reset while it was copied.`);
}

/** The table's state, locked against a change until the transaction ends; undefined when it was removed. */
export async function lockTableState(
  tx: Connection,
  queueName: string,
  tableName: string,
): Promise<string | null | undefined> {
  const [row] = await tx.query<{ merge_state: string | null }>(
    'select merge_state from londiste.table_info where queue_name = $1 and table_name = $2 and local for update',
    [queueName, tableName],
  );
  return row?.merge_state;
}

/** The table may have waited long for its turn. Throws PC400 when it was removed, or is in sync, meanwhile. */
export async function assertWaitsForCopy(
  subscriber: Connection,
  queueName: string,
  tableName: string,
): Promise<void> {
  const rows = await subscriber.query(
    `select from londiste.table_info
      where queue_name = $1 and table_name = $2 and local and merge_state is distinct from 'ok'`,
    [queueName, tableName],
  );
  if (rows.length === 0) {
    throw new ReplicateError('PC400', `Table ${tableName} does not wait for a copy any more.`);
  }
}
