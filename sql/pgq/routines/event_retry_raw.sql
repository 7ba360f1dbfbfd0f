-- Function: pgq.event_retry_raw(12)
--
-- Puts an event of any content into the retry queue of one consumer. A missing id is taken from the queue's
-- sequence, a missing time is the transaction's.
--
-- Returns: bigint, the event's id.
-- Raises:  'consumer not registered'; unique_violation when the consumer waits for that id already.
create or replace function pgq.event_retry_raw(
    x_queue        text,
    x_consumer     text,
    x_retry_after  timestamptz,
    x_ev_id        bigint,
    x_ev_time      timestamptz,
    x_ev_retry     integer,
    x_ev_type      text,
    x_ev_data      text,
    x_ev_extra1    text,
    x_ev_extra2    text,
    x_ev_extra3    text,
    x_ev_extra4    text
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_queue_id  int4;
    v_sub_id    int4;
    v_seq       text;
    v_id        bigint;
begin
    select q.queue_id, q.queue_event_seq, s.sub_id
      into v_queue_id, v_seq, v_sub_id
      from pgq.consumer as c
     cross join pgq.queue as q
     cross join lateral (
               select n.sub_id
                 from pgq.subscription as n
                where n.sub_queue = q.queue_id
                  and n.sub_consumer = c.co_id
                order by n.sub_active desc
                limit 1
           ) as s
     where q.queue_name = x_queue
       and c.co_name = x_consumer;
    if not found then
        raise exception 'consumer not registered';
    end if;

    v_id := coalesce(x_ev_id, pg_catalog.nextval(v_seq::regclass));
    insert into pgq.retry_queue (
               ev_retry_after, ev_queue, ev_id, ev_time, ev_txid, ev_owner, ev_retry,
               ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4
           )
    values (
               x_retry_after, v_queue_id, v_id, coalesce(x_ev_time, pg_catalog.now()), null, v_sub_id, x_ev_retry,
               x_ev_type, x_ev_data, x_ev_extra1, x_ev_extra2, x_ev_extra3, x_ev_extra4
           );
    return v_id;
end;
$$;
