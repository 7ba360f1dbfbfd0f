-- Function: londiste.find_rel_oid(2)
--
-- Returns: the oid of the relation of that name and kind (pg_class.relkind); null when there is none.
create or replace function londiste.find_rel_oid(
    p_name text,
    p_kind text
)
returns oid
language sql
stable
strict
set search_path = pg_catalog, pg_temp
as $$
    select c.oid
      from londiste.split_fqname(p_name) as f
      join pg_catalog.pg_namespace as n
        on n.nspname = f.schema_part::name
      join pg_catalog.pg_class as c
        on c.relnamespace = n.oid
       and c.relname = f.name_part::name
     where c.relkind::text = p_kind;
$$;

-- Function: londiste.find_table_oid(1)
--
-- Returns: the oid of the table, plain or partitioned; null when there is none.
create or replace function londiste.find_table_oid(
    p_name text
)
returns oid
language sql
stable
strict
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(londiste.find_rel_oid(p_name, 'r'), londiste.find_rel_oid(p_name, 'p'));
$$;

-- Function: londiste.find_seq_oid(1)
--
-- Returns: the oid of the sequence; null when there is none.
create or replace function londiste.find_seq_oid(
    p_name text
)
returns oid
language sql
stable
strict
set search_path = pg_catalog, pg_temp
as $$
    select londiste.find_rel_oid(p_name, 'S');
$$;
