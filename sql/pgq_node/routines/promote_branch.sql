-- Function: pgq_node.promote_branch(1)
--
-- Makes a root of a branch: the queue takes events and ticks of its own, whose ids go on after those it has.
--
-- Returns: 200; 301 not a branch; 404 no node of the queue.
create or replace function pgq_node.promote_branch(
    p_queue_name    text,
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
    v_node_name     text;
    v_worker_name   text;
    v_tick_seq      text;
begin
    select n.node_type,
           n.node_name,
           n.worker_name
      into v_node_type,
           v_node_name,
           v_worker_name
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name
       for update;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_node_type <> 'branch' then
        ret_code := 301;
        ret_note := 'Node not branch: ' || p_queue_name;
        return;
    end if;

    update pgq.queue as q
       set queue_external_ticker = false,
           queue_disable_insert = false
     where q.queue_name = p_queue_name
    returning q.queue_tick_seq
         into v_tick_seq;
    perform pgq.seq_setval(v_tick_seq, pgq_node._newest_tick(p_queue_name));

    update pgq_node.node_info as n
       set node_type = 'root'
     where n.queue_name = p_queue_name;
    update pgq_node.local_state as s
       set provider_node = v_node_name,
           last_tick_id = pgq_node._newest_tick(p_queue_name),
           cur_error = null,
           uptodate = false
     where s.queue_name = p_queue_name
       and s.consumer_name = v_worker_name;

    ret_code := 200;
    ret_note := 'Branch node promoted to root';
end;
$$;
