-- Function: pgq.upgrade_schema(0)
--
-- Creates the roles pgq_reader, pgq_writer and pgq_admin where they are missing. Whoever may not create roles gets a
-- notice: the grants to missing roles are then left out. Removes the row writers (pgq._make_row_writer) of tables
-- that are gone, and makes the routines that are made of what is there. Safe to repeat.
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
           and p.proname ~ pgq._row_writer_pattern('(logu|sql|json)triga')
           and not exists (
               select
                 from pg_catalog.pg_class as c
                where c.oid = pg_catalog.split_part(p.proname, '_', 3)::oid)
    loop
        execute 'drop function ' || v_writer::text;
    end loop;
    -- An install waits for transactions that make row writers; they do not wait for it.
    perform pg_catalog.pg_advisory_xact_lock(1885827450, 0);
    perform pgq._make_generic_triggers();
    perform pgq._make_insert_event();
    return 0;
end;
$$;
