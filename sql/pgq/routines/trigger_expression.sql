-- Function: pgq._bind_columns(3)
--
-- Puts the columns of a row into the expression of a trigger argument: every bare word that is exactly a column's name
-- becomes that column of the row variable. Words in quotes stay.
--
-- Returns: text, the expression.
create or replace function pgq._bind_columns(
    i_expression  text,
    i_columns     text[],
    i_row         text
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select string_agg(
                   case
                       when t.part[1] = any (i_columns) then i_row || '."' || t.part[1] || '"'
                       else t.part[1]
                   end, '' order by t.nr)
          from regexp_matches(
                   i_expression,
                   '([eE]''(?:[^''\\]|\\.|'''')*''|''(?:[^'']|'''')*''|"(?:[^"]|"")*"|[[:alpha:]_][[:alnum:]_$]*'
                   || '|[0-9][[:alnum:]_.]*|.)',
                   'g') with ordinality as t (part, nr)
    );
end;
$$;
