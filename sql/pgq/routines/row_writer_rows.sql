-- Function: pgq._replace_chain(2)
--
-- Returns: text, an expression that urlencodes some characters of a text: nested calls of replace, in their order.
create or replace function pgq._replace_chain(
    i_expression  text,
    i_characters  text
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_character  text;
begin
    foreach v_character in array string_to_array(i_characters, null) loop
        i_expression := format('pg_catalog.replace(%s, %L, %L)', i_expression, v_character,
            case v_character when ' ' then '+' else '%' || encode(convert_to(v_character, 'SQL_ASCII'), 'hex') end);
    end loop;
    return i_expression;
end;
$$;

-- Function: pgq._urlencoded_row(4)
--
-- The statements of a row writer that put the urlencoded row into a variable. The encoding is done once for the whole
-- row, in which two control characters stand for = and &, as long as it has printable ASCII characters only and no
-- value has one of the two; otherwise value by value.
--
-- Returns: text, PL/pgSQL.
create or replace function pgq._urlencoded_row(
    i_columns   text[],
    i_plain     text[],
    i_encoded   text[],
    i_variable  text
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case count(*)
        when 0 then format($code$
    %s := '';$code$, i_variable)
        else format($code$
    %1$s := %2$s;
    if %1$s ~ E'[^ -~\x1e\x1f]'
       or pg_catalog.length(%1$s) - pg_catalog.length(pg_catalog.translate(%1$s, E'\x1e\x1f', ''))
          <> %3$s + pg_catalog.num_nonnulls(%4$s)
    then
        %1$s := %5$s;
    else
        if %1$s ~ '[%%=!"#$''()*;<>?[\\\]^`{|}~]' then
            %1$s := %6$s;
        end if;
        %1$s := pg_catalog.translate(%7$s, E'\x1e\x1f', '=&');
    end if;$code$,
            i_variable,
            string_agg(
                format('%L || coalesce(E''\x1e'' || %s, '''')', case when c.nr > 1 then E'\x1f' else '' end || c.name, c.plain),
                ' || ' order by c.nr),
            count(*) - 1,
            string_agg(c.plain, ', ' order by c.nr),
            string_agg(
                format('%L || coalesce(''='' || %s, '''')',
                       case when c.nr > 1 then '&' else '' end || pgq._urlencode(c.name), c.encoded),
                ' || ' order by c.nr),
            pgq._replace_chain(i_variable, '%=!"#$''()*;<>?[\]^`{|}~'),
            pgq._replace_chain(i_variable, '&+ :@/,'))
    end
      from unnest(i_columns, i_plain, i_encoded) with ordinality as c (name, plain, encoded, nr);
$$;

-- Function: pgq._json_row(2)
--
-- The statement of a row writer that puts the row as a JSON object into a variable.
--
-- Returns: text, PL/pgSQL.
create or replace function pgq._json_row(
    i_parts     text[],
    i_variable  text
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when coalesce(cardinality(i_parts), 0) = 0 then format($code$
    %s := '{}';$code$, i_variable)
        else format($code$
    select pg_catalog.row_to_json(pgq_row)::pg_catalog.text
      into %s
      from (select %s) as pgq_row;$code$, i_variable, array_to_string(i_parts, ', '))
    end;
$$;
