-- Which tables a change was of, so that a worker with thousands of tables reads only those.

create table pgcascade.table_version (
    queue_name  text not null,
    table_name  text not null,
    version     bigint not null,
    constraint table_version_pkey primary key (queue_name, table_name)
);
create index table_version_queue_name_version_idx on pgcascade.table_version (queue_name, version);
comment on table pgcascade.table_version is 'The last change to each table''s registration, error or conflict policy; tables that were removed keep theirs.';
comment on column pgcascade.table_version.queue_name is 'Queue of the table.';
comment on column pgcascade.table_version.table_name is 'Name of the table in the queue.';
comment on column pgcascade.table_version.version is 'What pgcascade.registry_version was made by that change.';
