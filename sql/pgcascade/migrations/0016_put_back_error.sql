-- What is kept off a table is remembered by the table's name in a dump. What could not be put back, and why.

alter table pgcascade.taken_off alter column relation type regclass using relation::regclass;
comment on column pgcascade.taken_off.relation is 'The table; its name in a dump, so that the record holds in the database that is restored from it.';

create table pgcascade.put_back_error (
    kind         text not null,
    table_name   text not null,
    object_name  text not null,
    message      text not null,
    last_at      timestamptz not null default pg_catalog.clock_timestamp(),
    constraint put_back_error_pkey primary key (kind, table_name, object_name),
    constraint put_back_error_kind check (kind in ('triggers', 'key'))
);
comment on table pgcascade.put_back_error is 'Triggers, rules and foreign keys that were taken off and could not be put back when it was tried last.';
comment on column pgcascade.put_back_error.kind is 'triggers: those of a table in pgcascade.taken_off, and its rules; key: one in londiste.pending_fkeys.';
comment on column pgcascade.put_back_error.table_name is 'The table, of a key the referencing one: schema.table, unquoted.';
comment on column pgcascade.put_back_error.object_name is 'Name of the key; empty for triggers.';
comment on column pgcascade.put_back_error.message is 'What the server said.';
comment on column pgcascade.put_back_error.last_at is 'When that was.';
