-- Function: pgq_node.set_consumer_paused(3)
--
-- Asks a consumer to stand still or to go on. The consumer answers with set_consumer_uptodate. Safe to repeat.
--
-- Returns: 200; 201 it was asked for the same before; 404 it is not registered.
-- Locks:   the consumer's row in pgq_node.local_state.
create or replace function pgq_node.set_consumer_paused(
    p_queue_name    text,
    p_consumer_name text,
    p_paused        boolean,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_paused    boolean;
    v_word      text := case when p_paused then 'paused' else 'resumed' end;
begin
    select s.paused
      into v_paused
      from pgq_node.local_state as s
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name
       for update;
    if not found then
        ret_code := 404;
        ret_note := format('Unknown consumer: %s/%s', p_queue_name, p_consumer_name);
        return;
    end if;
    if v_paused = p_paused then
        ret_code := 201;
        ret_note := format('Consumer %s already %s', p_consumer_name, v_word);
        return;
    end if;

    update pgq_node.local_state as s
       set paused = p_paused,
           uptodate = false
     where s.queue_name = p_queue_name
       and s.consumer_name = p_consumer_name;
    ret_code := 200;
    ret_note := format('Consumer %s tagged as %s', p_consumer_name, v_word);
end;
$$;
