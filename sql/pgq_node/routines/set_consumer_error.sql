-- Function: pgq_node.set_consumer_error(3)
--
-- Records the error a consumer is stuck on; null clears it. Safe to repeat.
--
-- Returns: 100; 101 it is not registered.
create or replace function pgq_node.set_consumer_error(
    p_queue_name    text,
    p_consumer_name text,
    p_error_msg     text,
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
       set cur_error = p_error_msg
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    if found then
        ret_code := 100;
        ret_note := format('Consumer %s error = %s', p_consumer_name, p_error_msg);
    else
        ret_code := 101;
        ret_note := format('Consumer not known, ignoring: %s/%s', p_queue_name, p_consumer_name);
    end if;
end;
$$;
