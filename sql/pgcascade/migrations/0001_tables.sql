-- What is ours beside the PgQ and Londiste API: capture plans, parked tables, the progress of copies.
-- The schema itself and pgcascade.migration are made by the installer before any other schema.

create table pgcascade.capture_plan (
    plan_no      serial not null,
    queue_name   text not null,
    table_name   text not null,
    dest_table   text not null,
    relation     oid not null,
    purpose      text not null,
    mode         text not null,
    reason       text not null,
    key_columns  text[] not null,
    key_source   text not null,
    created_at   timestamptz not null default pg_catalog.now(),
    constraint capture_plan_pkey primary key (queue_name, table_name),
    constraint capture_plan_no_uq unique (plan_no),
    constraint capture_plan_purpose_check check (purpose in ('capture', 'deny')),
    constraint capture_plan_mode_check check (mode in ('statement', 'mixed', 'row'))
);
comment on table pgcascade.capture_plan is 'How each replicated table is captured (root, branch) or closed to other writers (leaf).';
comment on column pgcascade.capture_plan.plan_no is 'Names the generated triggers and functions: pgcascade.capture_<plan_no>_....';
comment on column pgcascade.capture_plan.queue_name is 'Queue that the events go into.';
comment on column pgcascade.capture_plan.table_name is 'Name of the table in the queue (ev_extra1).';
comment on column pgcascade.capture_plan.dest_table is 'Name of the table in this database when the plan was made.';
comment on column pgcascade.capture_plan.relation is 'The table itself; stays right when it is renamed.';
comment on column pgcascade.capture_plan.purpose is 'capture: writes become events; deny: writes that are not replication are refused.';
comment on column pgcascade.capture_plan.mode is 'statement: triggers with transition tables; row: one call a row; mixed: inserts by statement, the rest by row.';
comment on column pgcascade.capture_plan.reason is 'Why the mode is not the cheapest one; empty when it is.';
comment on column pgcascade.capture_plan.key_columns is 'Columns that identify a row, in index order; empty without a key.';
comment on column pgcascade.capture_plan.key_source is 'Name of the primary key or unique index; empty without a key.';
comment on column pgcascade.capture_plan.created_at is 'When the triggers were generated.';

create table pgcascade.table_error (
    queue_name   text not null,
    table_name   text not null,
    tick_id      bigint not null,
    event_id     bigint,
    error_code   text not null,
    message      text not null,
    happened_at  timestamptz not null default pg_catalog.now(),
    constraint table_error_pkey primary key (queue_name, table_name)
);
comment on table pgcascade.table_error is 'Parked tables: replication of these has stopped, the others go on. Way back: resync.';
comment on column pgcascade.table_error.queue_name is 'Queue of the table.';
comment on column pgcascade.table_error.table_name is 'Name of the table in the queue.';
comment on column pgcascade.table_error.tick_id is 'End tick of the batch in which it happened.';
comment on column pgcascade.table_error.event_id is 'Event that could not be applied; null when the copy failed.';
comment on column pgcascade.table_error.error_code is 'Code of the error catalogue (PC402, PC403, ...).';
comment on column pgcascade.table_error.message is 'What went wrong, without values of the row.';
comment on column pgcascade.table_error.happened_at is 'When.';

create table pgcascade.copy_progress (
    queue_name      text not null,
    table_name      text not null,
    phase           text not null,
    bytes_done      bigint not null default 0,
    rows_done       bigint not null default 0,
    rows_expected   bigint not null default 0,
    bytes_expected  bigint not null default 0,
    started_at      timestamptz not null default pg_catalog.now(),
    updated_at      timestamptz not null default pg_catalog.now(),
    constraint copy_progress_pkey primary key (queue_name, table_name)
) with (fillfactor = 50);
comment on table pgcascade.copy_progress is 'How far each initial copy or resync is; written by the worker about once a second.';
comment on column pgcascade.copy_progress.queue_name is 'Queue of the table.';
comment on column pgcascade.copy_progress.table_name is 'Name of the table in the queue.';
comment on column pgcascade.copy_progress.phase is 'waiting, data, indexes, catching-up, done or failed.';
comment on column pgcascade.copy_progress.bytes_done is 'Bytes of COPY text written so far.';
comment on column pgcascade.copy_progress.rows_done is 'Rows written so far; exact when the data is done.';
comment on column pgcascade.copy_progress.rows_expected is 'Estimate of the provider''s statistics; 0 when there is none.';
comment on column pgcascade.copy_progress.bytes_expected is 'Size of the table on the provider, without indexes.';
comment on column pgcascade.copy_progress.started_at is 'When this copy began.';
comment on column pgcascade.copy_progress.updated_at is 'When this row was last written.';

create table pgcascade.registry_version (
    queue_name  text not null,
    version     bigint not null,
    constraint registry_version_pkey primary key (queue_name)
) with (fillfactor = 50);
comment on table pgcascade.registry_version is 'Counts the changes to the list of replicated tables, so that a worker reads the list on change and not per batch.';
comment on column pgcascade.registry_version.queue_name is 'Queue whose tables changed.';
comment on column pgcascade.registry_version.version is 'Grows with each change, in the transaction of the change.';
