-- Function: londiste.find_table_fkeys(1)
--
-- Lists the foreign keys from or to a table, and from or to its partitions where they have some of their own.
-- A partition's share in its parent's foreign key is not listed: it goes and comes with the parent's.
--
-- Returns: rows as londiste.pending_fkeys would hold them; fkey_def is a statement that creates the key as it is,
--          a key that is not validated stays so.
create or replace function londiste.find_table_fkeys(
    p_table_name text
)
returns setof londiste.pending_fkeys
language sql
stable
-- The definitions are to be readable under any search path, so none may be in force here.
set search_path = pg_catalog, pg_temp
as $$
    with recursive tree(relation) as (
        select londiste.find_table_oid(p_table_name)
        union all
        select i.inhrelid
          from tree as t
          join pg_catalog.pg_inherits as i
            on i.inhparent = t.relation
          join pg_catalog.pg_class as c
            on c.oid = i.inhrelid
           and c.relispartition
    )
    select fn.nspname || '.' || fc.relname,
           tn.nspname || '.' || tc.relname,
           k.conname::text,
           format('alter table %s%I.%I add constraint %I %s',
                  -- A foreign key of a partitioned table is one of its partitions too.
                  case when fc.relkind = 'p' then '' else 'only ' end,
                  fn.nspname, fc.relname, k.conname, pg_get_constraintdef(k.oid))
      from pg_catalog.pg_constraint as k
      join pg_catalog.pg_class as fc
        on fc.oid = k.conrelid
      join pg_catalog.pg_namespace as fn
        on fn.oid = fc.relnamespace
      join pg_catalog.pg_class as tc
        on tc.oid = k.confrelid
      join pg_catalog.pg_namespace as tn
        on tn.oid = tc.relnamespace
     where k.contype = 'f'
       and (k.conrelid in (select t.relation from tree as t)
            or k.confrelid in (select t.relation from tree as t))
       -- The column is not there before PostgreSQL 11, which has no shared foreign keys either.
       and coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0'
     order by 1, 3;
$$;
