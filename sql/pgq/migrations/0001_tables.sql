-- Schema pgq: queues, ticks, consumers, subscriptions, events and retries.
--
-- Names, columns, types and constraints are those of PgQ 3.5: programs read these tables directly.

-- A role without CREATE on the database can install when somebody made the schema for it. `create schema if not
-- exists` asks for that right even when the schema is there.
do $$
begin
    if not exists (select from pg_catalog.pg_namespace where nspname = 'pgq') then
        create schema pgq;
    end if;
end;
$$;

comment on schema pgq is 'event queues: ticks, batches, consumers, rotation, retry';

-- The names of all consumers; one name may read several queues.
create table pgq.consumer (
    co_id    serial,
    co_name  text not null,
    constraint consumer_pkey primary key (co_id),
    constraint consumer_name_uq unique (co_name)
);

comment on table pgq.consumer is 'names of consumers';
comment on column pgq.consumer.co_id is 'consumer id';
comment on column pgq.consumer.co_name is 'name of the consumer, the same on every queue it reads';

-- One row per queue. Written by configuration and rotation only, so that readers never wait.
create table pgq.queue (
    queue_id                  serial,
    queue_name                text not null,
    queue_ntables             integer not null default 3,
    queue_cur_table           integer not null default 0,
    queue_rotation_period     interval not null default '2 hours',
    queue_switch_step1        bigint not null default txid_current(),
    queue_switch_step2        bigint default txid_current(),
    queue_switch_time         timestamptz not null default now(),
    queue_external_ticker     boolean not null default false,
    queue_disable_insert      boolean not null default false,
    queue_ticker_paused       boolean not null default false,
    queue_ticker_max_count    integer not null default 500,
    queue_ticker_max_lag      interval not null default '3 seconds',
    queue_ticker_idle_period  interval not null default '1 minute',
    queue_per_tx_limit        integer,
    queue_data_pfx            text not null,
    queue_event_seq           text not null,
    queue_tick_seq            text not null,
    queue_extra_maint         text[],
    constraint queue_pkey primary key (queue_id),
    constraint queue_name_uq unique (queue_name)
);

comment on table pgq.queue is 'queues with their settings and the state of their rotation';
comment on column pgq.queue.queue_id is 'queue id, part of the names of the event tables';
comment on column pgq.queue.queue_name is 'name of the queue';
comment on column pgq.queue.queue_ntables is 'how many event tables are rotated';
comment on column pgq.queue.queue_cur_table is 'number of the event table that is written now';
comment on column pgq.queue.queue_rotation_period is 'shortest time between two rotations';
comment on column pgq.queue.queue_switch_step1 is 'txid of the transaction that switched to the current table';
comment on column pgq.queue.queue_switch_step2 is 'a txid from when everybody saw that switch; null: not yet';
comment on column pgq.queue.queue_switch_time is 'time of the last switch';
comment on column pgq.queue.queue_external_ticker is 'ticks come from another node, the ticker leaves the queue alone';
comment on column pgq.queue.queue_disable_insert is 'events are refused, except from replication sessions';
comment on column pgq.queue.queue_ticker_paused is 'the ticker makes no ticks';
comment on column pgq.queue.queue_ticker_max_count is 'tick when so many events have come';
comment on column pgq.queue.queue_ticker_max_lag is 'tick when there are events and the last tick is so old';
comment on column pgq.queue.queue_ticker_idle_period is 'tick when the last tick is so old, even with no events';
comment on column pgq.queue.queue_per_tx_limit is 'most events one transaction may write; null: no limit';
comment on column pgq.queue.queue_data_pfx is 'event tables are named so, plus _0, _1, ...';
comment on column pgq.queue.queue_event_seq is 'sequence of event ids';
comment on column pgq.queue.queue_tick_seq is 'sequence of tick ids';
comment on column pgq.queue.queue_extra_maint is 'more functions for maintenance to call with the queue name';

-- One row per tick: a recorded snapshot. Ids of one queue grow in the order of the snapshots.
create table pgq.tick (
    tick_queue      int4 not null,
    tick_id         bigint not null,
    tick_time       timestamptz not null default now(),
    tick_snapshot   txid_snapshot not null default txid_current_snapshot(),
    tick_event_seq  bigint not null,
    constraint tick_pkey primary key (tick_queue, tick_id),
    constraint tick_queue_fkey foreign key (tick_queue) references pgq.queue (queue_id)
);

comment on table pgq.tick is 'recorded snapshots; a batch lies between two of them';
comment on column pgq.tick.tick_queue is 'queue id';
comment on column pgq.tick.tick_id is 'tick id, grows within the queue';
comment on column pgq.tick.tick_time is 'when the tick was made; for a copied tick: when its origin was made';
comment on column pgq.tick.tick_snapshot is 'which transactions are before the tick';
comment on column pgq.tick.tick_event_seq is 'last event id when the tick was made: tells about how many events a batch has';

-- One row per consumer of a queue: its position and its open batch.
create table pgq.subscription (
    sub_id         serial not null,
    sub_queue      int4 not null,
    sub_consumer   int4 not null,
    sub_last_tick  bigint,
    sub_active     timestamptz not null default now(),
    sub_batch      bigint,
    sub_next_tick  bigint,
    constraint subscription_pkey primary key (sub_queue, sub_consumer),
    constraint subscription_batch_idx unique (sub_batch),
    constraint sub_queue_fkey foreign key (sub_queue) references pgq.queue (queue_id),
    constraint sub_consumer_fkey foreign key (sub_consumer) references pgq.consumer (co_id)
);

comment on table pgq.subscription is 'consumers of queues: position and open batch';
comment on column pgq.subscription.sub_id is 'owner of retried events; shared by the members of a cooperative consumer';
comment on column pgq.subscription.sub_queue is 'queue id';
comment on column pgq.subscription.sub_consumer is 'consumer id';
comment on column pgq.subscription.sub_last_tick is 'last finished tick; null for an idle member of a cooperative consumer';
comment on column pgq.subscription.sub_active is 'last time the consumer opened or finished a batch';
comment on column pgq.subscription.sub_batch is 'open batch; null: none';
comment on column pgq.subscription.sub_next_tick is 'tick that ends the open batch';

-- The columns of every event table; holds no rows itself.
create table pgq.event_template (
    ev_id      bigint not null,
    ev_time    timestamptz not null,
    ev_txid    bigint not null default txid_current(),
    ev_owner   int4,
    ev_retry   int4,
    ev_type    text,
    ev_data    text,
    ev_extra1  text,
    ev_extra2  text,
    ev_extra3  text,
    ev_extra4  text
);

comment on table pgq.event_template is 'parent of all event tables';
comment on column pgq.event_template.ev_id is 'event id, from the sequence of the queue';
comment on column pgq.event_template.ev_time is 'when the event was written';
comment on column pgq.event_template.ev_txid is 'transaction that wrote the row, in this cluster';
comment on column pgq.event_template.ev_owner is 'sub_id of the only consumer that gets it (a retry); null: all get it';
comment on column pgq.event_template.ev_retry is 'how often it was retried; null: never';
comment on column pgq.event_template.ev_type is 'kind of event';
comment on column pgq.event_template.ev_data is 'payload';
comment on column pgq.event_template.ev_extra1 is 'more payload; table name for row events';
comment on column pgq.event_template.ev_extra2 is 'more payload; old row for row events';
comment on column pgq.event_template.ev_extra3 is 'more payload';
comment on column pgq.event_template.ev_extra4 is 'more payload';

-- Events that one consumer wants again later.
create table pgq.retry_queue (
    ev_retry_after  timestamptz not null,
    ev_queue        int4 not null,
    like pgq.event_template including comments,
    constraint rq_pkey primary key (ev_owner, ev_id),
    constraint rq_queue_id_fkey foreign key (ev_queue) references pgq.queue (queue_id)
);

alter table pgq.retry_queue alter column ev_owner set not null;
alter table pgq.retry_queue alter column ev_txid drop not null;

create index rq_retry_idx on pgq.retry_queue (ev_retry_after);

comment on table pgq.retry_queue is 'events that a consumer wants again later';
comment on column pgq.retry_queue.ev_retry_after is 'when to put the event back into the queue';
comment on column pgq.retry_queue.ev_queue is 'queue id';

-- Batch ids of all queues of the database.
create sequence pgq.batch_id_seq;
