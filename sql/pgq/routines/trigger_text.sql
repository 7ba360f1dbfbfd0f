-- Function: pgq._urlencode(1)
--
-- Encodes a text for a urlencoded row as PgQ does: digits, letters and ._- stay, a space is +, every other byte is
-- %xx in lower case.
--
-- Returns: text; null for null.
create or replace function pgq._urlencode(
    i_text  text
)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if i_text !~ '[^0-9A-Za-z_.-]' then
        return i_text;
    elsif i_text !~ '[^ -~]' then
        -- Printable ASCII: as many replacements as there are such characters are faster than a look at each character.
        return replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
               replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
               replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
               i_text,
               '%', '%25'), '+', '%2b'), ' ', '+'), ':', '%3a'), '@', '%40'),
               '/', '%2f'), ',', '%2c'), '=', '%3d'), '&', '%26'), '(', '%28'),
               ')', '%29'), '"', '%22'), '''', '%27'), '!', '%21'), '#', '%23'),
               '$', '%24'), '*', '%2a'), ';', '%3b'), '<', '%3c'), '>', '%3e'),
               '?', '%3f'), '[', '%5b'), '\', '%5c'), ']', '%5d'), '^', '%5e'),
               '`', '%60'), '{', '%7b'), '|', '%7c'), '}', '%7d'), '~', '%7e');
    end if;
    return (
        select string_agg(
                   case
                       when c.letter ~ '^[0-9A-Za-z_.-]$' then c.letter
                       when c.letter = ' ' then '+'
                       else regexp_replace(encode(convert_to(c.letter, getdatabaseencoding()), 'hex'), '(..)', '%\1', 'g')
                   end, '' order by c.nr)
          from regexp_split_to_table(i_text, '') with ordinality as c (letter, nr)
    );
end;
$$;

-- Function: pgq._output_text(1)
--
-- A value as its type writes it (booleans as t and f, char with its blanks), which a cast to text does not always give.
--
-- Returns: text; null for null.
create or replace function pgq._output_text(
    i_value  anyelement
)
returns text
language sql
stable
as $$
    select case when pg_catalog.num_nulls(i_value) = 0 then pg_catalog.format('%s', i_value) end;
$$;

-- Function: pgq._key_literal(1)
--
-- Returns: text, the value of a key column as an SQL literal.
-- Raises:  'logtriga: Unexpected NULL key value'.
create or replace function pgq._key_literal(
    i_text  text
)
returns text
language plpgsql
stable
as $$
begin
    if i_text is null then
        raise exception using message = 'logtriga: Unexpected NULL key value', errcode = 'XX000';
    end if;
    return pg_catalog.quote_literal(i_text);
end;
$$;
