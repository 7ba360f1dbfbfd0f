-- Function: pgcascade.table_key(1)
--
-- The columns that identify a row of a table: its primary key, else the unique index over not-null columns with the
-- fewest columns, else none. Generated columns are not sent, so a key with one does not count. A deferrable key does not count, as it does not for PostgreSQL's own replica identity: two
-- rows can have the same one for a while (`set id = id + 1`), and no order of events by key tells them apart.
--
-- Returns: one row; key_columns in index order (empty without a key), the index's name, and the equality operator of each
--          column, schema-qualified.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.table_key(oid);
create or replace function pgcascade.table_key(
    p_relation        oid,
    out key_columns   text[],
    out key_source    text,
    out operators     text[]
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
-- The plan is kept for the session, and the catalogs grow with what it adds.
set enable_seqscan = off
as $$
begin
    -- Not an SQL function, which would be planned at each call.
    with candidate as (
        select i.indexrelid,
               i.indisprimary,
               c.relname,
               array_agg(a.attname::text order by k.position) as columns,
               array_agg(format('operator(%I.%s)', n.nspname, o.oprname) order by k.position) as operators,
               bool_and(
                   a.attnotnull
                   -- What generates a column is a default.
                   and case when a.atthasdef then coalesce(to_jsonb(a) ->> 'attgenerated', '') else '' end = ''
               ) as not_null
          from pg_index as i
          join pg_class as c on c.oid = i.indexrelid
          cross join lateral unnest(i.indkey::int2[]) with ordinality as k(attnum, position)
          join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
          join pg_opclass as oc on oc.oid = i.indclass[k.position - 1]
          join pg_amop as ao on ao.amopfamily = oc.opcfamily
                            and ao.amoplefttype = oc.opcintype
                            and ao.amoprighttype = oc.opcintype
                            and ao.amopstrategy = 3
                            and ao.amopmethod = oc.opcmethod
          join pg_operator as o on o.oid = ao.amopopr
          join pg_namespace as n on n.oid = o.oprnamespace
         where i.indrelid = p_relation
           and i.indisunique
           and i.indisvalid
           and i.indimmediate
           and i.indpred is null
           and i.indexprs is null
           and k.position <= coalesce((to_jsonb(i) ->> 'indnkeyatts')::integer, i.indnatts)
         group by i.indexrelid, i.indisprimary, c.relname
    ), best as (
        select b.*
          from candidate as b
         where b.not_null
         order by b.indisprimary desc, cardinality(b.columns), b.relname
         limit 1
    )
    select coalesce((select b.columns from best as b), '{}'),
           coalesce((select b.relname::text from best as b), ''),
           coalesce((select b.operators from best as b), '{}')
      into key_columns, key_source, operators;
end;
$$;

-- Function: pgcascade.capture_mode(1)
--
-- Whether a table can be captured by statement triggers with transition tables, and if not why not.
--
-- By row where a statement trigger could see rows in another order than they happened, or where PostgreSQL allows no
-- transition tables. `mixed` for a table without a key: its inserts by statement; its updates need the old row
-- beside the new one, which only a row trigger has.
--
-- Returns: one row: mode (statement, mixed, row) and the reason ('' for statement).
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_mode(
    p_relation  oid,
    out mode    text,
    out reason  text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_class    pg_class%rowtype;
    v_trigger  text;
begin
    select c.* into v_class from pg_class as c where c.oid = p_relation;
    mode := 'row';
    if v_class.relkind = 'p' then
        reason := 'partitioned table';
        return;
    elsif v_class.relispartition then
        reason := 'partition';
        return;
    elsif exists (select 1 from pg_inherits as i where p_relation in (i.inhrelid, i.inhparent)) then
        reason := 'inheritance';
        return;
    end if;
    v_trigger := pgcascade.writing_trigger(p_relation);
    if v_trigger is not null then
        reason := format('row trigger %s may write to the table', v_trigger);
        return;
    elsif exists (
        select 1
          from pg_constraint as f
         where f.contype = 'f'
           and f.conrelid = p_relation
           -- All actions of one statement share one pair of transition tables: a row that two of them change, or
           -- one changes and another deletes, would be there more than once, and in no order.
           and (
               f.confdeltype in ('n', 'd')
               or f.confupdtype in ('c', 'n', 'd')
               or f.confrelid = p_relation and f.confdeltype = 'c'
           )
    ) then
        reason := 'a foreign key whose action changes rows';
        return;
    elsif cardinality((pgcascade.table_key(p_relation)).key_columns) = 0 then
        mode := 'mixed';
        reason := case
            when exists (select from pg_index as i where i.indrelid = p_relation and i.indisprimary and not i.indimmediate)
            then 'the key is deferrable'
            else 'no key'
        end;
        return;
    end if;
    mode := 'statement';
    reason := '';
end;
$$;
