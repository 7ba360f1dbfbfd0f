-- Function: pgcascade.capture_key_columns(2)
--
-- Which columns of a row that has gone an event carries: those of the key, or all (null) when there is none.
--
-- Returns: an array, or null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_key_columns(
    p_key_columns  text[]
)
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when cardinality(p_key_columns) > 0 then p_key_columns end;
$$;

-- Function: pgcascade.capture_same_key(4)
--
-- The SQL condition that two rows of a table have the same key.
--
-- Returns: an expression of type boolean over the two row aliases; `true` without a key.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_same_key(
    p_relation     oid,
    p_key_columns  text[],
    p_one          text,
    p_other        text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(
            string_agg(format('%s.%I %s %s.%I', p_one, k.name, k.operator, p_other, k.name), ' and ' order by k.position), 'true'
        )
          from unnest(p_key_columns, (pgcascade.table_key(p_relation)).operators)
               with ordinality as k(name, operator, position)
    );
end;
$$;

-- Function: pgcascade.capture_rows(10)
--
-- The statement that writes the events of one operation, from two sources of rows: the transition tables of a statement
-- trigger, or rows of the same shape.
--
-- An update is a full join of old and new rows by key: a key on both sides is an UPDATE, one that went is a DELETE,
-- one that came is an INSERT, whatever the statement did to the keys (`set id = id + 1` too). Without a key old and
-- new rows belong together by their position, and the old row travels along.
--
-- p_operation: INSERT, UPDATE, DELETE or TRUNCATE. p_is_one: there is one row on each side, so an update needs no join;
-- it writes nothing when the key has changed. p_condition: a condition besides, without which nothing is written (for inserts,
-- deletes and updates with p_is_one).
--
-- Returns: an SQL statement ending in a semicolon, in which every name is qualified.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_rows(text, text, oid, text, text[], text, text, text, boolean);
create or replace function pgcascade.capture_rows(
    p_format       text,
    p_operation    text,
    p_relation     oid,
    p_table_name   text,
    p_key_columns  text[],
    p_events       text,
    p_old_rows     text default 'old_rows',
    p_new_rows     text default 'new_rows',
    p_is_one       boolean default false,
    p_condition    text default null
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_keyed    boolean := cardinality(p_key_columns) > 0;
    v_type     text := quote_literal(pgcascade.capture_event_type(p_format, p_operation, p_table_name, p_key_columns));
    v_name     text := quote_literal(p_table_name);
    v_new_key  text;
    v_old_key  text;
    v_new      record;
    v_old      record;
    v_came     text;
    v_went     text;
begin
    if p_operation = 'TRUNCATE' then
        return pgcascade.capture_insert(
            p_events, v_type, quote_literal(case p_format when 'urlenc' then '' else '{}' end), v_name, 'null', 'null', ''
        );
    end if;

    if p_operation <> 'DELETE' then
        v_new_key := pgcascade.capture_key(p_relation, 'n', p_key_columns);
        select * into v_new from pgcascade.capture_row(p_format, p_relation, 'n', 'pgc_new', null);
    end if;
    if p_operation <> 'INSERT' and not p_is_one then
        v_old_key := pgcascade.capture_key(p_relation, 'o', p_key_columns);
        select * into v_old
          from pgcascade.capture_row(p_format, p_relation, 'o', 'pgc_old', pgcascade.capture_key_columns(p_key_columns));
    end if;
    if p_operation = 'INSERT' then
        return pgcascade.capture_insert(
            p_events, v_type, v_new.row_text, v_name, 'null', v_new_key,
            format('%s as n cross join lateral (%s) as pgc_new%s', p_new_rows, v_new.source, E'\n         where ' || p_condition)
        );
    elsif p_operation = 'DELETE' then
        return pgcascade.capture_insert(
            p_events, v_type, v_old.row_text, v_name, 'null', v_old_key,
            format('%s as o cross join lateral (%s) as pgc_old%s', p_old_rows, v_old.source, E'\n         where ' || p_condition)
        );
    elsif p_is_one then
        return pgcascade.capture_insert(
            p_events, v_type, v_new.row_text, v_name, 'null', v_new_key,
            format(
                E'%s as o cross join %s as n\n         cross join lateral (%s) as pgc_new\n         where %s and %s%s',
                p_old_rows, p_new_rows, v_new.source, pgcascade.capture_same_key(p_relation, p_key_columns, 'o', 'n'),
                pgcascade.capture_changed(p_relation, 'o', 'n'), E'\n           and ' || p_condition
            )
        );
    elsif not v_keyed then
        return pgcascade.capture_insert(
            p_events, v_type, v_new.row_text, v_name, v_old.row_text, 'null',
            format(
                E'(select pg_catalog.row_number() over () as pgc_position, pgc_x as pgc_row from %s as pgc_x) as pgc_o\n'
                '          join (select pg_catalog.row_number() over () as pgc_position, pgc_x as pgc_row from %s as pgc_x) as pgc_n\n'
                '            on pgc_o.pgc_position operator(pg_catalog.=) pgc_n.pgc_position\n'
                '         cross join lateral (select (pgc_o.pgc_row).*) as o\n'
                '         cross join lateral (select (pgc_n.pgc_row).*) as n\n'
                '         cross join lateral (%s) as pgc_old\n'
                '         cross join lateral (%s) as pgc_new\n'
                '         where %s\n'
                '         order by pgc_n.pgc_position',
                p_old_rows, p_new_rows, v_old.source, v_new.source, pgcascade.capture_changed(p_relation, 'o', 'n')
            )
        );
    end if;

    v_came := format('o.%I is null', p_key_columns[1]);
    v_went := format('n.%I is null', p_key_columns[1]);
    return pgcascade.capture_insert(
        p_events,
        format(
            'case when %s then %L when %s then %L else %s end',
            v_came, pgcascade.capture_event_type(p_format, 'INSERT', p_table_name, p_key_columns),
            v_went, pgcascade.capture_event_type(p_format, 'DELETE', p_table_name, p_key_columns),
            v_type
        ),
        format('case when %s then %s else %s end', v_went, v_old.row_text, v_new.row_text),
        v_name,
        'null',
        format('case when %s then %s else %s end', v_went, v_old_key, v_new_key),
        format(
            E'%s as o full join %s as n on (%s)\n'
            '         cross join lateral (%s) as pgc_old\n'
            '         cross join lateral (%s) as pgc_new\n'
            '         where %s or %s or %s',
            p_old_rows, p_new_rows, pgcascade.capture_same_key(p_relation, p_key_columns, 'o', 'n'), v_old.source, v_new.source,
            v_came, v_went, pgcascade.capture_changed(p_relation, 'o', 'n')
        )
    );
end;
$$;

-- Function: pgcascade.capture_by_row(6)
--
-- The body of one generated row trigger function for one event table, for all three operations.
--
-- With a key: an update that changes it is a DELETE and an INSERT. Without: the old row travels along. With p_condition: a
-- condition without which nothing is written; an update that changes the key writes nothing then.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_by_row(text, oid, text, text[], text);
create or replace function pgcascade.capture_by_row(
    p_format       text,
    p_relation     oid,
    p_table_name   text,
    p_key_columns  text[],
    p_events       text,
    p_condition    text default null
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_keyed   boolean := cardinality(p_key_columns) > 0;
    v_name    text := quote_literal(p_table_name);
    v_new     record;
    v_old     record;
    v_insert  text;
    v_delete  text;
    v_update  text;
    v_same    text := pgcascade.capture_same_key(p_relation, p_key_columns, 'old', 'new');
    v_changed text := pgcascade.capture_changed(p_relation, 'old', 'new');
    v_from_new text;
    v_from_old text;
begin
    select * into v_new from pgcascade.capture_row(p_format, p_relation, 'new', 'pgc_new', null);
    select * into v_old
      from pgcascade.capture_row(p_format, p_relation, 'old', 'pgc_old', pgcascade.capture_key_columns(p_key_columns));
    v_from_new := coalesce('(' || v_new.source || ') as pgc_new', '');
    v_from_old := coalesce('(' || v_old.source || ') as pgc_old', '');
    v_insert := pgcascade.capture_insert(
        p_events, quote_literal(pgcascade.capture_event_type(p_format, 'INSERT', p_table_name, p_key_columns)),
        v_new.row_text, v_name, 'null', pgcascade.capture_key(p_relation, 'new', p_key_columns),
        v_from_new, p_condition
    );
    v_delete := pgcascade.capture_insert(
        p_events, quote_literal(pgcascade.capture_event_type(p_format, 'DELETE', p_table_name, p_key_columns)),
        v_old.row_text, v_name, 'null', pgcascade.capture_key(p_relation, 'old', p_key_columns),
        v_from_old, p_condition
    );
    v_update := pgcascade.capture_insert(
        p_events, quote_literal(pgcascade.capture_event_type(p_format, 'UPDATE', p_table_name, p_key_columns)),
        v_new.row_text, v_name,
        case when v_keyed then 'null' else v_old.row_text end,
        pgcascade.capture_key(p_relation, 'new', p_key_columns),
        concat_ws(' cross join ', nullif(v_from_new, ''), case when not v_keyed then nullif(v_from_old, '') end),
        p_condition
    );
    if p_condition is not null then
        return format(
            $f$        if tg_op operator(pg_catalog.=) 'INSERT' then
%s
        elsif tg_op operator(pg_catalog.=) 'DELETE' then
%s
        elsif %s and %s then
%s
        end if;$f$,
            v_insert, v_delete, v_same, v_changed, v_update
        );
    end if;
    return format(
        $f$        if tg_op operator(pg_catalog.=) 'INSERT' then
%1$s
        elsif tg_op operator(pg_catalog.=) 'DELETE' then
%2$s
        elsif %3$s then
            if %4$s then
%5$s
            end if;
        else
%2$s
%1$s
        end if;$f$,
        v_insert, v_delete, v_same, v_changed, v_update
    );
end;
$$;
