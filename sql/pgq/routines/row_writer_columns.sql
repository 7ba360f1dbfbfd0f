-- Function: pgq._row_writer_columns(4)
--
-- The columns of a table with the expressions by which a row writer turns them into text. The new row is in the
-- variable pgq_new, the old one in pgq_old.
--
-- Returns: one row per column: its name; the event field that it overrides (a magic column); whether it is key or
--          ignored; whether its text may have any character; the expressions of its text, of its urlencoded text and
--          of its JSON value, for either row; the condition that the rows differ in it (null when nobody will ask: for columns
--          that are neither key nor ignored unless i_compare).
-- Raises:  'Unknown magic column: ...'.
create or replace function pgq._row_writer_columns(
    i_table    oid,
    i_key      text[],
    i_ignored  text[],
    i_compare  boolean
)
returns table (
    column_nr     integer,
    column_name   text,
    magic_field   text,
    is_key        boolean,
    is_ignored    boolean,
    is_free       boolean,
    plain         text,
    old_plain     text,
    url_part      text,
    old_url_part  text,
    json_part     text,
    old_json_part text,
    differs       text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column    record;
    v_quoted    text;
    v_new       text;
    v_old       text;
    v_template  text;
    v_equality  text;
begin
    for v_column in
        select a.attnum,
               a.attname::text as name,
               a.atttypid as type_id,
               (with recursive base (id, next_id, type_kind) as (
                    select t.oid, t.typbasetype, t.typtype
                      from pg_type as t
                     where t.oid = a.atttypid
                     union all
                    select t.oid, t.typbasetype, t.typtype
                      from base as b
                      join pg_type as t
                        on t.oid = b.next_id
                     where b.type_kind = 'd')
                select b.id from base as b where b.type_kind <> 'd') as base_id
          from pg_attribute as a
         where a.attrelid = i_table
           and a.attnum > 0
           and not a.attisdropped
         order by a.attnum
    loop
        column_nr := v_column.attnum;
        column_name := v_column.name;
        magic_field := case when v_column.name like '\_pgq\_ev\_%' then substr(v_column.name, 6) end;
        if magic_field not in ('ev_type', 'ev_data', 'ev_extra1', 'ev_extra2', 'ev_extra3', 'ev_extra4') then
            raise exception using message = 'Unknown magic column: ' || v_column.name, errcode = 'XX000';
        end if;
        is_key := v_column.name = any (i_key);
        is_ignored := coalesce(v_column.name = any (i_ignored), false);

        is_free := v_column.base_id not in (
            'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype, 'numeric'::regtype, 'float4'::regtype,
            'float8'::regtype, 'uuid'::regtype, 'oid'::regtype, 'date'::regtype, 'timestamp'::regtype,
            'timestamptz'::regtype);

        -- Always in quotes: PL/pgSQL has reserved words of its own.
        v_quoted := '"' || replace(v_column.name, '"', '""') || '"';
        v_new := 'pgq_new.' || v_quoted;
        v_old := 'pgq_old.' || v_quoted;
        v_template := case
            when v_column.type_id in ('text'::regtype, 'varchar'::regtype) then '%1$s'
            when v_column.base_id = 'bool'::regtype then 'case when %1$s then ''t'' when not %1$s then ''f'' end'
            when not exists (
                select
                  from pg_cast as c
                 where c.castsource = v_column.base_id
                   and c.casttarget = 'text'::regtype
                   and (c.castmethod <> 'b' or v_column.base_id = 'xml'::regtype))
            then '%1$s::pg_catalog.text'
            -- The cast to text is not what the type writes.
            else 'case when pg_catalog.num_nulls(%1$s) = 0 then pg_catalog.format(''%%s'', %1$s) end'
        end;
        plain := format(v_template, v_new);
        old_plain := format(v_template, v_old);
        url_part := format('pgq._urlencode(%s)', plain);
        old_url_part := format('pgq._urlencode(%s)', old_plain);
        -- What to_json writes as PgQ does; every other type goes in as text.
        v_template := case
            when v_column.type_id in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
            then 'coalesce(%1$s::pg_catalog.text, ''null'')'
            when v_column.type_id = 'bool'::regtype
            then 'case when %1$s then ''true'' when not %1$s then ''false'' else ''null'' end'
            when v_column.type_id in (
                'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'uuid'::regtype, 'bytea'::regtype,
                'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
            then 'coalesce(pg_catalog.to_json(%1$s)::pg_catalog.text, ''null'')'
            else 'coalesce(pg_catalog.to_json(%2$s)::pg_catalog.text, ''null'')'
        end;
        json_part := format(v_template, v_new, plain);
        old_json_part := format(v_template, v_old, old_plain);

        differs := null;
        if i_compare or is_key or is_ignored then
            v_equality := pgq._equality_operator(v_column.type_id);
            differs := case
                when v_equality is null then format('(%s) is distinct from (%s)', plain, old_plain)
                else format(
                    'case pg_catalog.num_nulls(%1$s, %2$s) when 0 then not (%1$s %3$s %2$s) when 1 then true else false end',
                    v_new, v_old, v_equality)
            end;
        end if;
        return next;
    end loop;
end;
$$;
