-- Function: pgq_node.set_partition_watermark(3)
--
-- On a branch of a combined queue: records how far the root of that queue has merged one of its part queues, so
-- that the local leaf of the part queue stands at the same place. Safe to repeat.
--
-- Returns: 200; 201 no local leaf merges that part queue into this one; 401 not a branch; 404 no node of the queue.
create or replace function pgq_node.set_partition_watermark(
    p_combined_queue    text,
    p_part_queue        text,
    p_watermark         bigint,
    out ret_code        integer,
    out ret_note        text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_node_type     text;
    v_worker_name   text;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_combined_queue;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_combined_queue, 'null');
        return;
    end if;
    if v_node_type <> 'branch' then
        ret_code := 401;
        ret_note := 'Only a branch takes positions of part queues: ' || p_combined_queue;
        return;
    end if;

    select n.worker_name
      into v_worker_name
      from pgq_node.node_info as n
     where n.queue_name = p_part_queue
       and n.node_type = 'leaf'
       and n.combined_queue = p_combined_queue;
    if not found then
        ret_code := 201;
        ret_note := 'Part queue does not exist locally: ' || p_part_queue;
        return;
    end if;

    update pgq_node.local_state as s
       set last_tick_id = p_watermark
     where s.queue_name = p_part_queue
       and s.consumer_name = v_worker_name;
    ret_code := 200;
    ret_note := format('Worker position of %s set to %s', p_part_queue, p_watermark);
end;
$$;
