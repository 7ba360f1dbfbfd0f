-- Function: pgq._row_writer_columns(4)
--
-- The columns of a table with the expressions by which a row writer turns them into text, for the row variable i_row.
--
-- Returns: one row per column: its name; the event field that it overrides (a magic column); whether it is key or
--          ignored; the operator by which values are equal (null: compare the texts); the expressions of its text, of
--          its urlencoded text, and of the column that row_to_json has to be given.
-- Raises:  'Unknown magic column: …'.
create or replace function pgq._row_writer_columns(
    i_table    oid,
    i_key      text[],
    i_ignored  text[],
    i_row      text
)
returns table (
    column_nr    integer,
    column_name  text,
    quoted_name  text,
    magic_field  text,
    is_key       boolean,
    is_ignored   boolean,
    equality     text,
    plain        text,
    url_part     text,
    json_part    text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_column  record;
    v_value   text;
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
        equality := pgq._equality_operator(v_column.type_id);
        -- Always in quotes: PL/pgSQL has reserved words of its own.
        quoted_name := '"' || replace(v_column.name, '"', '""') || '"';
        v_value := i_row || '.' || quoted_name;

        plain := case
            when v_column.type_id in ('text'::regtype, 'varchar'::regtype) then v_value
            when v_column.base_id = 'bool'::regtype then
                format('case when %1$s then ''t'' when not %1$s then ''f'' end', v_value)
            when not exists (
                select
                  from pg_cast as c
                 where c.castsource = v_column.base_id
                   and c.casttarget = 'text'::regtype
                   and (c.castmethod <> 'b' or v_column.base_id = 'xml'::regtype))
            then v_value || '::pg_catalog.text'
            else format('case when pg_catalog.num_nulls(%1$s) = 0 then pg_catalog.format(''%%s'', %1$s) end', v_value)
        end;
        url_part := format('pgq._urlencode(%s)', plain);
        -- What row_to_json writes as PgQ does; everything else goes in as text.
        json_part := format('%s as %s',
            case
                when v_column.type_id in (
                         'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype,
                         'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'uuid'::regtype, 'bytea'::regtype,
                         'date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                then v_value
                else plain
            end, quoted_name);
        return next;
    end loop;
end;
$$;
