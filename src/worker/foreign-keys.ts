import { withTableLock } from '../capture/with-table-lock.js';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteLiteral, quoteName } from '../db/identifier.js';
import type { Logger } from '../runtime/log.js';

const LOCK_PATIENCE_MS = 60_000;

interface ForeignKey extends Record<string, unknown> {
  readonly from_table: string;
  readonly fkey_name: string;
}

/**
 * Drops the foreign keys from and to a table that is going to be copied, each in its own transaction that also saves
 * its definition: a crash loses none. May be repeated.
 */
export async function dropForeignKeys(subscriber: Connection, tableName: string): Promise<number> {
  const keys = await subscriber.query<ForeignKey>(
    'select from_table, fkey_name from londiste.find_table_fkeys($1)',
    [tableName],
  );
  for (const key of keys) {
    const locking = { tableName: key.from_table, lockTimeoutMs: LOCK_PATIENCE_MS };
    await withTableLock(subscriber, locking, async (tx) => {
      // The copy of the table at the key's other end may drop it too: who has the lock sees whether it is still there.
      await tx.execute(`lock table ${quoteName(key.from_table)} in access exclusive mode`);
      await tx.query(SAVE_COMMENT, [quoteName(key.from_table), key.from_table, key.fkey_name]);
      await tx.query('select londiste.drop_table_fkey($1, $2)', [key.from_table, key.fkey_name]);
    });
  }
  return keys.length;
}

/** londiste.pending_fkeys has no place for it. */
const SAVE_COMMENT = `
    insert into pgcascade.foreign_key_comment as s (from_table, fkey_name, comment)
    select $2::text, $3::text, d.description
      from pg_constraint as k
      join pg_description as d on d.classoid = 'pg_constraint'::regclass and d.objoid = k.oid
     where k.conrelid = $1::regclass and k.conname = $3::text and k.contype = 'f'
    on conflict (from_table, fkey_name) do update set comment = excluded.comment`;

/**
 * Puts back the saved foreign keys whose tables are in sync and need none kept off: first not valid, which takes a short lock, then
 * validated, which lets writers pass. May be repeated; a key that the data contradicts stays not valid and is logged.
 * An abort cuts the connection: a lock or a validation is not waited for.
 */
export async function restoreForeignKeys(
  subscriber: Connection,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const cut = () => subscriber.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    const keys = await subscriber.query<ForeignKey>(
      'select from_table, fkey_name from pgcascade.restorable_keys()',
    );
    for (const key of keys) {
      signal.throwIfAborted();
      await restoreLogged(subscriber, key, log);
    }
    return keys.length;
  } finally {
    signal.removeEventListener('abort', cut);
  }
}

async function restoreLogged(subscriber: Connection, key: ForeignKey, log: Logger): Promise<void> {
  try {
    await restore(subscriber, key);
  } catch (error) {
    if (!subscriber.isOpen) throw error;
    // The rows are right as replicated; what is wrong is between the two schemas, and an operator's to decide.
    log.warn(
      { err: error, table: key.from_table, constraint: key.fkey_name },
      'Foreign key cannot be restored',
    );
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
        if (sql !== '') await tx.execute(sql);
        else await restoreComment(tx, key);
        return sql === '';
      },
    );
    if (done) return;
  }
}

/** In the transaction that forgets the foreign key. */
async function restoreComment(tx: Connection, key: ForeignKey): Promise<void> {
  const [saved] = await tx.query<{ comment: string }>(
    'delete from pgcascade.foreign_key_comment where from_table = $1 and fkey_name = $2 returning comment',
    [key.from_table, key.fkey_name],
  );
  if (saved === undefined) return;
  const constraint = `${quoteIdentifier(key.fkey_name)} on ${quoteName(key.from_table)}`;
  await tx.execute(`comment on constraint ${constraint} is ${quoteLiteral(saved.comment)}`);
}
