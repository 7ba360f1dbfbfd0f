-- Function: pgq_node.get_worker_state(1)
--
-- Like get_consumer_state for the node's worker, with its positions. The watermarks are as in get_node_info;
-- local_queue_top is the newest tick here, null on a leaf.
--
-- Returns: 100; 404 with nulls when this database is no node of the queue or has no worker registered.
create or replace function pgq_node.get_worker_state(
    p_queue_name            text,
    out ret_code            integer,
    out ret_note            text,
    out node_type           text,
    out node_name           text,
    out completed_tick      bigint,
    out provider_node       text,
    out provider_location   text,
    out paused              boolean,
    out uptodate            boolean,
    out cur_error           text,
    out worker_name         text,
    out global_watermark    bigint,
    out local_watermark     bigint,
    out local_queue_top     bigint,
    out combined_queue      text,
    out combined_type       text
)
returns record
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select 100,
           'Ok',
           n.node_type,
           n.node_name,
           s.last_tick_id,
           s.provider_node,
           l.node_location,
           s.paused,
           s.uptodate,
           s.cur_error,
           n.worker_name,
           n.combined_queue,
           c.node_type
      into ret_code,
           ret_note,
           node_type,
           node_name,
           completed_tick,
           provider_node,
           provider_location,
           paused,
           uptodate,
           cur_error,
           worker_name,
           combined_queue,
           combined_type
      from pgq_node.node_info as n
      join pgq_node.local_state as s
        on s.queue_name = n.queue_name
       and s.consumer_name = n.worker_name
      join pgq_node.node_location as l
        on l.queue_name = s.queue_name
       and l.node_name = s.provider_node
      left join pgq_node.node_info as c
        on c.queue_name = n.combined_queue
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    if node_type = 'leaf' then
        local_watermark := completed_tick;
        return;
    end if;
    global_watermark := pgq_node._consumer_tick(p_queue_name, '.global_watermark');
    local_watermark := pgq_node._lowest_tick(p_queue_name);
    local_queue_top := pgq_node._newest_tick(p_queue_name);
end;
$$;
