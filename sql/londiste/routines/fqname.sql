-- Function: londiste.make_fqname(1)
--
-- Returns: the name with its schema, unquoted; a name without a dot is of schema public.
create or replace function londiste.make_fqname(
    p_name text
)
returns text
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
    select case when strpos(p_name, '.') > 0 then p_name else 'public.' || p_name end;
$$;

-- Function: londiste.split_fqname(1)
--
-- Returns: schema and name; the first dot separates them, a name without a dot is of schema public.
create or replace function londiste.split_fqname(
    p_fqname        text,
    out schema_part text,
    out name_part   text
)
returns record
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
    select case when strpos(p_fqname, '.') > 0 then left(p_fqname, strpos(p_fqname, '.') - 1) else 'public' end,
           substr(p_fqname, strpos(p_fqname, '.') + 1);
$$;

-- Function: londiste.quote_fqname(1)
--
-- Returns: the name with its schema, both quoted where SQL needs it.
create or replace function londiste.quote_fqname(
    p_name text
)
returns text
language sql
immutable
strict
set search_path = pg_catalog, pg_temp
as $$
    select quote_ident(f.schema_part) || '.' || quote_ident(f.name_part)
      from londiste.split_fqname(p_name) as f;
$$;
