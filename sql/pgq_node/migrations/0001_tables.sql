-- The cascade: which databases take part in a queue, what this database is in it, and how far each consumer has come.

create schema pgq_node;
comment on schema pgq_node is 'Nodes, locations, subscribers and watermarks of cascaded queues.';

create table pgq_node.node_location (
    queue_name      text    not null,
    node_name       text    not null,
    node_location   text    not null,
    dead            boolean not null default false,
    constraint node_location_pkey primary key (queue_name, node_name)
);
comment on table pgq_node.node_location is 'Every node of every queue known here; replicated to all nodes by events.';
comment on column pgq_node.node_location.queue_name is 'Queue the node takes part in.';
comment on column pgq_node.node_location.node_name is 'Name of the node, unique in its queue.';
comment on column pgq_node.node_location.node_location is 'Connect string by which the other nodes reach it.';
comment on column pgq_node.node_location.dead is 'True when an operator has declared the node lost.';

create table pgq_node.node_info (
    queue_name      text not null,
    node_type       text not null,
    node_name       text not null,
    worker_name     text,
    combined_queue  text,
    node_attrs      text,
    constraint node_info_pkey primary key (queue_name),
    constraint node_info_location_fkey foreign key (queue_name, node_name)
        references pgq_node.node_location (queue_name, node_name),
    constraint node_info_type_check check (node_type in ('root', 'branch', 'leaf')),
    constraint node_info_worker_check check (worker_name is not null),
    constraint node_info_combined_check check (node_type = 'leaf' or combined_queue is null)
);
comment on table pgq_node.node_info is 'What this database is in each queue: one row per queue it takes part in.';
comment on column pgq_node.node_info.queue_name is 'The queue.';
comment on column pgq_node.node_info.node_type is 'root (events arise here), branch (replica that feeds others) or leaf (replica that feeds nobody).';
comment on column pgq_node.node_info.node_name is 'Name of this node in the queue.';
comment on column pgq_node.node_info.worker_name is 'Consumer name of the program that moves batches onto this node.';
comment on column pgq_node.node_info.combined_queue is 'Leaf only: queue of this database that its events are merged into.';
comment on column pgq_node.node_info.node_attrs is 'URL-encoded settings of the node, for example sync_watermark=node1,node2.';

create table pgq_node.local_state (
    queue_name      text    not null,
    consumer_name   text    not null,
    provider_node   text    not null,
    last_tick_id    bigint  not null,
    cur_error       text,
    paused          boolean not null default false,
    uptodate        boolean not null default false,
    constraint local_state_pkey primary key (queue_name, consumer_name),
    constraint local_state_queue_fkey foreign key (queue_name)
        references pgq_node.node_info (queue_name),
    constraint local_state_provider_fkey foreign key (queue_name, provider_node)
        references pgq_node.node_location (queue_name, node_name)
);
comment on table pgq_node.local_state is 'Consumers that write into this node: the worker, and copies that are running.';
comment on column pgq_node.local_state.queue_name is 'Queue that is consumed.';
comment on column pgq_node.local_state.consumer_name is 'Name of the consumer.';
comment on column pgq_node.local_state.provider_node is 'Node it reads from; a root names itself.';
comment on column pgq_node.local_state.last_tick_id is 'Last tick whose batch is committed here.';
comment on column pgq_node.local_state.cur_error is 'Message of the error the consumer is stuck on, else null.';
comment on column pgq_node.local_state.paused is 'True when an operator asked the consumer to stand still.';
comment on column pgq_node.local_state.uptodate is 'Set by the consumer when it has seen the other columns as they are now.';

create table pgq_node.subscriber_info (
    queue_name      text not null,
    subscriber_node text not null,
    worker_name     text not null,
    watermark_name  text not null,
    constraint subscriber_info_pkey primary key (queue_name, subscriber_node),
    constraint subscriber_info_queue_fkey foreign key (queue_name)
        references pgq_node.node_info (queue_name),
    constraint subscriber_info_location_fkey foreign key (queue_name, subscriber_node)
        references pgq_node.node_location (queue_name, node_name),
    constraint subscriber_info_worker_fkey foreign key (worker_name)
        references pgq.consumer (co_name),
    constraint subscriber_info_watermark_fkey foreign key (watermark_name)
        references pgq.consumer (co_name)
);
comment on table pgq_node.subscriber_info is 'Nodes that read this node''s queue.';
comment on column pgq_node.subscriber_info.queue_name is 'Queue that is read.';
comment on column pgq_node.subscriber_info.subscriber_node is 'Name of the reading node.';
comment on column pgq_node.subscriber_info.worker_name is 'Consumer of this queue that carries the reader''s position.';
comment on column pgq_node.subscriber_info.watermark_name is 'Consumer of this queue that carries the reader''s watermark.';
