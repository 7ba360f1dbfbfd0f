-- Function: pgq_node.get_consumer_info(1)
--
-- Returns: all consumers that write into this node.
create or replace function pgq_node.get_consumer_info(
    p_queue_name        text,
    out consumer_name   text,
    out provider_node   text,
    out last_tick_id    bigint,
    out paused          boolean,
    out uptodate        boolean,
    out cur_error       text
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.consumer_name,
           s.provider_node,
           s.last_tick_id,
           s.paused,
           s.uptodate,
           s.cur_error
      from pgq_node.local_state as s
     where s.queue_name = p_queue_name
     order by s.consumer_name;
$$;
