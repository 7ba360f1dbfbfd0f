-- Function: pgq_node.register_subscriber(4)
--
-- Registers a node that will read this node's queue: its worker at a tick (null: the global watermark) and its
-- watermark consumer at the global watermark. Its location must be registered.
--
-- Returns: 200 with the global watermark; 401 this node is a leaf; 404 this database is no node of the queue.
-- Raises:  unique violation when the node is registered already, foreign key violation when its location is not.
create or replace function pgq_node.register_subscriber(
    p_queue_name            text,
    p_remote_node_name      text,
    p_remote_worker_name    text,
    p_custom_tick_id        bigint,
    out ret_code            integer,
    out ret_note            text,
    out global_watermark    bigint
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_node_type         text;
    v_watermark_name    text := '.' || p_remote_node_name || '.watermark';
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_node_type = 'leaf' then
        ret_code := 401;
        ret_note := 'Cannot subscribe to a leaf node: ' || p_queue_name;
        return;
    end if;

    global_watermark := pgq_node._consumer_tick(p_queue_name, '.global_watermark');
    perform pgq.register_consumer_at(p_queue_name, v_watermark_name, global_watermark);
    perform pgq.register_consumer_at(p_queue_name, p_remote_worker_name,
                                     coalesce(p_custom_tick_id, global_watermark));

    insert into pgq_node.subscriber_info (queue_name, subscriber_node, worker_name, watermark_name)
    values (p_queue_name, p_remote_node_name, p_remote_worker_name, v_watermark_name);

    ret_code := 200;
    ret_note := 'Subscriber registered: ' || p_remote_node_name;
end;
$$;
