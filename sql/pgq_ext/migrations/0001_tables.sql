-- Schema pgq_ext: what a database has taken over from queues that live elsewhere.
--
-- Names, columns and types are those of pgq_ext 3.1: programs read these tables directly.

-- A role without CREATE on the database can install when somebody made the schema for it. `create schema if not
-- exists` asks for that right even when the schema is there.
do $$
begin
    if not exists (select from pg_catalog.pg_namespace where nspname = 'pgq_ext') then
        create schema pgq_ext;
    end if;
end;
$$;

comment on schema pgq_ext is 'progress of consumers that write into this database from queues in others';

create table pgq_ext.completed_tick (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    last_tick_id    bigint not null,
    constraint completed_tick_pkey primary key (consumer_id, subconsumer_id)
);

comment on table pgq_ext.completed_tick is 'how far this database is, by ticks';
comment on column pgq_ext.completed_tick.consumer_id is 'consumer, by the name it chose';
comment on column pgq_ext.completed_tick.subconsumer_id is 'part of the consumer; empty when it has none';
comment on column pgq_ext.completed_tick.last_tick_id is 'everything up to this tick of the queue is in this database';

create table pgq_ext.completed_batch (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    last_batch_id   bigint not null,
    constraint completed_batch_pkey primary key (consumer_id, subconsumer_id)
);

comment on table pgq_ext.completed_batch is 'how far this database is, by batches';
comment on column pgq_ext.completed_batch.consumer_id is 'consumer, by the name it chose';
comment on column pgq_ext.completed_batch.subconsumer_id is 'part of the consumer; empty when it has none';
comment on column pgq_ext.completed_batch.last_batch_id is 'the batch that was done last';

create table pgq_ext.completed_event (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    batch_id        bigint not null,
    event_id        bigint not null,
    constraint completed_event_pkey primary key (consumer_id, subconsumer_id, batch_id, event_id)
);

comment on table pgq_ext.completed_event is 'events that were done, of the batch that is being worked on';
comment on column pgq_ext.completed_event.consumer_id is 'consumer, by the name it chose';
comment on column pgq_ext.completed_event.subconsumer_id is 'part of the consumer; empty when it has none';
comment on column pgq_ext.completed_event.batch_id is 'batch of the event';
comment on column pgq_ext.completed_event.event_id is 'the event';

create table pgq_ext.partial_batch (
    consumer_id     text not null,
    subconsumer_id  text not null default '',
    cur_batch_id    bigint not null,
    constraint partial_batch_pkey primary key (consumer_id, subconsumer_id)
);

comment on table pgq_ext.partial_batch is 'batches that are being worked on event by event';
comment on column pgq_ext.partial_batch.consumer_id is 'consumer, by the name it chose';
comment on column pgq_ext.partial_batch.subconsumer_id is 'part of the consumer; empty when it has none';
comment on column pgq_ext.partial_batch.cur_batch_id is 'the batch whose events are in completed_event';
