-- Function: londiste.is_replica_func(1)
--
-- Returns: true when a trigger function is one of replication, so that its triggers are not the user's.
create or replace function londiste.is_replica_func(
    p_function_oid oid
)
returns boolean
language sql
stable
strict
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
          from pg_catalog.pg_proc as p
          join pg_catalog.pg_namespace as n
            on n.oid = p.pronamespace
         where p.oid = p_function_oid
           and p.prorettype = 'pg_catalog.trigger'::regtype
           and (n.nspname = 'pgcascade'
                or n.nspname = 'pgq'
                   and p.proname in ('logtriga', 'logutriga', 'sqltriga', 'jsontriga')));
$$;
