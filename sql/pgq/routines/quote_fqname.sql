-- Function: pgq.quote_fqname(1)
--
-- Quotes a stored object name, `schema.name`, for use in SQL. The first dot splits; no dot means schema public.
--
-- Returns: text, for example `public."Order Lines"`; null for null.
create or replace function pgq.quote_fqname(
    i_name  text
)
returns text
language sql
immutable
strict
as $$
    select case
        when pg_catalog.strpos(i_name, '.') > 0 then
            pg_catalog.quote_ident(pg_catalog.split_part(i_name, '.', 1))
            || '.'
            || pg_catalog.quote_ident(pg_catalog.substr(i_name, pg_catalog.strpos(i_name, '.') + 1))
        else
            'public.' || pg_catalog.quote_ident(i_name)
    end;
$$;
