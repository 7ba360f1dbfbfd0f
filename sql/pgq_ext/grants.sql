-- Rights on schema pgq_ext: pgq_writer calls its routines, everybody its version. Without that role everything belongs
-- to the owner. Safe to repeat.

revoke all on all functions in schema pgq_ext from public;
grant usage on schema pgq_ext to public;
grant execute on function pgq_ext.version() to public;

do $$
declare
    v_routine  regprocedure;
begin
    if not exists (select from pg_catalog.pg_roles as r where r.rolname = 'pgq_writer') then
        return;
    end if;
    for v_routine in
        select p.oid
          from pg_catalog.pg_proc as p
         where p.pronamespace = 'pgq_ext'::regnamespace
           and p.proname <> 'version'
         order by p.oid
    loop
        execute 'grant execute on function ' || v_routine::text || ' to pgq_writer';
    end loop;
end;
$$;
