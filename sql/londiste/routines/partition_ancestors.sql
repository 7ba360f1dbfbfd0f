-- Function: londiste._partition_ancestors(1)
--
-- Returns: the name itself (whether there is such a table or not) and the names of all partitioned tables above it.
create or replace function londiste._partition_ancestors(
    p_table_name text
)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive up(relation) as (
        select londiste.find_table_oid(p_table_name)
        union all
        select i.inhparent
          from up as u
          join pg_catalog.pg_class as c
            on c.oid = u.relation
           and c.relispartition
          join pg_catalog.pg_inherits as i
            on i.inhrelid = c.oid
    )
    select londiste.make_fqname(p_table_name)
    union
    select n.nspname || '.' || c.relname
      from up as u
      join pg_catalog.pg_class as c
        on c.oid = u.relation
      join pg_catalog.pg_namespace as n
        on n.oid = c.relnamespace;
$$;
