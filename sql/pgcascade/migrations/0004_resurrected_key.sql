-- Keys whose rows a resurrected node got from the new root ahead of its own position.

create table pgcascade.resurrected_key (
    queue_name  text not null,
    table_name  text not null,
    row_key     text not null,
    until_tick  bigint not null,
    constraint resurrected_key_pkey primary key (queue_name, table_name, row_key)
);
comment on table pgcascade.resurrected_key is 'Rows of a resurrected node that are further than the node: the worker leaves their events out up to a tick.';
comment on column pgcascade.resurrected_key.queue_name is 'Queue of the cascade.';
comment on column pgcascade.resurrected_key.table_name is 'Name of the table in the queue.';
comment on column pgcascade.resurrected_key.row_key is 'Key of the row as ev_extra3 carries it.';
comment on column pgcascade.resurrected_key.until_tick is 'The row is as the new root had it at this tick.';
