-- Function: pgq_node.get_node_info(1)
--
-- Says what this database is in the queue and how far it and those below it have come.
-- global_watermark is null on a leaf, which has no queue to keep it in. local_watermark: the lowest position of
-- all readers on a root or branch, the worker's own on a leaf. worker_last_tick of a root is its newest tick.
-- target_for: queues that are merged into this one.
--
-- Returns: 100; 404 with nulls when this database is no node of the queue.
create or replace function pgq_node.get_node_info(
    p_queue_name            text,
    out ret_code            integer,
    out ret_note            text,
    out node_type           text,
    out node_name           text,
    out global_watermark    bigint,
    out local_watermark     bigint,
    out provider_node       text,
    out provider_location   text,
    out combined_queue      text,
    out combined_type       text,
    out worker_name         text,
    out worker_paused       boolean,
    out worker_uptodate     boolean,
    out worker_last_tick    bigint,
    out node_attrs          text,
    out target_for          text[]
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
           s.provider_node,
           l.node_location,
           n.combined_queue,
           c.node_type,
           n.worker_name,
           s.paused,
           s.uptodate,
           s.last_tick_id,
           n.node_attrs,
           array(select t.queue_name
                   from pgq_node.node_info as t
                  where t.combined_queue = n.queue_name
                  order by t.queue_name)
      into ret_code,
           ret_note,
           node_type,
           node_name,
           provider_node,
           provider_location,
           combined_queue,
           combined_type,
           worker_name,
           worker_paused,
           worker_uptodate,
           worker_last_tick,
           node_attrs,
           target_for
      from pgq_node.node_info as n
      left join pgq_node.local_state as s
        on s.queue_name = n.queue_name
       and s.consumer_name = n.worker_name
      left join pgq_node.node_location as l
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
        local_watermark := worker_last_tick;
        return;
    end if;

    global_watermark := pgq_node._consumer_tick(p_queue_name, '.global_watermark');
    local_watermark := pgq_node._lowest_tick(p_queue_name);
    if node_type = 'root' then
        worker_last_tick := pgq_node._newest_tick(p_queue_name);
    end if;
end;
$$;
