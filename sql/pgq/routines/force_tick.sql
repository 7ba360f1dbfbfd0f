-- Function: pgq.force_tick(1)
--
-- Makes the ticker tick soon, by moving the queue's event sequence as if many events had come. Call it until the
-- result changes. Does nothing to a queue that is paused or has an external ticker.
--
-- Returns: bigint, the newest tick's id; null when there is none.
create or replace function pgq.force_tick(
    i_queue_name  text
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue    pgq.queue%rowtype;
    v_seq      regclass;
    v_tick_id  bigint;
begin
    select *
      into v_queue
      from pgq.queue as q
     where q.queue_name = i_queue_name;
    if found and not v_queue.queue_external_ticker and not v_queue.queue_ticker_paused then
        v_seq := v_queue.queue_event_seq::regclass;
        perform pg_catalog.setval(
            v_seq,
            pg_catalog.nextval(v_seq) + v_queue.queue_ticker_max_count::bigint * 2 + 1000
        );
    end if;

    select t.tick_id
      into v_tick_id
      from pgq.tick as t
     where t.tick_queue = v_queue.queue_id
     order by t.tick_id desc
     limit 1;
    return v_tick_id;
end;
$$;
