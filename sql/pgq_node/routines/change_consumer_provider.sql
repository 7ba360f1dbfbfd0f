-- Function: pgq_node.change_consumer_provider(3)
--
-- Lets a consumer read from another node from now on, at the position it has: tick ids are the same on all nodes.
-- Safe to repeat.
--
-- Returns: 200; 404 it is not registered.
-- Raises:  foreign key violation when the new provider's location is not registered.
create or replace function pgq_node.change_consumer_provider(
    p_queue_name    text,
    p_consumer_name text,
    p_new_provider  text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgq_node.local_state as s
       set provider_node = p_new_provider,
           uptodate = false
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    if found then
        ret_code := 200;
        ret_note := 'Consumer provider node set to : ' || p_new_provider;
    else
        ret_code := 404;
        ret_note := format('Unknown consumer: %s/%s', p_queue_name, p_consumer_name);
    end if;
end;
$$;
