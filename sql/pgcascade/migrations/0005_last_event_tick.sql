-- What a node has really got: a node may be further in ticks than another without having one event more.

create table pgcascade.last_event_tick (
    queue_name  text not null,
    tick_id     bigint not null,
    constraint last_event_tick_pkey primary key (queue_name)
);
comment on table pgcascade.last_event_tick is 'The end tick of the last batch with events that the worker of this node has applied.';
comment on column pgcascade.last_event_tick.queue_name is 'Queue of the cascade.';
comment on column pgcascade.last_event_tick.tick_id is 'Every later tick that this node has completed brought no event.';
