-- Function: pgq_node.get_consumer_state(2)
--
-- Returns: 100 with the state of one consumer that writes into this node; 404 with nulls when the queue or the
--          consumer is not known.
create or replace function pgq_node.get_consumer_state(
    p_queue_name            text,
    p_consumer_name         text,
    out ret_code            integer,
    out ret_note            text,
    out node_type           text,
    out node_name           text,
    out completed_tick      bigint,
    out provider_node       text,
    out provider_location   text,
    out paused              boolean,
    out uptodate            boolean,
    out cur_error           text
)
returns record
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select n.node_type,
           n.node_name
      into node_type,
           node_name
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    select s.last_tick_id,
           s.provider_node,
           l.node_location,
           s.paused,
           s.uptodate,
           s.cur_error
      into completed_tick,
           provider_node,
           provider_location,
           paused,
           uptodate,
           cur_error
      from pgq_node.local_state as s
      join pgq_node.node_location as l
        on l.queue_name = s.queue_name
       and l.node_name = s.provider_node
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    if not found then
        ret_code := 404;
        ret_note := format('Unknown consumer: %s/%s', p_queue_name, p_consumer_name);
        node_type := null;
        node_name := null;
        return;
    end if;
    ret_code := 100;
    ret_note := 'Ok';
end;
$$;
