-- Function: londiste.periodic_maintenance(0)
--
-- Forgets scripts that were executed more than three months ago. Called by the ticker's maintenance. Safe to repeat.
--
-- Returns: 0, nothing more to do now.
create or replace function londiste.periodic_maintenance()
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    delete from londiste.applied_execute as e
     where e.execute_time < now() - interval '3 months';
    select 0;
$$;
