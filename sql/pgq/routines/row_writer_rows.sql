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

-- Function: pgq._urlencoded_row(5)
--
-- The statements of a row writer that put the urlencoded row into a variable. The encoding is done once for the whole
-- row: with few replacements when the values have no rare characters; with all of them and two control characters
-- in place of = and & when they are printable ASCII; otherwise value by value. i_is_free says which columns may hold
-- any character; the others have letters, digits and the punctuation of numbers and times.
--
-- Returns: text, PL/pgSQL.
create or replace function pgq._urlencoded_row(
    i_columns   text[],
    i_plain     text[],
    i_encoded   text[],
    i_is_free   boolean[],
    i_variable  text
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when count(*) = 0 then format($code$
    %s := '';$code$, i_variable)
        -- Names that are encoded themselves.
        when not bool_and(c.name = c.url_name) then format($code$
    %s := %s;$code$, i_variable, string_agg(c.url_pair, ' || ' order by c.nr))
        else format($code$
    pgq_result := %2$s;
    if pgq_result !~ '[^ 0-9A-Za-z_.:@/,+-]' then
        %1$s := %3$s;
        %1$s := %4$s;
    elsif pgq_result !~ '[^ -~]' then
        %1$s := %5$s;
        %1$s := pg_catalog.translate(%6$s, E'\x1e\x1f', '=&');
    else
        %1$s := %7$s;
    end if;$code$,
            i_variable,
            coalesce('pg_catalog.concat(' || string_agg(c.plain, ', ' order by c.nr) filter (where c.is_free) || ')', ''''''),
            string_agg(
                format('%L || coalesce(''='' || %s, '''')', case when c.nr > 1 then '&' else '' end || c.name, c.plain),
                ' || ' order by c.nr),
            pgq._replace_chain(i_variable, '+ :@/,'),
            string_agg(
                format('%L || coalesce(E''\x1e'' || %s, '''')', case when c.nr > 1 then E'\x1f' else '' end || c.name, c.plain),
                ' || ' order by c.nr),
            pgq._replace_chain(i_variable, '%=!"#$''()*;<>?[\]^`{|}~&+ :@/,'),
            string_agg(c.url_pair, ' || ' order by c.nr))
    end
      from (
               select u.name, u.plain, u.is_free, u.nr,
                      pgq._urlencode(u.name) as url_name,
                      format('%L || coalesce(''='' || %s, '''')',
                             case when u.nr > 1 then '&' else '' end || pgq._urlencode(u.name), u.encoded) as url_pair
                 from unnest(i_columns, i_plain, i_encoded, i_is_free)
                          with ordinality as u (name, plain, encoded, is_free, nr)
           ) as c;
$$;

-- Function: pgq._json_row(3)
--
-- The statement of a row writer that puts the row as a JSON object into a variable. A call of concat takes 100
-- arguments, so that a wide row is put together of several.
--
-- Returns: text, PL/pgSQL.
create or replace function pgq._json_row(
    i_columns   text[],
    i_values    text[],
    i_variable  text
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format($code$
    %s := pg_catalog.concat('{', %s '}');$code$, i_variable, string_agg(g.part || ', ', '' order by g.nr))
      from (
               select c.nr / 40,
                      'pg_catalog.concat(' || string_agg(
                          format('%L, %s', case when c.nr > 1 then ',' else '' end || to_json(c.name) || ':', c.value),
                          ', ' order by c.nr) || ')'
                 from unnest(i_columns, i_values) with ordinality as c (name, value, nr)
                group by c.nr / 40
           ) as g (nr, part);
$$;
