-- Function: pgq_ext.version(0)
--
-- The version of the pgq_ext API that this schema offers.
--
-- Returns: text, always the same.
create or replace function pgq_ext.version()
returns text
language sql
immutable
as $$
    select '3.1'::text;
$$;
