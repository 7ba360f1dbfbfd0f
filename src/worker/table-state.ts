import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** Sets a table's state. Throws PC400 when the table was removed meanwhile. */
export async function setTableState(
  tx: Connection,
  queueName: string,
  tableName: string,
  state: string | null,
): Promise<void> {
  await setTableStates(tx, queueName, [tableName], state);
}

/** Sets the state of several tables. Throws PC400 when one was removed meanwhile. */
export async function setTableStates(
  tx: Connection,
  queueName: string,
  tableNames: readonly string[],
  state: string | null,
): Promise<void> {
  const [gone] = await tx.query<{ name: string }>(
    `select n.name
       from unnest($2::text[]) as n(name)
      cross join lateral londiste.local_set_table_state($1, n.name, null, $3) as s
      where s.ret_code <> 200`,
    [queueName, tableNames, state],
  );
  if (gone === undefined) return;
  throw new ReplicateError('PC400', `Table ${gone.name} is not registered on queue "${queueName}" any more.`);
}

/** A resync that came while the rows were read wants them read again. Throws PC502; the call is then repeated. */
export async function assertStillInCopy(tx: Connection, queueName: string, tableName: string): Promise<void> {
  if ((await lockTableState(tx, queueName, tableName))?.mergeState === 'in-copy') return;
  throw new ReplicateError('PC502', `Table ${tableName} was reset while it was copied.`);
}

/** A table's registration as it is locked. */
export interface LockedState {
  readonly mergeState: string | null;
  readonly attributes: string | null;
  readonly destTable: string;
}

/** The table's state, locked against a change until the transaction ends; undefined when it was removed. */
export async function lockTableState(
  tx: Connection,
  queueName: string,
  tableName: string,
): Promise<LockedState | undefined> {
  return (await lockTableStates(tx, queueName, [tableName])).get(tableName);
}

/** The states of those of the tables that are replicated here, locked against a change until the transaction ends. */
export async function lockTableStates(
  tx: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<ReadonlyMap<string, LockedState>> {
  const rows = await tx.query<{
    name: string;
    mergeState: string | null;
    attributes: string | null;
    destTable: string;
  }>(
    `select table_name as name, merge_state as "mergeState", table_attrs as attributes,
            coalesce(dest_table, table_name) as "destTable"
       from londiste.table_info
      where queue_name = $1
        and table_name = any ($2)
        and local
      order by table_name
        for update`,
    [queueName, tableNames],
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** A table may have got another handler, or place, while it waited for its copy. Throws PC502; the call is then repeated. */
export function assertAsRegistered(
  table: { readonly tableName: string; readonly attributes: string | null; readonly destTable: string },
  state: LockedState,
): void {
  if (state.attributes === table.attributes && state.destTable === table.destTable) return;
  throw new ReplicateError(
    'PC502',
    `Table ${table.tableName} was registered in another way while it waited for its copy.`,
  );
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
