import type { Connection, Row } from '../db/connection.js';
import { setReplicationRole } from '../replica/replication-role.js';

/** What of a database and its server matters to replication, or to an application that moves from one to the other. */
export interface Surroundings {
  readonly database: string;
  readonly ourRole: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  /** `c` libc, `i` ICU, `b` builtin; null before PostgreSQL 15, where it is libc. */
  readonly provider: string | null;
  readonly locale: string | null;
  readonly isStandby: boolean;
  /** Settings of new sessions: name → value. */
  readonly settings: ReadonlyMap<string, string>;
  /** Sessions that our role can still open. */
  readonly freeConnections: number;
  /** Roles (null: all) for which triggers would not fire, with their `session_replication_role`. */
  readonly silentRoles: readonly { readonly role: string | null; readonly setting: string }[];
  readonly maySetReplicationRole: boolean;
  readonly collations: readonly CollationVersion[];
}

/** A collation whose order may have changed with the library that it comes from. */
export interface CollationVersion {
  /** Quoted; null: that of the database. */
  readonly name: string | null;
  /** When its indexes were made. */
  readonly recorded: string | null;
  readonly actual: string | null;
}

/** Settings of new sessions that the application can notice after it has moved, and what it would notice. */
export const APPLICATION_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'the same text is another date',
  IntervalStyle: 'intervals are written in another way',
  TimeZone: 'times without a zone are other times',
  bytea_output: 'bytea is written in another way',
  default_text_search_config: 'text search without a configuration finds other words',
  default_transaction_isolation: 'transactions of the application see other states, and fail in other cases',
  lc_monetary: 'money is written in another way',
  search_path: 'names without a schema mean other objects',
  standard_conforming_strings: 'a backslash in a literal means something else',
};

const OWN_SETTINGS = ['default_transaction_read_only', 'session_replication_role', 'old_snapshot_threshold'];

/** Reads the surroundings; `relations` are the tables (Londiste names) whose collations count. Changes nothing. */
export async function readSurroundings(
  connection: Connection,
  relations: readonly string[],
): Promise<Surroundings> {
  const row = await connection.one<DatabaseRow>(DATABASE_SQL);
  const settings = await connection.query<{ name: string; value: string }>(SETTINGS_SQL, [
    [...Object.keys(APPLICATION_SETTINGS), ...OWN_SETTINGS].map((name) => name.toLowerCase()),
  ]);
  const silentRoles = await connection.query<{ role: string | null; setting: string }>(SILENT_ROLES_SQL);
  return {
    database: row.database,
    ourRole: row.our_role,
    encoding: row.encoding,
    collate: row.collate,
    ctype: row.ctype,
    provider: row.provider,
    locale: row.locale,
    isStandby: row.standby,
    settings: new Map(settings.map(({ name, value }) => [name, value])),
    freeConnections: row.free,
    silentRoles,
    maySetReplicationRole: await maySetReplicationRole(connection, row.standby),
    collations: await readCollationVersions(connection, relations),
  };
}

async function maySetReplicationRole(connection: Connection, isStandby: boolean): Promise<boolean> {
  if (isStandby) return false;
  await connection.execute('begin');
  try {
    return await setReplicationRole(connection, 'replica', 'transaction');
  } finally {
    if (connection.isOpen) await connection.execute('rollback');
  }
}

interface DatabaseRow extends Row {
  readonly database: string;
  readonly our_role: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly provider: string | null;
  readonly locale: string | null;
  readonly standby: boolean;
  readonly free: number;
}

/** Roles that are no superusers do not get the connections that are kept for those. */
const DATABASE_SQL = `
select d.datname::text as database, current_user::text as our_role, pg_encoding_to_char(d.encoding)::text as encoding,
       d.datcollate::text as collate, d.datctype::text as ctype, to_jsonb(d) ->> 'datlocprovider' as provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') as locale,
       pg_is_in_recovery() as standby,
       least(
           current_setting('max_connections')::int4
               - case when u.rolsuper then 0 else current_setting('superuser_reserved_connections')::int4 end
               - (select count(*)::int4 from pg_stat_activity as a where a.datid is not null and coalesce(to_jsonb(a) ->> 'backend_type', '') in ('', 'client backend')),
           case when d.datconnlimit < 0 or u.rolsuper then null
                else d.datconnlimit - (select count(*)::int4 from pg_stat_activity as a where a.datid = d.oid) end,
           case when u.rolconnlimit < 0 or u.rolsuper then null
                else u.rolconnlimit - (select count(*)::int4 from pg_stat_activity as a where a.usesysid = u.oid) end
       ) as free
  from pg_database as d, pg_roles as u
 where d.datname = current_database() and u.rolname = current_user`;

/** Our own sessions pin theirs: reset_val is what a session begins with. What is set for our role is not what others have. */
const SETTINGS_SQL = `
select s.name, s.reset_val as value
  from pg_settings as s
 where lower(s.name) = any ($1)
   and not exists (
           select from pg_db_role_setting as r, unnest(r.setconfig) as c
            where r.setrole = (select u.oid from pg_roles as u where u.rolname = current_user)
              and lower(split_part(c, '=', 1)) = lower(s.name)
              and s.name not in ('default_transaction_read_only', 'default_transaction_isolation'))`;

const SILENT_ROLES_SQL = `
select r.rolname::text as role, split_part(c, '=', 2) as setting
  from pg_db_role_setting as s
  left join pg_roles as r on r.oid = s.setrole
 cross join lateral unnest(s.setconfig) as c
 where (s.setdatabase = 0 or s.setdatabase = (select d.oid from pg_database as d where d.datname = current_database()))
   and split_part(c, '=', 1) = 'session_replication_role'
   and split_part(c, '=', 2) <> 'origin'
 order by 1`;

async function readCollationVersions(
  connection: Connection,
  relations: readonly string[],
): Promise<CollationVersion[]> {
  const own = await connection.query<CollationVersion & Row>(COLLATIONS_SQL, [relations]);
  if (connection.serverVersion < 150_000) return own;
  const ofDatabase = await connection.query<CollationVersion & Row>(
    `select null::text as name, d.datcollversion as recorded, pg_database_collation_actual_version(d.oid) as actual
       from pg_database as d where d.datname = current_database()`,
  );
  return [...ofDatabase, ...own];
}

/** Of columns and indexes of the tables and their partitions. What has no version cannot change. */
const COLLATIONS_SQL = `
with recursive tree as (
    select c.oid from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname || '.' || c.relname = any ($1)
    union
    select i.inhrelid from tree as t join pg_inherits as i on i.inhparent = t.oid
), used as (
    select a.attcollation as oid from tree as t join pg_attribute as a on a.attrelid = t.oid where a.attnum > 0 and not a.attisdropped
    union
    select x.oid from tree as t join pg_index as i on i.indrelid = t.oid, unnest(i.indcollation::oid[]) as x(oid)
)
select quote_ident(n.nspname) || '.' || quote_ident(c.collname) as name, c.collversion as recorded, pg_collation_actual_version(c.oid) as actual
  from used as u
  join pg_collation as c on c.oid = u.oid
  join pg_namespace as n on n.oid = c.collnamespace
 where c.collversion is not null
 order by 1`;
