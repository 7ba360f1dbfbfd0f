-- Function: pgq.upgrade_schema(0)
--
-- Creates the roles pgq_reader, pgq_writer and pgq_admin where they are missing. Whoever may not create roles gets a
-- notice: the grants to missing roles are then left out. Removes the row writers (pgq._make_row_writer) of tables
-- that are gone. Safe to repeat.
--
-- Returns: integer, 0: the tables are brought up to date by migrations.
create or replace function pgq.upgrade_schema()
returns integer
language plpgsql
as $$
declare
    v_role    record;
    v_writer  regprocedure;
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

    for v_writer in
        select p.oid::regprocedure
          from pg_catalog.pg_proc as p
         where p.pronamespace = 'pgq'::regnamespace
           and p.proname ~ '^_(logu|sql|json)triga_[0-9]+_[0-9a-f]{32}$'
           and not exists (
               select
                 from pg_catalog.pg_class as c
                where c.oid = pg_catalog.split_part(p.proname, '_', 3)::oid)
    loop
        execute 'drop function ' || v_writer::text;
    end loop;
    return 0;
end;
$$;
