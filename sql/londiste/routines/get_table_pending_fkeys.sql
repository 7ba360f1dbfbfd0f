-- Function: londiste.get_table_pending_fkeys(1)
--
-- Returns: the foreign keys from or to a table or its partitions that are taken off.
create or replace function londiste.get_table_pending_fkeys(
    p_table_name text
)
returns setof londiste.pending_fkeys
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select f.*
      from londiste.pending_fkeys as f
     where exists (select
                     from londiste._partition_ancestors(f.from_table) as a
                    where a = londiste.make_fqname(p_table_name))
        or exists (select
                     from londiste._partition_ancestors(f.to_table) as a
                    where a = londiste.make_fqname(p_table_name))
     order by f.from_table, f.fkey_name;
$$;
