import type { Connection } from '../db/connection.js';
import type { Logger } from '../runtime/log.js';
import { restoreForeignKeys } from './foreign-keys.js';
import { putBackTriggers } from './keep-off.js';

export interface PutBackOutcome {
  readonly triggers: number;
  readonly keys: number;
  /** What is still off its table, a sentence each: it could not be put back, or a worker needs it off. */
  readonly left: readonly string[];
}

/**
 * Puts back the triggers, rules and foreign keys of this database that no worker needs to be off any more, and has the rows
 * checked that the keys are for. For commands that end the replication of tables. May be repeated, also after a crash.
 */
export async function putBackAll(
  connection: Connection,
  log: Logger,
  signal: AbortSignal,
): Promise<PutBackOutcome> {
  const { ours } = await connection.one<{ ours: boolean }>(
    "select to_regclass('pgcascade.put_back_error') is not null as ours",
  );
  if (!ours) return { triggers: 0, keys: 0, left: [] };
  const triggers = await putBackTriggers(connection, log);
  const keys = await restoreForeignKeys(connection, log, signal);
  await connection.query('select pgcascade.forget_put_back_errors()');
  return { triggers: triggers.back, keys: keys.restored, left: await readLeft(connection) };
}

async function readLeft(connection: Connection): Promise<string[]> {
  const rows = await connection.query<{ what: string; may: boolean; message: string | null }>(
    `select initcap(t.kind) || ' "' || t.object_name || '" of ' || t.table_name as what,
            not pgcascade.is_kept_off(t.relation) as may,
            e.message
       from pgcascade.taken_off as t
       left join pgcascade.put_back_error as e
         on e.kind = 'triggers' and e.table_name = t.table_name
     union all
     select 'Foreign key "' || f.fkey_name || '" of ' || f.from_table,
            r.fkey_name is not null,
            e.message
       from londiste.pending_fkeys as f
       left join pgcascade.restorable_keys() as r
         on r.from_table = f.from_table and r.fkey_name = f.fkey_name
       left join pgcascade.put_back_error as e
         on e.kind = 'key' and e.table_name = f.from_table and e.object_name = f.fkey_name
      order by 1`,
  );
  return rows.map(({ what, may, message }) => {
    if (!may) return `${what} stays off: a worker of this database needs that.`;
    return `${what} could not be put back${message === null ? '' : `: ${message}`}.`;
  });
}
