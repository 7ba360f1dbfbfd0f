import type { Connection } from '../db/connection.js';

/** What the ticker can do in a database. */
export type DatabaseKind =
  /** It has queues to be ticked. */
  | 'queues'
  /** Nothing is installed, or not yet. */
  | 'no-queues'
  /** The server is a standby, where nothing can be written until it is promoted. */
  | 'standby';

/** Looks whether the database has the schema `pgq` and can be written to. Reads only. */
export async function lookAtDatabase(connection: Connection): Promise<DatabaseKind> {
  const { is_standby, has_ticker } = await connection.one<{ is_standby: boolean; has_ticker: boolean }>(`
    select pg_catalog.pg_is_in_recovery() as is_standby,
           exists (
               select 1
                 from pg_catalog.pg_proc as p
                 join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
                where n.nspname = 'pgq'
                  and p.proname = 'ticker'
                  and p.pronargs = 0
           ) as has_ticker`);
  if (!has_ticker) return 'no-queues';
  return is_standby ? 'standby' : 'queues';
}
