-- Function: pgq_node.upgrade_schema(0)
--
-- Kept for callers of the API: the schema is upgraded by the installer.
--
-- Returns: 0, the number of changes made.
create or replace function pgq_node.upgrade_schema()
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    select 0;
$$;
