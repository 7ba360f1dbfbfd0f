-- Function: pgq_coop.version(0)
--
-- The version of the pgq_coop API that this schema offers.
--
-- Returns: text, always the same.
create or replace function pgq_coop.version()
returns text
language sql
immutable
as $$
    select '3.4'::text;
$$;
