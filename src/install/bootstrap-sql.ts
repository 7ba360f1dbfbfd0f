/**
 * The lock that every install holds: one at a time per database. The same first number as the tick lock of a queue,
 * whose second number, a queue id, is never 0.
 */
export const INSTALL_LOCK_SQL = 'select pg_catalog.pg_advisory_xact_lock(1885827445, 0)';

/**
 * Creates the record of what is installed. Safe to repeat. A role that may not create schemas can use one that
 * somebody made for it; `create schema if not exists` would ask for the right all the same.
 */
export const BOOTSTRAP_SQL = `do $bootstrap$
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
$bootstrap$`;
