import type { Connection } from '../db/connection.js';

/** Who keeps the copies of this database from a lock: by the table's name here, `pid 4711 of alice (alter table …)`. */
export async function readCopyBlockers(connection: Connection): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.query<{ table_name: string; blockers: string }>(
    `select n.nspname || '.' || c.relname as table_name,
            string_agg(distinct concat('pid ', b.pid, ' of ', coalesce(s.usename, '?'),
                                       ' (', left(regexp_replace(coalesce(s.query, '?'), '\\s+', ' ', 'g'), 60), ')'), ', ') as blockers
       from pg_locks as l
       join pg_stat_activity as w
         on w.pid = l.pid
        and w.application_name like 'pgcascade/copy/%'
       join pg_class as c
         on c.oid = l.relation
       join pg_namespace as n
         on n.oid = c.relnamespace
      cross join unnest(pg_blocking_pids(l.pid)) as b(pid)
       left join pg_stat_activity as s
         on s.pid = b.pid
      where not l.granted
        and l.locktype = 'relation'
        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      group by 1`,
  );
  return new Map(rows.map((row) => [row.table_name, row.blockers]));
}
