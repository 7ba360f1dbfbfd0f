-- Function: pgq_node.set_consumer_uptodate(3)
--
-- Records whether a consumer has seen its current settings (paused, provider). Safe to repeat.
--
-- Returns: 200; 404 it is not registered.
create or replace function pgq_node.set_consumer_uptodate(
    p_queue_name    text,
    p_consumer_name text,
    p_uptodate      boolean,
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
       set uptodate = p_uptodate
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    if found then
        ret_code := 200;
        ret_note := 'Consumer uptodate = ' || p_uptodate::int4::text;
    else
        ret_code := 404;
        ret_note := format('Unknown consumer: %s/%s', p_queue_name, p_consumer_name);
    end if;
end;
$$;
