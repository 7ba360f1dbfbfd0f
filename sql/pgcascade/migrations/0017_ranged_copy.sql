-- Large tables are copied in ranges, so that a copy that is interrupted goes on where it was.

create table pgcascade.ranged_copy (
    copy_id         bigserial,
    queue_name      text not null,
    table_name      text not null,
    dest_oid        oid not null,
    dest_name       text not null,
    provider_node   text not null,
    source_file     text not null,
    column_names    text[] not null,
    range_pages     bigint not null,
    range_count     integer not null,
    dropped_ddl     jsonb not null default '[]',
    is_stale        boolean not null default false,
    began_at        timestamptz not null default clock_timestamp(),
    constraint ranged_copy_pkey primary key (copy_id),
    constraint ranged_copy_queue_name_table_name_key unique (queue_name, table_name),
    constraint ranged_copy_range_pages_check check (range_pages > 0),
    constraint ranged_copy_range_count_check check (range_count > 0)
);
comment on table pgcascade.ranged_copy is 'Copies of large tables that are under way. Their tick is the position of the copy''s consumer: the rows of the finished ranges are here as of it.';
comment on column pgcascade.ranged_copy.copy_id is 'A copy that begins anew has another.';
comment on column pgcascade.ranged_copy.queue_name is 'Queue of the table.';
comment on column pgcascade.ranged_copy.table_name is 'Name of the table in the queue.';
comment on column pgcascade.ranged_copy.dest_oid is 'The table here.';
comment on column pgcascade.ranged_copy.dest_name is 'Its name in dropped_ddl, quoted.';
comment on column pgcascade.ranged_copy.provider_node is 'Node whose table the ranges are of.';
comment on column pgcascade.ranged_copy.source_file is 'What tells that the provider''s table was written anew: its server, and its file there.';
comment on column pgcascade.ranged_copy.column_names is 'Columns that are copied, by their names on the provider.';
comment on column pgcascade.ranged_copy.range_pages is 'Pages of a range.';
comment on column pgcascade.ranged_copy.range_count is 'Number of ranges; the last has no end.';
comment on column pgcascade.ranged_copy.dropped_ddl is 'Indexes that were taken off, in the order in which they are built: an array of objects with name, create (a statement) and finish (statements).';
comment on column pgcascade.ranged_copy.is_stale is 'A script has changed the table meanwhile: the copy begins anew.';
comment on column pgcascade.ranged_copy.began_at is 'When the first range was begun.';

create table pgcascade.copied_range (
    copy_id     bigint not null,
    range_no    integer not null,
    row_count   bigint not null,
    byte_count  bigint not null,
    constraint copied_range_pkey primary key (copy_id, range_no),
    constraint copied_range_copy_id_fkey foreign key (copy_id)
        references pgcascade.ranged_copy (copy_id) on delete cascade
);
comment on table pgcascade.copied_range is 'Ranges that are finished, each written in the transaction of its rows.';
comment on column pgcascade.copied_range.copy_id is 'The copy.';
comment on column pgcascade.copied_range.range_no is 'From 0.';
comment on column pgcascade.copied_range.row_count is 'Rows that were read.';
comment on column pgcascade.copied_range.byte_count is 'Bytes of COPY text that were read.';
