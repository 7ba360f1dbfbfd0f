-- Function: pgcascade.check_columns_seen(1)
--
-- Compares the columns of a table as this transaction's snapshot has them in the catalogue with those that the server works
-- with, which are always the newest.
--
-- Returns: nothing.
-- Raises:  40001 when they differ.
-- Locks:   none. May be repeated.
create or replace function pgcascade.check_columns_seen(
    p_relation  regclass
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_names   text[];
    v_types   oid[];
    v_list    text;
    v_is_old  boolean := false;
begin
    select array_agg(a.attname::text order by a.attnum), array_agg(a.atttypid order by a.attnum),
           string_agg(format('pg_typeof(x.%I)::oid', a.attname), ', ' order by a.attnum)
      into v_names, v_types, v_list
      from pg_attribute as a
     where a.attrelid = p_relation
       and a.attnum > 0
       and not a.attisdropped;
    begin
        -- A row of nulls, which is enough to have the columns.
        execute format(
            'select array(select k.name from json_object_keys(row_to_json(pgc_row)) with ordinality as k(name, position)'
            '              order by k.position) is distinct from $1'
            '  from (select x.* from (select 1) as a(pgc_one) left join only %s as x on false) as pgc_row',
            p_relation
        )
          into v_is_old
         using coalesce(v_names, '{}');
        if not v_is_old and v_list is not null then
            execute format(
                'select array[%s] <> $1 from (select 1) as a(pgc_one) left join only %s as x on false', v_list, p_relation
            )
              into v_is_old
             using v_types;
        end if;
    exception
        when undefined_column then
            v_is_old := true;
        when insufficient_privilege then
            -- Who may not read the table cannot know: the columns are taken as they are seen.
            null;
    end;
    if v_is_old then
        raise exception 'could not serialize access due to a change of the columns of %', p_relation
            using errcode = 'serialization_failure', hint = 'Run the transaction again.';
    end if;
end;
$$;

-- Function: pgcascade.table_signature(1)
--
-- Everything about a table that its generated triggers are made of: name, columns and their types, indexes that can be a key,
-- what decides the mode, and the versions of the generator and the server.
--
-- Volatile, so in a transaction that is `read committed` it looks with a snapshot of its own: that of the writer's statement
-- can be older than the change, when the statement has waited for it. The snapshot of other transactions stays, and
-- when the table has got other columns since, the statement fails as with any other concurrent change.
--
-- Returns: text; never null.
-- Raises:  40001 when the transaction's snapshot is older than the table's columns.
-- Locks:   none. May be repeated.
create or replace function pgcascade.table_signature(
    p_relation  regclass
)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
-- The plan is kept for the session, and the catalogs grow with what it adds.
set enable_seqscan = off
as $$
begin
    if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
        perform pgcascade.check_columns_seen(p_relation);
    end if;
    return (
        select md5(concat_ws(
                   ' ', '7', current_setting('server_version_num')::integer / 10000,
                   (select concat_ws(' ', c.relkind, c.relispartition, c.relnamespace, c.relname) from pg_class as c where c.oid = p_relation),
                   (select string_agg(
                               concat_ws(':', a.attnum, a.attname, a.atttypid, a.attnotnull, a.atthasdef), ',' order by a.attnum
                           )
                      from pg_attribute as a
                     where a.attrelid = p_relation
                       and a.attnum > 0
                       and not a.attisdropped),
                   (select string_agg(
                               concat_ws(':', i.indexrelid, i.indkey, i.indisprimary, i.indimmediate, i.indisvalid), ','
                               order by i.indexrelid
                           )
                      from pg_index as i
                     where i.indrelid = p_relation
                       and i.indisunique),
                   (select string_agg(concat_ws(':', t.oid, t.tgenabled), ',' order by t.oid)
                      from pg_trigger as t
                     where t.tgrelid = p_relation
                       and not t.tgisinternal
                       and t.tgname !~ '^(!|zzz_)pgcascade_'
                       and t.tgtype & 1 = 1),
                   (select string_agg(f.oid::text, ',' order by f.oid)
                      from pg_constraint as f
                     where f.conrelid = p_relation
                       and f.contype = 'f'),
                   exists (select from pg_inherits as h where p_relation in (h.inhrelid, h.inhparent))
               ))
    );
end;
$$;

-- Function: pgcascade.capture_signature(1)
--
-- The signature of a table as a constant of a plan.
--
-- Declared immutable on purpose, which it is not: a generated function compares it with the signature that it was made
-- for, so it becomes a constant of a plan that the regclass literal ties to the table. The server throws that plan away
-- whenever the table changes, in the same transaction too; until then the comparison costs nothing.
--
-- Returns: text; never null.
-- Raises:  as pgcascade.table_signature.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_signature(
    p_relation  regclass
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgcascade.table_signature(p_relation);
end;
$$;
