import type { Connection } from '../db/connection.js';

/** The databases of the server that this role can connect to, without templates. */
export async function listDatabases(connection: Connection): Promise<string[]> {
  const rows = await connection.query<{ datname: string }>(`
    select d.datname
      from pg_catalog.pg_database as d
     where d.datallowconn
       and not d.datistemplate
       and pg_catalog.has_database_privilege(d.oid, 'CONNECT')
     order by d.datname`);
  return rows.map((row) => row.datname);
}
