-- How much a consumer may hold back, and the consumers that were dropped because they held back more.

create table pgcascade.queue_budget (
    queue_name  text not null,
    max_events  bigint,
    max_bytes   bigint,
    action      text not null,
    set_at      timestamptz not null default pg_catalog.now(),
    constraint queue_budget_pkey primary key (queue_name),
    constraint queue_budget_limit_check check (max_events > 0 and max_bytes is null
                                               or max_bytes > 0 and max_events is null
                                               or max_events > 0 and max_bytes > 0),
    constraint queue_budget_action_check check (action in ('warn', 'drop'))
);
comment on table pgcascade.queue_budget is 'How much one consumer of a queue may hold back; the ticker warns at 50 and 80 percent. Set by pgcascade.set_queue_budget.';
comment on column pgcascade.queue_budget.queue_name is 'The queue; without a row it has no budget.';
comment on column pgcascade.queue_budget.max_events is 'Most events that a consumer may still have to read; null: any number.';
comment on column pgcascade.queue_budget.max_bytes is 'Most bytes of the event tables that a consumer may still have to read; null: any number.';
comment on column pgcascade.queue_budget.action is 'What the ticker does with a consumer over the budget: warn (only say so), drop (unregister it and record that).';
comment on column pgcascade.queue_budget.set_at is 'When it was set last.';

create table pgcascade.dropped_consumer (
    queue_name      text not null,
    consumer_name   text not null,
    node_name       text,
    last_tick       bigint not null,
    pending_events  bigint not null,
    held_bytes      bigint not null,
    reason          text not null,
    dropped_at      timestamptz not null default pg_catalog.now(),
    constraint dropped_consumer_pkey primary key (queue_name, consumer_name)
);
comment on table pgcascade.dropped_consumer is 'Consumers that lost events because they were over the budget. A row stays until somebody has made up for them (pgcascade.forget_dropped_consumer).';
comment on column pgcascade.dropped_consumer.queue_name is 'Queue that it read.';
comment on column pgcascade.dropped_consumer.consumer_name is 'Name of the consumer.';
comment on column pgcascade.dropped_consumer.node_name is 'Node whose worker it was; null: no node''s.';
comment on column pgcascade.dropped_consumer.last_tick is 'The last tick that it had finished: the events after it are those that it lost.';
comment on column pgcascade.dropped_consumer.pending_events is 'How many events it had not read, counted.';
comment on column pgcascade.dropped_consumer.held_bytes is 'Their share of the event tables'' size.';
comment on column pgcascade.dropped_consumer.reason is 'Why, in one sentence.';
comment on column pgcascade.dropped_consumer.dropped_at is 'When.';
