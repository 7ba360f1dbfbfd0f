-- Rights on schema pgq_coop: pgq_reader calls its routines, everybody its version. Without that role everything belongs
-- to the owner. Safe to repeat.

revoke all on all functions in schema pgq_coop from public;
grant usage on schema pgq_coop to public;
grant execute on function pgq_coop.version() to public;

do $$
declare
    v_routine  regprocedure;
begin
    if not exists (select from pg_catalog.pg_roles as r where r.rolname = 'pgq_reader') then
        return;
    end if;
    for v_routine in
        select p.oid
          from pg_catalog.pg_proc as p
         where p.pronamespace = 'pgq_coop'::regnamespace
           and p.proname <> 'version'
         order by p.oid
    loop
        execute 'grant execute on function ' || v_routine::text || ' to pgq_reader';
    end loop;
end;
$$;
