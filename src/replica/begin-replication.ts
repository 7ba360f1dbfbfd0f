import type { Connection } from '../db/connection.js';

/**
 * To be called first in every transaction that writes replicated tables. True when the session is none of a replica, so that user
 * triggers and foreign keys act in it: the caller has to look for these (`assertNothingActs`) at its end.
 */
export async function beginReplication(tx: Connection): Promise<boolean> {
  const { acts } = await tx.one<{ acts: boolean }>('select pgcascade.begin_replication() as acts');
  return acts;
}
