-- Function: pgq.upgrade_schema(0)
--
-- Creates the roles pgq_reader, pgq_writer and pgq_admin where they are missing. Whoever may not create roles gets a
-- notice: the grants to missing roles are then left out. Safe to repeat.
--
-- Returns: integer, 0: the tables are brought up to date by migrations.
create or replace function pgq.upgrade_schema()
returns integer
language plpgsql
as $$
declare
    v_role  record;
begin
    for v_role in
        select r.role_name, r.options
          from (values
                   (1, 'pgq_reader', ''),
                   (2, 'pgq_writer', ''),
                   (3, 'pgq_admin', ' in role pgq_reader, pgq_writer')
               ) as r (nr, role_name, options)
         where not exists (select from pg_catalog.pg_roles as p where p.rolname = r.role_name)
         order by r.nr
    loop
        begin
            execute pg_catalog.format('create role %I%s', v_role.role_name, v_role.options);
        exception
            -- Roles are common to the cluster: another database may be installed at this moment.
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege or undefined_object then
                raise notice 'role % is missing and % may not create it', v_role.role_name, current_user;
        end;
    end loop;
    return 0;
end;
$$;
