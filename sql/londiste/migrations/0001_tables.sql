-- Replicated objects: tables and sequences of each queue, executed scripts, and foreign keys that are taken off.

create schema londiste;
comment on schema londiste is 'Replicated tables and sequences.';

create table londiste.table_info (
    nr              serial  not null,
    queue_name      text    not null,
    table_name      text    not null,
    local           boolean not null default false,
    merge_state     text,
    custom_snapshot text,
    dropped_ddl     text,
    table_attrs     text,
    dest_table      text,
    constraint table_info_pkey primary key (queue_name, table_name),
    constraint table_info_queue_fkey foreign key (queue_name)
        references pgq_node.node_info (queue_name) on delete cascade,
    constraint table_info_dropped_ddl_check
        check (dropped_ddl is null or merge_state in ('in-copy', 'catching-up'))
);
comment on table londiste.table_info is 'Tables of each queue, whether this node has them or not.';
comment on column londiste.table_info.nr is 'Order of registration.';
comment on column londiste.table_info.queue_name is 'The queue.';
comment on column londiste.table_info.table_name is 'Name in the queue: schema.table, unquoted.';
comment on column londiste.table_info.local is 'True when this node takes part in the replication of the table.';
comment on column londiste.table_info.merge_state is 'Null: to be copied; in-copy, catching-up, wanna-sync:tick, do-sync:tick; ok: the worker applies.';
comment on column londiste.table_info.custom_snapshot is 'Snapshot of the copy: events that it contains are passed over. Null when no longer needed.';
comment on column londiste.table_info.dropped_ddl is 'Statements that bring back what a running copy took off.';
comment on column londiste.table_info.table_attrs is 'URL-encoded settings: handler, copy_node, skip_truncate, max_parallel_copy.';
comment on column londiste.table_info.dest_table is 'Name of the table in this database when it differs from table_name.';

create table londiste.seq_info (
    nr              serial  not null,
    queue_name      text    not null,
    seq_name        text    not null,
    local           boolean not null default false,
    last_value      bigint  not null,
    constraint seq_info_pkey primary key (queue_name, seq_name),
    constraint seq_info_queue_fkey foreign key (queue_name)
        references pgq_node.node_info (queue_name) on delete cascade
);
comment on table londiste.seq_info is 'Sequences of each queue, whether this node has them or not.';
comment on column londiste.seq_info.nr is 'Order of registration.';
comment on column londiste.seq_info.queue_name is 'The queue.';
comment on column londiste.seq_info.seq_name is 'Name in the queue: schema.sequence, unquoted.';
comment on column londiste.seq_info.local is 'True when this node takes part in the replication of the sequence.';
comment on column londiste.seq_info.last_value is 'Value that was published last; ahead of the root''s real one.';

create table londiste.applied_execute (
    queue_name      text        not null,
    execute_file    text        not null,
    execute_time    timestamptz not null default now(),
    execute_sql     text        not null,
    execute_attrs   text,
    constraint applied_execute_pkey primary key (execute_file)
);
comment on table londiste.applied_execute is 'Scripts that were executed here, so that none is executed twice.';
comment on column londiste.applied_execute.queue_name is 'Queue the script came through.';
comment on column londiste.applied_execute.execute_file is 'Name of the script without folder; unique over all queues.';
comment on column londiste.applied_execute.execute_time is 'When it was executed here.';
comment on column londiste.applied_execute.execute_sql is 'Its text.';
comment on column londiste.applied_execute.execute_attrs is 'URL-encoded conditions on where it is executed.';

create table londiste.pending_fkeys (
    from_table      text not null,
    to_table        text not null,
    fkey_name       text not null,
    fkey_def        text not null,
    constraint pending_fkeys_pkey primary key (from_table, fkey_name)
);
comment on table londiste.pending_fkeys is 'Foreign keys that were taken off for a copy and are to be put back.';
comment on column londiste.pending_fkeys.from_table is 'Referencing table: schema.table, unquoted.';
comment on column londiste.pending_fkeys.to_table is 'Referenced table: schema.table, unquoted.';
comment on column londiste.pending_fkeys.fkey_name is 'Name of the constraint, unquoted.';
comment on column londiste.pending_fkeys.fkey_def is 'Statement that creates it as it was.';
