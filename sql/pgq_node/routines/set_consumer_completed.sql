-- Function: pgq_node.set_consumer_completed(3)
--
-- Records that everything up to a tick is written, and clears the consumer's error. To be called in the transaction
-- that writes the batch. Safe to repeat.
--
-- Returns: 100; 404 it is not registered.
-- Locks:   the consumer's row in pgq_node.local_state.
create or replace function pgq_node.set_consumer_completed(
    p_queue_name    text,
    p_consumer_name text,
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
    update pgq_node.local_state as s
       set last_tick_id = p_tick_id,
           cur_error = null
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    if found then
        ret_code := 100;
        ret_note := format('Consumer %s completed tick = %s', p_consumer_name, p_tick_id);
    else
        ret_code := 404;
        ret_note := format('Unknown consumer: %s/%s', p_queue_name, p_consumer_name);
    end if;
end;
$$;
