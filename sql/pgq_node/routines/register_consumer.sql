-- Function: pgq_node.register_consumer(4)
--
-- Registers a consumer that writes into this node and reads from a provider, at a tick. A consumer that is there
-- already is moved to that provider and tick. Safe to repeat.
--
-- Returns: 200 registered; 201 was registered, now moved; 404 this database is no node of the queue.
-- Raises:  foreign key violation when the provider's location is not registered.
create or replace function pgq_node.register_consumer(
    p_queue_name    text,
    p_consumer_name text,
    p_provider_node text,
    p_tick_id       bigint,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select
                     from pgq_node.node_info as n
                    where n.queue_name = p_queue_name) then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    insert into pgq_node.local_state (queue_name, consumer_name, provider_node, last_tick_id)
    values (p_queue_name, p_consumer_name, p_provider_node, p_tick_id)
    on conflict on constraint local_state_pkey do nothing;
    if found then
        ret_code := 200;
        ret_note := 'Consumer ' || p_consumer_name || ' registered on queue ' || p_queue_name;
        return;
    end if;

    update pgq_node.local_state as s
       set provider_node = p_provider_node,
           last_tick_id = p_tick_id,
           cur_error = null,
           uptodate = false
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    ret_code := 201;
    ret_note := 'Consumer already registered: ' || p_queue_name || '/' || p_consumer_name;
end;
$$;
