-- Queues that are merged into another one: which of their tables have not been merged at all yet.

create table pgcascade.unmerged_part (
    queue_name  text not null,
    table_name  text not null,
    constraint unmerged_part_pkey primary key (queue_name, table_name)
);
comment on table pgcascade.unmerged_part is 'Tables of queues that are merged into another queue whose first copy has not ended: no node below that queue has a row of theirs, so their events are not handed on.';
comment on column pgcascade.unmerged_part.queue_name is 'Queue of the part.';
comment on column pgcascade.unmerged_part.table_name is 'Name of the table in that queue.';
