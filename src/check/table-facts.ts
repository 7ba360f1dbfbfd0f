import type { Connection, Row } from '../db/connection.js';

/** What one node's catalog says of a replicated table that is its own affair. */
export interface TableFacts {
  readonly tableName: string;
  readonly destTable: string;
  /** Null: there is no such relation. As in pg_class. */
  readonly kind: string | null;
  readonly isUnlogged: boolean;
  /** Columns that tell rows apart: a primary key, or a unique index over not-null columns that holds at once. */
  readonly hasKey: boolean;
  readonly hasDeferrableKey: boolean;
  /** Row security would hide rows from our role, or refuse them. */
  readonly hidesRows: boolean;
  readonly canRead: boolean;
  /** The rights that our role lacks to write it. */
  readonly missingRights: readonly string[];
  readonly invalidIndexes: readonly string[];
  /** The partitioned tables that it is a part of. */
  readonly ancestors: readonly string[];
  /** Plain children, with their rows. */
  readonly children: readonly string[];
  /** Of serial, identity and other columns: the sequences that give them values. */
  readonly sequences: readonly string[];
}

/** Reads the facts of tables by their names in the queue and here; one statement for any number of tables. */
export async function readTableFacts(
  connection: Connection,
  tables: readonly { readonly name: string; readonly destTable: string }[],
): Promise<TableFacts[]> {
  const rows = await connection.query<FactsRow>(FACTS_SQL, [
    tables.map(({ name }) => name),
    tables.map(({ destTable }) => destTable),
  ]);
  return rows.map((row) => ({
    tableName: row.table_name,
    destTable: row.dest_table,
    kind: row.kind,
    isUnlogged: row.unlogged,
    hasKey: row.has_key,
    hasDeferrableKey: row.has_deferrable_key,
    hidesRows: row.hides_rows,
    canRead: row.can_read,
    missingRights: row.missing_rights,
    invalidIndexes: row.invalid_indexes,
    ancestors: row.ancestors,
    children: row.children,
    sequences: row.sequences,
  }));
}

interface FactsRow extends Row {
  readonly table_name: string;
  readonly dest_table: string;
  readonly kind: string | null;
  readonly unlogged: boolean;
  readonly has_key: boolean;
  readonly has_deferrable_key: boolean;
  readonly hides_rows: boolean;
  readonly can_read: boolean;
  readonly missing_rights: string[];
  readonly invalid_indexes: string[];
  readonly ancestors: string[];
  readonly children: string[];
  readonly sequences: string[];
}

/** The first dot splits schema and name. Catalog columns that only newer servers have are read through to_jsonb. What is of many tables
 * is gathered before it is joined: a look at it for each table would take the square of their number. */
const FACTS_SQL = `
with recursive named as (
    select t.nr, t.table_name, t.dest_table, c.oid, c.relkind, c.relpersistence
      from unnest($1::text[], $2::text[]) with ordinality as t(table_name, dest_table, nr)
      left join (pg_class as c join pg_namespace as n on n.oid = c.relnamespace)
        on n.nspname = left(t.dest_table, strpos(t.dest_table, '.') - 1)
       and c.relname = substr(t.dest_table, strpos(t.dest_table, '.') + 1)
), above as (
    select n.oid as relation, i.inhparent as ancestor
      from named as n
      join pg_class as c on c.oid = n.oid and c.relispartition
      join pg_inherits as i on i.inhrelid = c.oid
    union
    select a.relation, i.inhparent
      from above as a
      join pg_class as c on c.oid = a.ancestor and c.relispartition
      join pg_inherits as i on i.inhrelid = c.oid
), tree as (
    select n.oid as relation, n.oid as part, n.relkind from named as n where n.oid is not null
    union
    select t.relation, i.inhrelid, c.relkind
      from tree as t
      join pg_inherits as i on i.inhparent = t.part
      join pg_class as c on c.oid = i.inhrelid and c.relispartition
), unique_index as (
    select x.indrelid,
           x.indimmediate,
           bool_and(coalesce(a.attnotnull and coalesce(to_jsonb(a) ->> 'attgenerated', '') = '', false)) as is_key
      from named as n
      join pg_index as x on x.indrelid = n.oid
     cross join lateral unnest(x.indkey::int2[]) with ordinality as k(attnum, place)
      left join pg_attribute as a on a.attrelid = x.indrelid and a.attnum = k.attnum and k.attnum > 0
     where x.indisunique
       and x.indisvalid
       and x.indpred is null
       and x.indexprs is null
       and k.place <= coalesce((to_jsonb(x) ->> 'indnkeyatts')::int4, x.indnatts)
     group by x.indexrelid, x.indrelid, x.indimmediate
), keys as (
    select u.indrelid, bool_or(u.indimmediate) as has_key, bool_or(not u.indimmediate) as has_deferrable_key
      from unique_index as u
     where u.is_key
     group by u.indrelid
), invalid as (
    select t.relation, array_agg(n.nspname || '.' || i.relname order by n.nspname || '.' || i.relname) as names
      from tree as t
      join pg_index as x on x.indrelid = t.part and not x.indisvalid
      join pg_class as i on i.oid = x.indexrelid and i.relkind = 'i'
      join pg_namespace as n on n.oid = i.relnamespace
     group by t.relation
), parents as (
    select v.relation, array_agg(n.nspname || '.' || a.relname) as names
      from above as v
      join pg_class as a on a.oid = v.ancestor
      join pg_namespace as n on n.oid = a.relnamespace
     group by v.relation
)
select n.table_name, n.dest_table, n.relkind::text as kind,
       coalesce(n.relpersistence = 'u', false) as unlogged,
       coalesce(k.has_key, false) as has_key,
       coalesce(k.has_deferrable_key, false) as has_deferrable_key,
       coalesce(row_security_active(n.oid), false) as hides_rows,
       coalesce(has_table_privilege(n.oid, 'SELECT'), true) as can_read,
       array(select r.name from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) with ordinality as r(name, nr)
              where not has_table_privilege(n.oid, r.name) order by r.nr) as missing_rights,
       coalesce(x.names, '{}') as invalid_indexes,
       coalesce(v.names, '{}') as ancestors,
       array(select cn.nspname || '.' || c.relname
               from pg_inherits as i
               join pg_class as c on c.oid = i.inhrelid and not c.relispartition
               join pg_namespace as cn on cn.oid = c.relnamespace
              where i.inhparent = n.oid
              order by 1) as children,
       array(select distinct sn.nspname || '.' || s.relname
               from pg_depend as d
               join pg_class as s on s.oid = d.objid and s.relkind = 'S'
               join pg_namespace as sn on sn.oid = s.relnamespace
              where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = n.oid and d.refobjsubid > 0
              union
             select sn.nspname || '.' || s.relname
               from pg_attrdef as f
               join pg_depend as d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
               join pg_class as s on s.oid = d.refobjid and s.relkind = 'S'
               join pg_namespace as sn on sn.oid = s.relnamespace
              where f.adrelid = n.oid
              order by 1) as sequences
  from named as n
  left join keys as k on k.indrelid = n.oid
  left join invalid as x on x.relation = n.oid
  left join parents as v on v.relation = n.oid
 order by n.nr`;

/** A table that is captured, and by which triggers. */
export interface CaptureState {
  readonly tableName: string;
  readonly destTable: string;
  /** Triggers of the capture that do not fire for the application. */
  readonly disabled: readonly { readonly table: string; readonly trigger: string }[];
  /** Writes that no trigger captures, among INSERT, UPDATE, DELETE, TRUNCATE. */
  readonly uncaptured: readonly string[];
}

/** Reads what captures the tables of a queue on a root; nothing on a node of the original. */
export async function readCaptureStates(connection: Connection, queueName: string): Promise<CaptureState[]> {
  const { ours } = await connection.one<{ ours: boolean }>(
    "select to_regclass('pgcascade.capture_plan') is not null as ours",
  );
  if (!ours) return [];
  const rows = await connection.query<CaptureRow>(CAPTURE_SQL, [queueName]);
  return rows.map((row) => ({
    tableName: row.table_name,
    destTable: row.dest_table,
    disabled: row.disabled.map(([table = '', trigger = '']) => ({ table, trigger })),
    uncaptured: row.uncaptured,
  }));
}

interface CaptureRow extends Row {
  readonly table_name: string;
  readonly dest_table: string;
  readonly disabled: string[][];
  readonly uncaptured: string[];
}

/** Before PostgreSQL 11 the row triggers of a partitioned table are on its partitions. */
const CAPTURE_SQL = `
with recursive plan as (
    select p.* from pgcascade.capture_plan as p
      join pg_class as c on c.oid = p.relation
     where p.queue_name = $1 and p.purpose = 'capture' and p.mode <> 'none'
), tree as (
    select p.plan_no, p.relation as part from plan as p
    union
    select t.plan_no, i.inhrelid
      from tree as t
      join pg_inherits as i on i.inhparent = t.part
      join pg_class as c on c.oid = i.inhrelid and c.relispartition
), trigger as (
    select t.plan_no, n.nspname || '.' || c.relname as table_name, g.tgname::text as name, g.tgenabled as enabled, g.tgtype as type,
           f.proname in ('begin_statement', 'end_statement', 'truncate_partition') as is_beside
      from tree as t
      join plan as p on p.plan_no = t.plan_no
      join pg_trigger as g on g.tgrelid = t.part
      join pg_class as c on c.oid = g.tgrelid
      join pg_namespace as n on n.oid = c.relnamespace
      join pg_proc as f on f.oid = g.tgfoid
      join pg_namespace as fn on fn.oid = f.pronamespace
     where strpos(g.tgname, '!pgcascade_' || p.plan_no || '_') = 1
        or p.mode = 'trigger' and fn.nspname = 'pgq' and t.part = p.relation
), triggers as (
    select g.plan_no,
           array_agg(array[g.table_name, g.name] order by g.table_name, g.name) filter (where g.enabled in ('D', 'R')) as disabled,
           bit_or(g.type) filter (where not g.is_beside) as types
      from trigger as g
     group by g.plan_no
), shape as (
    select t.plan_no, bool_or(c.relkind = 'r') as has_rows
      from tree as t
      join pg_class as c on c.oid = t.part
     group by t.plan_no
)
select p.table_name, p.dest_table,
       coalesce(g.disabled, '{}') as disabled,
       array(select w.name
               from (values (1, 'INSERT', 4), (2, 'UPDATE', 16), (3, 'DELETE', 8), (4, 'TRUNCATE', 32)) as w(nr, name, bit)
              where p.mode <> 'trigger'
                and (w.name = 'TRUNCATE' or current_setting('server_version_num')::int4 >= 110000 or s.has_rows)
                and coalesce(g.types, 0) & w.bit = 0
              order by w.nr) as uncaptured
  from plan as p
  join shape as s on s.plan_no = p.plan_no
  left join triggers as g on g.plan_no = p.plan_no
 order by p.plan_no`;
