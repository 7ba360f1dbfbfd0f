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
    "select to_regclass('pgcascade.taken_off') is not null as ours",
  );
  if (!ours) return { triggers: 0, keys: 0, left: [] };
  const problems: string[] = [];
  const triggers = await putBackTriggers(connection, ({ tableName, error }) => {
    problems.push(`Triggers of ${tableName} cannot be put back: ${(error as Error).message}.`);
  });
  const tried = await restoreForeignKeys(connection, log, signal);
  const rows = await connection.query<{ what: string; may: boolean }>(
    `select initcap(t.kind) || ' "' || t.object_name || '" of ' || t.table_name as what,
            not pgcascade.is_kept_off(t.relation) as may
       from pgcascade.taken_off as t
     union all
     select 'Foreign key "' || f.fkey_name || '" of ' || f.from_table,
            exists (select from pgcascade.restorable_keys() as r
                     where (r.from_table, r.fkey_name) = (f.from_table, f.fkey_name))
       from londiste.pending_fkeys as f
      order by 1`,
  );
  const left = rows.map(({ what, may }) =>
    may ? `${what} could not be put back.` : `${what} stays off: a worker of this database needs that.`,
  );
  const keys = tried - rows.filter(({ what, may }) => may && what.startsWith('Foreign key')).length;
  return { triggers, keys, left: [...problems, ...left] };
}
