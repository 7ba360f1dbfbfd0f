-- Function: pgq_node.set_global_watermark(2)
--
-- Moves the tick that every node has completed. On the root null means: what the readers' positions say now; the
-- other nodes are told by an event. On a branch the tick comes from that event. Safe to repeat.
--
-- Returns: 200 moved, or a branch that has no such tick and skips it; 100 on a leaf, which keeps none;
--          404 no node of the queue; 500 null on a branch.
-- Raises:  on a root, what pgq.register_consumer_at raises when there is no such tick.
create or replace function pgq_node.set_global_watermark(
    p_queue_name    text,
    p_watermark     bigint,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_node_type     text;
    v_worker_name   text;
    v_watermark     bigint := p_watermark;
begin
    select n.node_type,
           n.worker_name
      into v_node_type,
           v_worker_name
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_node_type = 'leaf' then
        ret_code := 100;
        ret_note := 'Leaf node, global watermark ignored';
        return;
    end if;

    if v_node_type = 'root' then
        v_watermark := coalesce(p_watermark, pgq_node._lowest_tick(p_queue_name));
    elsif p_watermark is null then
        ret_code := 500;
        ret_note := 'A branch cannot choose the global watermark: ' || p_queue_name;
        return;
    elsif not exists (select
                        from pgq.queue as q
                        join pgq.tick as t
                          on t.tick_queue = q.queue_id
                       where q.queue_name = p_queue_name
                         and t.tick_id = p_watermark) then
        ret_code := 200;
        ret_note := 'Skipped global watermark, no such tick here: ' || p_watermark;
        return;
    end if;

    perform pgq.register_consumer_at(p_queue_name, '.global_watermark', v_watermark);
    if v_node_type = 'root' then
        perform pgq.insert_event(p_queue_name, 'pgq.global-watermark', v_watermark::text,
                                 p_queue_name, null, null, null);
        update pgq_node.local_state as s
           set last_tick_id = v_watermark
         where s.queue_name = p_queue_name
           and s.consumer_name = v_worker_name;
    end if;

    ret_code := 200;
    ret_note := 'Global watermark set to ' || v_watermark;
end;
$$;
