import type { Connection } from '../db/connection.js';
import { type KeptOff, NOTHING_KEPT_OFF } from './compare-context.js';

/** What replication has taken off the tables of this database and puts back by itself. Nothing of it on a node of the original. */
export async function readKeptOff(connection: Connection): Promise<KeptOff> {
  const { ours, londiste } = await connection.one<{ ours: boolean; londiste: boolean }>(
    `select to_regclass('pgcascade.taken_off') is not null as ours, to_regclass('londiste.pending_fkeys') is not null as londiste`,
  );
  if (!londiste) return NOTHING_KEPT_OFF;
  const keys = await connection.query<{ key: string }>(
    `select from_table || ' ' || fkey_name as key from londiste.pending_fkeys`,
  );
  const states = ours
    ? await connection.query<{ key: string; enabled: string }>(
        `select o.kind || ' ' || n.nspname || '.' || c.relname || ' ' || o.object_name as key, o.enabled
           from pgcascade.taken_off as o
           join pg_class as c on c.oid = o.relation
           join pg_namespace as n on n.oid = c.relnamespace`,
      )
    : [];
  return {
    foreignKeys: new Set(keys.map(({ key }) => key)),
    states: new Map(states.map(({ key, enabled }) => [key, enabled])),
  };
}
