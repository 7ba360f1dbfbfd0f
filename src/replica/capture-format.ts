import type { Connection } from '../db/connection.js';
import { failpoint } from '../runtime/failpoint.js';
import { readTables } from './table-list.js';
import { createTriggers, type WithTableLock } from './table-triggers.js';

/**
 * In which form captured rows travel. `json`: as PgQ's jsontriga writes, the fastest to make and to apply. `urlenc`: as its
 * logutriga writes, the only form that nodes of the stock Londiste read exactly.
 */
export type CaptureFormat = 'json' | 'urlenc';

/** The format that a queue's tables are to be captured in on a node. A node without anything of ours has stock triggers. */
export async function readCaptureFormat(connection: Connection, queueName: string): Promise<CaptureFormat> {
  const { known } = await connection.one<{ known: boolean }>(
    "select to_regprocedure('pgcascade.capture_format(text)') is not null as known",
  );
  if (!known) return 'urlenc';
  const { format } = await connection.one<{ format: CaptureFormat }>(
    'select pgcascade.capture_format($1) as format',
    [queueName],
  );
  return format;
}

/**
 * Tells a root or branch the format, and makes the triggers anew that write another one: one table per transaction, in
 * which no write is missed or doubled. Returns the number of tables. Interrupted, some tables have the old format: readers
 * understand both, and the same call goes on.
 *
 * Throws PC208 when a table stays locked by others.
 */
export async function changeCaptureFormat(
  connection: Connection,
  queueName: string,
  format: CaptureFormat,
  withTableLock: WithTableLock,
): Promise<number> {
  await connection.query('select pgcascade.set_capture_format($1, $2)', [queueName, format]);
  await failpoint('capture-format-set');
  const other = await connection.query<{ table_name: string }>(
    `select table_name from pgcascade.capture_plan
      where queue_name = $1 and purpose = 'capture' and capture_format <> $2`,
    [queueName, format],
  );
  const names = new Set(other.map((row) => row.table_name));
  const tables = (await readTables(connection, queueName)).filter(({ name }) => names.has(name));
  for (const { name: tableName, destTable } of tables) {
    await withTableLock(destTable, (tx) =>
      createTriggers(tx, { queueName, tableName, destTable, purpose: 'capture' }),
    );
    await failpoint('capture-format-table');
  }
  return tables.length;
}

/** Gives a new branch, which may become the root one day, the format of the root. */
export async function inheritCaptureFormat(
  tx: Connection,
  root: Connection,
  queueName: string,
): Promise<void> {
  const format = await readCaptureFormat(root, queueName);
  await tx.query('select pgcascade.set_capture_format($1, $2)', [queueName, format]);
}
