-- Function: londiste.version(0)
--
-- Returns: the version of the API that this schema implements: numbers and dots only, clients parse it.
create or replace function londiste.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '3.8'::text;
$$;
