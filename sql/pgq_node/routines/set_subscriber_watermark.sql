-- Function: pgq_node.set_subscriber_watermark(3)
--
-- Records that a reading node and all below it have completed a tick. Safe to repeat.
--
-- Returns: 200 moved; 100 it was there already; 404 no such reader; 405 that would be backwards.
-- Raises:  what pgq.register_consumer_at raises when there is no such tick (any more).
-- Locks:   the reader's row in pgq_node.subscriber_info, in share mode.
create or replace function pgq_node.set_subscriber_watermark(
    p_queue_name    text,
    p_node_name     text,
    p_watermark     bigint,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_watermark_name    text;
    v_watermark         bigint;
begin
    select s.watermark_name
      into v_watermark_name
      from pgq_node.subscriber_info as s
     where s.queue_name = p_queue_name
       and s.subscriber_node = p_node_name
       -- A node that is being renamed gets another watermark: the old one must not come back.
       for share;
    if not found then
        ret_code := 404;
        ret_note := format('Subscriber not found: %s/%s', p_queue_name, p_node_name);
        return;
    end if;

    v_watermark := pgq_node._consumer_tick(p_queue_name, v_watermark_name);
    if p_watermark < v_watermark then
        ret_code := 405;
        ret_note := format('Watermark of %s must not be moved backwards from %s to %s',
                           p_node_name, v_watermark, p_watermark);
        return;
    end if;
    if p_watermark = v_watermark then
        ret_code := 100;
        ret_note := format('%s watermark already set', p_node_name);
        return;
    end if;

    perform pgq.register_consumer_at(p_queue_name, v_watermark_name, p_watermark);
    ret_code := 200;
    ret_note := format('%s watermark set to %s', p_node_name, p_watermark);
end;
$$;
