-- Function: pgq.version(0)
--
-- The version of the PgQ API that this schema offers. Clients read its first digits.
--
-- Returns: text, always the same.
create or replace function pgq.version()
returns text
language sql
immutable
as $$
    select '3.5.2'::text;
$$;
