import type { Connection } from '../db/connection.js';

/** A table of which a node has not got all changes, though it is in sync by its state. */
export interface LackingTable {
  readonly tableName: string;
  readonly why: string;
}

/**
 * The tables of a node that are set aside after an error, or of which changes were left out because their rows were not
 * there. Nodes of the original know neither.
 */
export async function readLackingTables(
  connection: Connection,
  queueName: string,
): Promise<readonly LackingTable[]> {
  const { ours } = await connection.one<{ ours: boolean }>(
    "select to_regclass('pgcascade.left_out') is not null as ours",
  );
  if (!ours) return [];
  const rows = await connection.query<{
    table_name: string;
    error_code: string | null;
    changes: bigint | null;
  }>(
    `select t.table_name, e.error_code, l.changes
       from londiste.table_info as t
       left join pgcascade.table_error as e on e.queue_name = t.queue_name and e.table_name = t.table_name
       left join pgcascade.left_out as l on l.queue_name = t.queue_name and l.table_name = t.table_name
      where t.queue_name = $1 and t.local and (e.error_code is not null or l.changes > 0)
      order by t.nr`,
    [queueName],
  );
  return rows.map(({ table_name: tableName, error_code: code, changes }) => ({
    tableName,
    why: code === null ? `${changes} changes left out` : `set aside, ${code}`,
  }));
}

/** The root is what its tables are: takes away what was noted of them as a subscriber's. In the transaction that makes it the root. */
export async function forgetLacking(tx: Connection, queueName: string): Promise<void> {
  await tx.query('delete from pgcascade.left_out where queue_name = $1', [queueName]);
  await tx.query('delete from pgcascade.table_error where queue_name = $1', [queueName]);
}
