import type { Connection } from '../db/connection.js';
import { type KeptOff, NOTHING_KEPT_OFF } from './compare-context.js';

/**
 * What replication has taken off the tables of this database and puts back by itself; what it could not put back is none of it. Nothing on a
 * node of the original but foreign keys.
 */
export async function readKeptOff(connection: Connection): Promise<KeptOff> {
  const has = await connection.one<Record<'keys' | 'states' | 'errors' | 'copies', boolean>>(
    `select to_regclass('londiste.pending_fkeys') is not null as keys, to_regclass('pgcascade.taken_off') is not null as states,
            to_regclass('pgcascade.put_back_error') is not null as errors, to_regclass('pgcascade.ranged_copy') is not null as copies`,
  );
  if (!has.keys) return NOTHING_KEPT_OFF;
  const keys = await connection.query<{ key: string }>(
    `select f.from_table || ' ' || f.fkey_name as key from londiste.pending_fkeys as f
      where ${has.errors ? `not exists (select from pgcascade.put_back_error as e where e.kind = 'key' and e.table_name = f.from_table and e.object_name = f.fkey_name)` : 'true'}`,
  );
  const states = has.states
    ? await connection.query<{ key: string; enabled: string }>(
        `select o.kind || ' ' || n.nspname || '.' || c.relname || ' ' || o.object_name as key, o.enabled
           from pgcascade.taken_off as o
           join pg_class as c on c.oid = o.relation
           join pg_namespace as n on n.oid = c.relnamespace
          where ${has.errors ? `not exists (select from pgcascade.put_back_error as e where e.kind = 'triggers' and e.table_name = n.nspname || '.' || c.relname)` : 'true'}`,
      )
    : [];
  const indexes = has.copies
    ? await connection.query<{ name: string }>(
        `select array_to_string(parse_ident(d.index ->> 'name'), '.') as name
           from pgcascade.ranged_copy as r, jsonb_array_elements(r.dropped_ddl) as d(index)`,
      )
    : [];
  return {
    foreignKeys: new Set(keys.map(({ key }) => key)),
    states: new Map(states.map(({ key, enabled }) => [key, enabled])),
    indexes: new Set(indexes.map(({ name }) => name)),
  };
}
