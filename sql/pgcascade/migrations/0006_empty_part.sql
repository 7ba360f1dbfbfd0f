-- Tables that several queues feed: which part's rows are not in the table yet.

create table pgcascade.empty_part (
    queue_name  text not null,
    table_name  text not null,
    constraint empty_part_pkey primary key (queue_name, table_name)
);
comment on table pgcascade.empty_part is 'Parts of merged tables that have no row in the table: their copy adds its rows to those of the other parts. Without a row here a part''s copy has to empty the table, and all parts are copied.';
comment on column pgcascade.empty_part.queue_name is 'Queue of the part.';
comment on column pgcascade.empty_part.table_name is 'Name of the table in that queue.';
