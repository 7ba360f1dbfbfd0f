-- The record of what is installed, and the routines that install the rest. Safe to repeat. It is the first thing that
-- an install runs; everything else goes through these routines, whether the program runs it or a DBA runs the script.

-- A role without CREATE on the database can install when somebody made the schema for it. `create schema if not
-- exists` asks for that right even when the schema is there.
do $$
begin
    if not exists (select from pg_catalog.pg_namespace where nspname = 'pgcascade') then
        create schema pgcascade;
        grant usage on schema pgcascade to public;
    end if;
    if pg_catalog.to_regclass('pgcascade.migration') is null then
        create table pgcascade.migration (
            schema_name  text not null,
            name         text not null,
            applied_at   timestamptz not null default pg_catalog.now(),
            constraint migration_pkey primary key (schema_name, name)
        );
        comment on table pgcascade.migration is 'migrations that were run in this database';
        comment on column pgcascade.migration.schema_name is 'schema that the migration belongs to';
        comment on column pgcascade.migration.name is 'file name without .sql';
        comment on column pgcascade.migration.applied_at is 'when it was run';
        grant select on pgcascade.migration to public;
    end if;
end;
$$;

-- Function: pgcascade.is_foreign_schema(1)
--
-- True when a schema was installed by somebody else: the stock extension, or the same without being an extension. It
-- is then used as it is and never touched.
--
-- Returns: boolean.
create or replace function pgcascade.is_foreign_schema(
    p_schema  text
)
returns boolean
language plpgsql
as $$
begin
    if p_schema = 'pgcascade' then
        return false;
    end if;
    return exists (select from pg_catalog.pg_extension as e where e.extname = p_schema)
        or (not exists (select from pgcascade.migration as m where m.schema_name = p_schema)
            and exists (
                    select
                      from pg_catalog.pg_class as c
                      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                     where n.nspname = p_schema
                ));
end;
$$;

-- Function: pgcascade.install_migration(3)
--
-- Runs a migration that was not run in this database. Safe to repeat.
--
-- Returns: boolean, true when it was run now.
create or replace function pgcascade.install_migration(
    p_schema  text,
    p_name    text,
    p_text    text
)
returns boolean
language plpgsql
as $$
begin
    if pgcascade.is_foreign_schema(p_schema)
       or exists (select from pgcascade.migration as m where m.schema_name = p_schema and m.name = p_name)
    then
        return false;
    end if;
    execute p_text;
    insert into pgcascade.migration (schema_name, name)
    values (p_schema, p_name);
    return true;
end;
$$;

-- Function: pgcascade.install_routines(3)
--
-- Loads one file of routines; p_names lists what it defines, and it must define all overloads of each. `create or
-- replace` refuses a routine whose result columns, parameter names or defaults differ from the installed one: the
-- overloads are then dropped first, and rights that were granted on them are given again where the signature is the
-- same. Safe to repeat.
--
-- Returns: void.
-- Raises:  dependent_objects_still_exist when such a routine is used by an object of the user's.
create or replace function pgcascade.install_routines(
    p_schema  text,
    p_names   text[],
    p_text    text
)
returns void
language plpgsql
as $$
declare
    v_routine  record;
    v_grants   text[][] := '{}';
begin
    if pgcascade.is_foreign_schema(p_schema) then
        return;
    end if;

    begin
        execute p_text;
        return;
    exception
        when invalid_function_definition then
            null;
    end;

    for v_routine in
        select p.oid::regprocedure::text as signature,
               array(
                   select pg_catalog.quote_ident(r.rolname)
                     from pg_catalog.aclexplode(p.proacl) as a
                     join pg_catalog.pg_roles as r on r.oid = a.grantee
                    where a.grantee <> p.proowner
               ) as grantees
          from pg_catalog.pg_proc as p
          join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
         where n.nspname = p_schema
           and p.proname = any (p_names)
    loop
        execute 'drop function ' || v_routine.signature;
        if v_routine.grantees <> '{}' then
            v_grants := v_grants || array[[v_routine.signature, pg_catalog.array_to_string(v_routine.grantees, ', ')]];
        end if;
    end loop;

    execute p_text;

    for i in 1 .. coalesce(pg_catalog.array_length(v_grants, 1), 0) loop
        if pg_catalog.to_regprocedure(v_grants[i][1]) is not null then
            execute 'grant execute on function ' || v_grants[i][1] || ' to ' || v_grants[i][2];
        end if;
    end loop;
end;
$$;

-- Function: pgcascade.install_grants(2)
--
-- Runs the grants of a schema. Safe to repeat.
--
-- Returns: void.
create or replace function pgcascade.install_grants(
    p_schema  text,
    p_text    text
)
returns void
language plpgsql
as $$
begin
    if not pgcascade.is_foreign_schema(p_schema) then
        execute p_text;
    end if;
end;
$$;

do $$
begin
    revoke all on function pgcascade.is_foreign_schema(text) from public;
    revoke all on function pgcascade.install_migration(text, text, text) from public;
    revoke all on function pgcascade.install_routines(text, text[], text) from public;
    revoke all on function pgcascade.install_grants(text, text) from public;
end;
$$;
