import { withTableLock } from '../capture/with-table-lock.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { Logger } from '../runtime/log.js';
import { notePutBackError } from './put-back-error.js';

const LOCK_PATIENCE_MS = 60_000;
const FOREIGN_KEY_VIOLATION = '23503';
/** What is changed here is none of the application's changes, which captures follow. */
const OURS = "select set_config('pgcascade.following', 'on', true)";

interface ForeignKey extends Record<string, unknown> {
  readonly from_table: string;
  readonly fkey_name: string;
}

/**
 * Drops the foreign keys from and to a table that is going to be copied, each in its own transaction that also saves
 * its definition: a crash loses none. May be repeated. Throws PC208 for a table that stays locked.
 */
export async function dropForeignKeys(
  subscriber: Connection,
  tableName: string,
  patienceMs = LOCK_PATIENCE_MS,
): Promise<number> {
  const keys = await subscriber.query<ForeignKey>(
    'select from_table, fkey_name from londiste.find_table_fkeys($1)',
    [tableName],
  );
  for (const key of keys) {
    const locking = { tableName: key.from_table, lockTimeoutMs: patienceMs };
    await withTableLock(subscriber, locking, async (tx) => {
      // The copy of the table at the key's other end may drop it too: who has the lock sees whether it is still there.
      await tx.execute(`lock table ${quoteName(key.from_table)} in access exclusive mode`);
      await tx.query(OURS);
      await tx.query('select pgcascade.take_key_off($1, $2)', [key.from_table, key.fkey_name]);
    });
  }
  return keys.length;
}

export interface RestoredKeys {
  readonly restored: number;
  /** Those that could not be put back, and may be another time. One that the data contradicts is not among them: each look is long. */
  readonly failed: number;
}

/**
 * Puts back the saved foreign keys whose tables are in sync and need none kept off: first not valid, which takes a short lock, then
 * validated, which lets writers pass. May be repeated; a key that the data contradicts stays not valid, and why is told by
 * `status` and, once, logged. An abort cuts the connection: a lock or a validation is not waited for.
 */
export async function restoreForeignKeys(
  subscriber: Connection,
  log: Logger,
  signal: AbortSignal,
): Promise<RestoredKeys> {
  const cut = () => subscriber.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    const keys = await subscriber.query<ForeignKey>(
      'select from_table, fkey_name from pgcascade.restorable_keys()',
    );
    const counts = { restored: 0, failed: 0, contradicted: 0 };
    for (const key of keys) {
      signal.throwIfAborted();
      counts[await restoreLogged(subscriber, key, log)]++;
    }
    return counts;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}

async function restoreLogged(
  subscriber: Connection,
  key: ForeignKey,
  log: Logger,
): Promise<'restored' | 'failed' | 'contradicted'> {
  try {
    await restore(subscriber, key);
    return 'restored';
  } catch (error) {
    if (!subscriber.isOpen) throw error;
    // The rows are right as replicated; what is wrong is between the two schemas, and an operator's to decide.
    const isNews = await notePutBackError(
      subscriber,
      { kind: 'key', tableName: key.from_table, objectName: key.fkey_name },
      error,
    );
    if (isNews) {
      log.warn(
        { err: error, table: key.from_table, constraint: key.fkey_name },
        'Foreign key cannot be restored',
      );
    }
    return sqlstateOf(error) === FOREIGN_KEY_VIOLATION ? 'contradicted' : 'failed';
  }
}

async function restore(subscriber: Connection, key: ForeignKey): Promise<void> {
  for (;;) {
    const done = await withTableLock(
      subscriber,
      { tableName: key.from_table, lockTimeoutMs: LOCK_PATIENCE_MS },
      async (tx) => {
        const { sql } = await tx.one<{ sql: string }>(
          'select londiste.restore_table_fkey($1, $2, true) as sql',
          [key.from_table, key.fkey_name],
        );
        if (sql === '') {
          await tx.query('select pgcascade.put_comment_back($1, $2)', [key.from_table, key.fkey_name]);
          return true;
        }
        await tx.query(OURS);
        await tx.execute(sql);
        // Where the application writes, another capture may be needed with the key than without.
        await tx.query('select pgcascade.renew_captures(array[to_regclass($1)::oid])', [
          quoteName(key.from_table),
        ]);
        return false;
      },
    );
    if (done) return;
  }
}
