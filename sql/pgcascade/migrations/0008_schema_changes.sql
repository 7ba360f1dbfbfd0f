-- What was changed on captured tables without a script, and the partitions that a captured table has.

create table pgcascade.schema_change (
    change_no    bigserial not null,
    queue_name   text not null,
    table_name   text not null,
    outcome      text not null,
    message      text not null,
    happened_at  timestamptz not null default pg_catalog.now(),
    constraint schema_change_pkey primary key (change_no)
);
comment on table pgcascade.schema_change is 'Changes to replicated tables that were made without "execute", and what came of them. Kept for 30 days.';
comment on column pgcascade.schema_change.change_no is 'In the order in which they were noticed.';
comment on column pgcascade.schema_change.queue_name is 'Queue of the table.';
comment on column pgcascade.schema_change.table_name is 'Name of the table in the queue.';
comment on column pgcascade.schema_change.outcome is 'renewed, renamed, copied anew, dropped, partition added, partition removed.';
comment on column pgcascade.schema_change.message is 'What happened and what to do, for people.';
comment on column pgcascade.schema_change.happened_at is 'When it was noticed: within the change itself, or by the ticker.';

create table pgcascade.captured_partition (
    queue_name  text not null,
    table_name  text not null,
    relation    oid not null,
    constraint captured_partition_pkey primary key (queue_name, table_name, relation)
);
comment on table pgcascade.captured_partition is 'The partitions of a captured table when its triggers were made: what is attached or detached later is noticed.';
comment on column pgcascade.captured_partition.queue_name is 'Queue of the table.';
comment on column pgcascade.captured_partition.table_name is 'Name of the table in the queue.';
comment on column pgcascade.captured_partition.relation is 'A partition that holds rows.';
