-- Function: pgq_node.unregister_subscriber(2)
--
-- Forgets a node that reads this node's queue, with both its consumers. Safe to repeat.
--
-- Returns: 200; 304 it is not registered.
create or replace function pgq_node.unregister_subscriber(
    p_queue_name        text,
    p_remote_node_name  text,
    out ret_code        integer,
    out ret_note        text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_worker_name       text;
    v_watermark_name    text;
begin
    -- The consumers can go only after the row that refers to them.
    delete from pgq_node.subscriber_info as s
     where s.queue_name = p_queue_name
       and s.subscriber_node = p_remote_node_name
    returning s.worker_name, s.watermark_name
         into v_worker_name, v_watermark_name;
    if not found then
        ret_code := 304;
        ret_note := 'Subscriber not found: ' || p_queue_name || '/' || p_remote_node_name;
        return;
    end if;

    perform pgq.unregister_consumer(p_queue_name, v_watermark_name);
    perform pgq.unregister_consumer(p_queue_name, v_worker_name);
    ret_code := 200;
    ret_note := 'Subscriber unregistered: ' || p_remote_node_name;
end;
$$;
