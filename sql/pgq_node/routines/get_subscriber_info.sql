-- Function: pgq_node.get_subscriber_info(1)
--
-- Returns: the nodes that read this node's queue, each with its watermark.
create or replace function pgq_node.get_subscriber_info(
    p_queue_name        text,
    out node_name       text,
    out worker_name     text,
    out node_watermark  bigint
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.subscriber_node,
           s.worker_name,
           pgq_node._consumer_tick(s.queue_name, s.watermark_name)
      from pgq_node.subscriber_info as s
     where s.queue_name = p_queue_name
     order by s.subscriber_node;
$$;
