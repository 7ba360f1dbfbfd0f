-- Function: pgcascade.capture_pair(4)
--
-- The SQL of one column in urlencoded data, as PgQ's logutriga writes it: `name=value`, `name` alone for null.
--
-- Returns: an expression of type text over the column of the lateral subquery p_as.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_pair(
    p_follows   boolean,
    p_column    text,
    p_relation  oid,
    p_as        text
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $q$%L operator(pg_catalog.||) coalesce('=' operator(pg_catalog.||) %s(%s), '')$q$,
        case when p_follows then '&' else '' end || pgcascade.urlencode(p_column),
        -- That of our own pgq is the faster one; a stock PgQ has none.
        case when to_regprocedure('pgq._urlencode(text)') is null then 'pgcascade.urlencode' else 'pgq._urlencode' end,
        format(
            -- The casts to text of these two are not what the types write.
            case b.oid
                when 'bool'::regtype then $q$case when %1$I.%2$I then 't' when not %1$I.%2$I then 'f' end$q$
                when 'bpchar'::regtype then 'pg_catalog.textin(pg_catalog.bpcharout(%1$I.%2$I))'
                else '%1$I.%2$I::pg_catalog.text'
            end,
            p_as, p_column
        )
    )
      from pg_attribute as a
     cross join lateral pgcascade.base_type(a.atttypid) as b
     where a.attrelid = p_relation
       and a.attname = p_column;
$$;

-- Function: pgcascade.travels_whole(1)
--
-- Whether the events of a row trigger have every column of a table, and each as PostgreSQL's JSON has it, so that the row as the
-- trigger has it is the event's data. In a partition its columns have the partition's order: without a key events name a row
-- by all of its text, so there it has to be the order of the table.
--
-- Returns: true or false; false for a table without columns.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.travels_whole(
    p_relation  oid
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select count(*) > 0
               and count(*) = count(*) filter (where c.expression = format('r.%I', a.attname))
               and (
                   (select t.relkind from pg_class as t where t.oid = p_relation) <> 'p'
                   or cardinality((pgcascade.table_key(p_relation)).key_columns) > 0
               )
          from pg_attribute as a
          left join pgcascade.capture_expressions(p_relation, 'r', null) as c on c.column_name = a.attname
         where a.attrelid = p_relation
           and a.attnum > 0
           and not a.attisdropped
    );
end;
$$;

-- Function: pgcascade.capture_row(5)
--
-- The SQL of one row as an event's data in a capture format, in two parts that belong together: a lateral subquery with
-- the columns as they travel, and the expression that turns it into text.
--
-- Returns: one row: `source`, to be used as `cross join lateral (<source>) as <p_as>`, and `row_text`, of type text.
--          Only the columns p_only when that is not null. Of the whole rows `old` and `new` of a row trigger as JSON `source` is
--          null where they travel as they are (pgcascade.travels_whole): `row_text` needs none then, which is cheaper.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_row(
    p_format    text,
    p_relation  oid,
    p_alias     text,
    p_as        text,
    p_only      text[],
    out source    text,
    out row_text  text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_format = 'json' and p_alias in ('old', 'new') and p_only is null and pgcascade.travels_whole(p_relation) then
        row_text := format('pg_catalog.row_to_json(%s)::pg_catalog.text', p_alias);
        return;
    end if;
    -- Not SQL functions, here and below, which would be planned at each call: a table asks for them some fifty times.
    select 'select ' || coalesce(string_agg(format('%s as %I', c.expression, c.column_name), ', ' order by c.position), ''),
           case
               when p_format = 'urlenc'
               then coalesce(
                   string_agg(
                       case
                           when p_format = 'urlenc'
                           then pgcascade.capture_pair(c.position > 1, c.column_name, p_relation, p_as)
                       end,
                       ' operator(pg_catalog.||) ' order by c.position
                   ),
                   quote_literal('')
               )
               when count(*) = 0 then $q$'{}'$q$
               else format('pg_catalog.row_to_json(%I.*)::pg_catalog.text', p_as)
           end
      into source, row_text
      from (
          select c.column_name, c.expression, row_number() over () as position
            from pgcascade.capture_expressions(p_relation, p_alias, p_only) as c
      ) as c;
end;
$$;

-- Function: pgcascade.capture_key(3)
--
-- The SQL expression of a row's key as one canonical text: the value's text, or that of a row of the values.
--
-- Returns: an expression of type text over the row alias p_alias; `null::text` without a key.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_key(
    p_relation     oid,
    p_alias        text,
    p_key_columns  text[]
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case cardinality(p_key_columns)
                   when 0 then 'null::pg_catalog.text'
                   when 1 then max(c.expression) || '::pg_catalog.text'
                   else format('row(%s)::pg_catalog.text', string_agg(c.expression, ', ' order by array_position(p_key_columns, c.column_name)))
               end
          from pgcascade.capture_expressions(p_relation, p_alias, p_key_columns) as c
    );
end;
$$;

-- Function: pgcascade.capture_changed(3)
--
-- The SQL condition that two rows of a table differ in a column that is replicated, byte for byte.
--
-- Returns: an expression of type boolean over the two row aliases; for `old` and `new`, the rows of a row trigger, one that
--          stands by itself, not in a statement in which columns may have these names.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_changed(
    p_relation  oid,
    p_one       text,
    p_other     text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            -- Cheaper than a row that is put together.
            when count(*) = (
                     select count(*)
                       from pg_attribute as a
                      where a.attrelid = p_relation
                        and a.attnum > 0
                        and not a.attisdropped
                 )
                 and count(*) > 0
            then format(
                case p_one
                    when 'old' then '%s operator(pg_catalog.*<>) %s'
                    else '(%s.*)::pg_catalog.record operator(pg_catalog.*<>) (%s.*)::pg_catalog.record'
                end,
                p_one, p_other
            )
            -- The cast keeps the parser from comparing column by column, for which json and others have no operator.
            else format(
                'row(%s)::pg_catalog.record operator(pg_catalog.*<>) row(%s)::pg_catalog.record',
                coalesce(string_agg(format('%s.%I', p_one, c.column_name), ', '), 'null'),
                coalesce(string_agg(format('%s.%I', p_other, c.column_name), ', '), 'null')
            )
        end
          from pgcascade.capture_expressions(p_relation, p_one, null) as c
    );
end;
$$;

-- Function: pgcascade.capture_event_type(4)
--
-- The ev_type of an event in a capture format: the operation, the table and its key as compact JSON, as PgQ's jsontriga
-- writes it, or the operation's letter and the key, as its logutriga does.
--
-- Returns: text.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_event_type(
    p_format       text,
    p_operation    text,
    p_table_name   text,
    p_key_columns  text[]
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            when p_format = 'urlenc' and p_operation = 'TRUNCATE' then 'R'
            when p_format = 'urlenc' then left(p_operation, 1) || ':' || array_to_string(p_key_columns, ',')
            else format(
                '{"op":"%s","table":[%s,%s],"pkey":[%s]}',
                p_operation,
                to_json(split_part(p_table_name, '.', 1)),
                to_json(substr(p_table_name, strpos(p_table_name, '.') + 1)),
                (select coalesce(string_agg(to_json(k.name)::text, ',' order by k.position), '')
                   from unnest(p_key_columns) with ordinality as k(name, position))
            )
        end
    );
end;
$$;

-- Function: pgcascade.capture_insert(8)
--
-- The SQL of one event insert: a select over the given source (one row where it is empty) whose rows become events, where
-- the condition holds when there is one.
--
-- Returns: a statement ending in a semicolon.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_insert(text, text, text, text, text, text, text);
create or replace function pgcascade.capture_insert(
    p_events    text,
    p_type      text,
    p_data      text,
    p_extra1    text,
    p_extra2    text,
    p_extra3    text,
    p_from      text,
    p_where     text default null
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select format(
            E'        insert into %s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3)\n'
            '        select pg_catalog.now(), %s, %s, %s, %s, %s%s%s;',
            p_events, p_type, p_data, p_extra1, p_extra2, p_extra3, E'\n          from ' || nullif(p_from, ''), E'\n         where ' || p_where
        )
    );
end;
$$;
