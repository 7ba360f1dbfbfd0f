-- Tables that wait until they can take the shape of their events, and go on by themselves.

create table pgcascade.waiting_table (
    queue_name  text not null,
    table_name  text not null,
    tick_id     bigint not null,
    event_id    bigint not null,
    shape       text not null,
    constraint waiting_table_pkey primary key (queue_name, table_name)
);
comment on table pgcascade.waiting_table is 'Tables that did not fit their events: where each goes on when it has changed. The row stays until the table is in sync, is copied anew or is removed. While it waits it stands in table_error too.';
comment on column pgcascade.waiting_table.queue_name is 'Queue of the table.';
comment on column pgcascade.waiting_table.table_name is 'Name of the table in the queue.';
comment on column pgcascade.waiting_table.tick_id is 'Start tick of the batch in which it happened; the consumer of the table''s copy stood there.';
comment on column pgcascade.waiting_table.event_id is 'In the batch from that tick on: the first event that is not applied. Those of later batches all are not.';
comment on column pgcascade.waiting_table.shape is 'What the table was when it did not fit: pgcascade.table_shape, whose first word is its oid.';

-- What was parked while it caught up has lost events: it waits for a resync, and the state is not to look as if it went on.
update londiste.table_info as t
   set merge_state = 'ok'
  from pgcascade.table_error as e
 where e.queue_name = t.queue_name
   and e.table_name = t.table_name
   and e.error_code = 'PC403'
   and t.merge_state = 'catching-up';
