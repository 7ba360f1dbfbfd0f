-- Who may call what. Safe to repeat. Roles that could not be created are passed over: the owner can do everything.
-- Trigger functions need no right of the writer: PostgreSQL checks it when the trigger is created.

revoke all on all functions in schema pgcascade from public;
grant usage on schema pgcascade to public;

do $$
declare
    v_grant text;
begin
    for v_grant in
        -- What a subscriber's worker and compare do on their provider.
        select format('grant execute on function %s to pgq_reader', p.oid::regprocedure)
          from pg_catalog.pg_proc as p
         where p.pronamespace = 'pgcascade'::regnamespace
           and p.proname in ('insert_snapshot_tick', 'completed_tick', 'queue_retention', 'forget_dropped_consumer')
        union all
        -- What a producer does.
        select format('grant execute on function %s to pgq_writer', p.oid::regprocedure)
          from pg_catalog.pg_proc as p
         where p.pronamespace = 'pgcascade'::regnamespace
           and p.proname = 'insert_events'
        union all
        select format('grant execute on function %s to pgq_admin', p.oid::regprocedure)
          from pg_catalog.pg_proc as p
         where p.pronamespace = 'pgcascade'::regnamespace
           and p.proname !~ '^(install_|capture_[0-9]+_)'
        union all
        select format('grant select on table %s to %s', c.oid::regclass, r.role_name)
          from pg_catalog.pg_class as c
         cross join (values ('pgq_reader'), ('pgq_admin')) as r(role_name)
         where c.relnamespace = 'pgcascade'::regnamespace
           and c.relkind = 'r'
        union all
        select format('grant insert, update, delete on table %s to pgq_admin', c.oid::regclass)
          from pg_catalog.pg_class as c
         where c.relnamespace = 'pgcascade'::regnamespace
           and c.relkind = 'r'
           -- What is in ranged_copy is run as a statement, by whoever removes the table.
           and c.relname not in ('migration', 'ranged_copy')
        union all
        select format('grant usage on sequence %s to pgq_admin', c.oid::regclass)
          from pg_catalog.pg_class as c
         where c.relnamespace = 'pgcascade'::regnamespace
           and c.relkind = 'S'
    loop
        if exists (
            select
              from pg_catalog.pg_roles as r
             where r.rolname = substring(v_grant from ' to (pgq_[a-z]+)$')
        ) then
            execute v_grant;
        end if;
    end loop;
end;
$$;
