-- Tables that several queues feed: which part's rows are not in the table yet.

create table pgcascade.empty_part (
    queue_name  text not null,
    table_name  text not null,
    constraint empty_part_pkey primary key (queue_name, table_name)
);
comment on table pgcascade.empty_part is 'Parts of merged tables that have no row in the table: their copy adds its rows to those of the other parts. Without a row here a part''s copy has to empty the table, and all parts are copied.';
comment on column pgcascade.empty_part.queue_name is 'Queue of the part.';
comment on column pgcascade.empty_part.table_name is 'Name of the table in that queue.';

alter table pgcascade.snapshot_request
    add column group_id bigint,
    add column group_size integer,
    add column reached_at timestamptz;
comment on column pgcascade.snapshot_request.group_id is 'Requests of several queues for one snapshot have the same: that of the first of them. Null: a request by itself.';
comment on column pgcascade.snapshot_request.group_size is 'How many requests the group has; null without a group.';
comment on column pgcascade.snapshot_request.reached_at is 'When the worker came to the tick and stopped there to wait for the others of the group; null before and without a group.';
