import type { Connection } from '../db/connection.js';
import type { ScriptLock } from '../replica/write-guard.js';

/** A column of a waiting table. */
export interface WaitingColumn extends Record<string, unknown> {
  readonly table_name: string;
  /** All that decides its values. */
  readonly definition: string;
  /** A row that does not name it gets null. */
  readonly is_plain: boolean;
}

/** The columns of all tables that wait for another shape. */
export async function readWaitingColumns(tx: Connection, queueName: string): Promise<WaitingColumn[]> {
  return tx.query<WaitingColumn>('select * from pgcascade.waiting_columns($1)', [queueName]);
}

/**
 * Has the waiting tables copied anew whose events from before a script would make them something else now that it has run. In the
 * script's transaction.
 */
export async function copyScriptedAnew(
  tx: Connection,
  queueName: string,
  before: readonly WaitingColumn[],
  locks: readonly ScriptLock[],
): Promise<void> {
  const waiting = new Set(before.map((column) => column.table_name));
  const touched = locks.filter(({ tableName, isWritten, isClosed }) => {
    return waiting.has(tableName) && (isWritten || isClosed);
  });
  if (touched.length === 0) return;
  const after = await readWaitingColumns(tx, queueName);
  for (const { tableName, isWritten } of touched) {
    const ofTable = (column: WaitingColumn) => column.table_name === tableName;
    if (!isWritten && onlyAddsPlainColumns(before.filter(ofTable), after.filter(ofTable))) continue;
    await tx.query('select pgcascade.copy_waiting_anew($1, $2)', [queueName, tableName]);
  }
}

/** Then it makes no difference whether a row is written before or after: what an event does not name is null either way. Pure. */
export function onlyAddsPlainColumns(
  before: readonly WaitingColumn[],
  after: readonly WaitingColumn[],
): boolean {
  const kept = new Set(before.map(({ definition }) => definition));
  const added = after.filter(({ definition }) => !kept.has(definition));
  return after.length - added.length === before.length && added.every((column) => column.is_plain);
}
