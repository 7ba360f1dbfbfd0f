import type { Connection } from '../db/connection.js';
import { withTableLock } from './with-table-lock.js';

export interface CaptureOptions {
  readonly queueName: string;
  /** Name of the table in the queue, `schema.name`. */
  readonly tableName: string;
  /** Name of the table in this database where it differs. */
  readonly destTable?: string | undefined;
  readonly lockTimeoutMs: number;
}

/** How a table's writes are captured, and why not by the cheapest way. */
export interface CaptureMode {
  readonly mode: 'statement' | 'mixed' | 'row';
  /** Empty when the mode is `statement`. */
  readonly reason: string;
}

/**
 * Makes the generated triggers of one table on a root, in one transaction. May be repeated: the triggers are made
 * anew. Throws PC302, PC400, or PC208 when the table stays locked by others; nothing is changed then.
 */
export async function createCapture(connection: Connection, options: CaptureOptions): Promise<CaptureMode> {
  const destTable = options.destTable ?? options.tableName;
  return withTableLock(
    connection,
    { tableName: destTable, lockTimeoutMs: options.lockTimeoutMs },
    async (tx) =>
      tx.one<CaptureMode & Record<string, unknown>>(
        'select mode, reason from pgcascade.create_capture($1, $2, $3)',
        [options.queueName, options.tableName, destTable],
      ),
  );
}

/**
 * Takes the triggers of one table away, those of capture and those of denial alike, in one transaction. May be
 * repeated. Throws PC208 when the table stays locked by others.
 */
export async function dropCapture(connection: Connection, options: CaptureOptions): Promise<boolean> {
  const destTable = options.destTable ?? options.tableName;
  return withTableLock(
    connection,
    { tableName: destTable, lockTimeoutMs: options.lockTimeoutMs },
    async (tx) => {
      const { dropped } = await tx.one<{ dropped: boolean }>(
        'select pgcascade.drop_capture($1, $2) as dropped',
        [options.queueName, options.tableName],
      );
      return dropped;
    },
  );
}
