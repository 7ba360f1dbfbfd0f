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
  /** A root captures the writes, a leaf refuses all but the worker's. */
  readonly purpose: 'capture' | 'deny';
}

/** Makes the generated triggers of a table, in the caller's transaction. May be repeated: they are made anew. */
export async function createTriggers(tx: Connection, options: TriggerOptions): Promise<void> {
  const { queueName, tableName, destTable } = options;
  const routine = options.purpose === 'capture' ? 'create_capture' : 'create_deny';
  await tx.query(`select pgcascade.${routine}($1, $2, $3)`, [queueName, tableName, destTable]);
}

/** Takes the generated triggers of a table away, in the caller's transaction. May be repeated. */
export async function dropTriggers(tx: Connection, queueName: string, tableName: string): Promise<void> {
  await tx.query('select pgcascade.drop_capture($1, $2)', [queueName, tableName]);
}
