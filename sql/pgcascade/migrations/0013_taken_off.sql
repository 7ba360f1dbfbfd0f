-- Subscribers whose role may not set session_replication_role, and what is taken off their tables for that. Tables whose
-- blocks are written twice.

create table pgcascade.unprivileged_worker (
    queue_name  text not null,
    since       timestamptz not null default pg_catalog.clock_timestamp(),
    constraint unprivileged_worker_pkey primary key (queue_name)
);
comment on table pgcascade.unprivileged_worker is 'Queues whose worker here may not set session_replication_role: foreign keys, triggers and rules are kept off the tables that it writes.';
comment on column pgcascade.unprivileged_worker.queue_name is 'Queue of the worker.';
comment on column pgcascade.unprivileged_worker.since is 'When the worker has found that.';

create table pgcascade.taken_off (
    relation     oid not null,
    table_name   text not null,
    kind         text not null,
    object_name  text not null,
    enabled      text not null,
    taken_at     timestamptz not null default pg_catalog.clock_timestamp(),
    constraint taken_off_pkey primary key (relation, kind, object_name),
    constraint taken_off_kind check (kind in ('trigger', 'rule')),
    constraint taken_off_enabled check (enabled in ('O', 'R'))
);
comment on table pgcascade.taken_off is 'Triggers and rules that do not act as they would, because a worker writes the table that may not set session_replication_role. Foreign keys are in londiste.pending_fkeys.';
comment on column pgcascade.taken_off.relation is 'The table.';
comment on column pgcascade.taken_off.table_name is 'Its name when they were taken off, for people.';
comment on column pgcascade.taken_off.kind is 'trigger or rule.';
comment on column pgcascade.taken_off.object_name is 'Name of the trigger or rule.';
comment on column pgcascade.taken_off.enabled is 'What it was, as in pg_trigger.tgenabled: O is disabled now, R is enabled always.';
comment on column pgcascade.taken_off.taken_at is 'When.';

create table pgcascade.written_again (
    queue_name  text not null,
    table_name  text not null,
    blocks      bigint not null,
    reason      text not null,
    last_at     timestamptz not null,
    constraint written_again_pkey primary key (queue_name, table_name)
) with (fillfactor = 50);
comment on table pgcascade.written_again is 'Blocks of changes that were refused the quick way and written again in another, since the start of the worker: nothing is lost, but it is slow.';
comment on column pgcascade.written_again.queue_name is 'Queue of the table.';
comment on column pgcascade.written_again.table_name is 'Name of the table in the queue.';
comment on column pgcascade.written_again.blocks is 'How many.';
comment on column pgcascade.written_again.reason is 'What the last one was refused for, without any value of a row.';
comment on column pgcascade.written_again.last_at is 'When that was.';
