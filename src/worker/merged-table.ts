import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import type { RegisteredTable } from './table-registry.js';

/**
 * A table of this database that several queues feed, each with its own node and worker: a merged table.
 *
 * Nobody knows which of its rows came from which queue. So there is one rule: a part's rows are added only while
 * pgcascade.empty_part says that none of them is there; else the table is emptied, and all parts are copied anew.
 */

/** True when the copy only adds rows to a table that others feed too: it need not be emptied any more, or must not be. */
export async function isPartToAdd(
  subscriber: Connection,
  queueName: string,
  table: RegisteredTable,
): Promise<boolean> {
  const { is_part, is_empty } = await subscriber.one<{ is_part: boolean; is_empty: boolean }>(
    `select exists (select from pgcascade.other_parts($1, $2)) as is_part,
            exists (select from pgcascade.empty_part where queue_name = $1 and table_name = $2) as is_empty`,
    [queueName, table.tableName],
  );
  if (!is_part) return false;
  if (is_empty) return true;
  if (!skipsTruncate(table)) return false;
  // The operator has said that the rows that are there are none of this part.
  await subscriber.query('select pgcascade.add_part($1, $2, true)', [queueName, table.tableName]);
  return true;
}

/**
 * Empties a merged table for all its parts, unless that was done since they were to be copied; false for a table that
 * one queue feeds alone, which is left as it is. To be called with the table locked in access exclusive mode.
 *
 * When the transaction is committed no part has rows here and all wait for their copies; rolled back, nothing has
 * changed.
 */
export async function emptyMerged(
  tx: Connection,
  queueName: string,
  table: RegisteredTable,
): Promise<boolean> {
  const { way } = await tx.one<{ way: 'alone' | 'add' | 'empty' }>(
    'select pgcascade.prepare_part($1, $2) as way',
    [queueName, table.tableName],
  );
  if (way === 'empty') {
    const { only } = await tx.one<{ only: string }>(
      `select case relkind when 'p' then '' else 'only ' end as only from pg_class where oid = to_regclass($1)`,
      [quoteName(table.destTable)],
    );
    await tx.execute(`truncate ${only}${quoteName(table.destTable)}`);
  }
  return way !== 'alone';
}

/** To be called in the transaction that adds the part's rows; false when some of its rows may be there already. */
export async function takePart(tx: Connection, queueName: string, tableName: string): Promise<boolean> {
  const { taken } = await tx.one<{ taken: boolean }>('select pgcascade.take_part($1, $2) as taken', [
    queueName,
    tableName,
  ]);
  return taken;
}

/** The operator wants the rows that are there to stay. */
export function skipsTruncate(table: RegisteredTable): boolean {
  return (table.attributes ?? '').split('&').includes('skip_truncate=1');
}

/** Names of the other queues that feed the table. */
export async function otherQueues(
  subscriber: Connection,
  queueName: string,
  tableName: string,
): Promise<string[]> {
  const rows = await subscriber.query<{ queue_name: string }>(
    'select queue_name from pgcascade.other_parts($1, $2)',
    [queueName, tableName],
  );
  return rows.map((row) => row.queue_name);
}
