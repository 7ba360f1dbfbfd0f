-- Function: pgq_node.unregister_consumer(2)
--
-- Forgets a consumer that writes into this node.
--
-- Returns: 200; 404 it is not registered.
create or replace function pgq_node.unregister_consumer(
    p_queue_name    text,
    p_consumer_name text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgq_node.local_state as s
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    if found then
        ret_code := 200;
        ret_note := 'Consumer ' || p_consumer_name || ' unregistered from ' || p_queue_name;
    else
        ret_code := 404;
        ret_note := format('Unknown consumer: %s/%s', p_queue_name, p_consumer_name);
    end if;
end;
$$;
