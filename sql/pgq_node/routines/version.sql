-- Function: pgq_node.version(0)
--
-- Returns: the version of the API that this schema implements.
create or replace function pgq_node.version()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select '3.5'::text;
$$;
