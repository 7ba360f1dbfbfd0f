import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * What a worker does when an event of a table cannot be applied.
 *
 * - `park`: sets the table aside and goes on with the others.
 * - `stop`: rolls the batch back and ends; it stops there again until somebody has done something about it.
 * - `ignore-missing`: leaves out an UPDATE or DELETE whose row is not here; parks on all else.
 */
export type ConflictPolicy = 'park' | 'stop' | 'ignore-missing';

export const CONFLICT_POLICIES: readonly ConflictPolicy[] = ['park', 'stop', 'ignore-missing'];

/** A stored word; undefined for none. Throws PC207 for one of a newer version. */
export function readConflictPolicy(word: string | null): ConflictPolicy | undefined {
  if (word === null) return undefined;
  const policy = CONFLICT_POLICIES.find((known) => known === word);
  if (policy === undefined) {
    throw new ReplicateError('PC207', `What "${word}" means for a table in conflict is not known here.`);
  }
  return policy;
}

/**
 * Stores on this node what its worker does about a table that cannot take an event; undefined leaves that to the worker's
 * ini file. It holds from the worker's next batch on, through resync and takeover, until the table is removed. May be repeated.
 *
 * Throws PC400 when the table is not replicated here.
 */
export async function setConflictPolicy(
  connection: Connection,
  queueName: string,
  tableName: string,
  policy: ConflictPolicy | undefined,
): Promise<void> {
  try {
    await connection.query('select pgcascade.set_conflict_policy($1, $2, $3)', [
      queueName,
      tableName,
      policy ?? null,
    ]);
  } catch (error) {
    if (sqlstateOf(error) !== 'PC400') throw error;
    throw new ReplicateError('PC400', `Table ${tableName} is not replicated here.`, { table: tableName });
  }
}
