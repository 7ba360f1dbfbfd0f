-- Function: pgq.get_queue_info(1)
--
-- Settings and state of one queue, or with null of all queues.
--
-- Returns: setof rows, one per queue. ev_per_sec is the rate over the last 20 ticks, ev_new counts the events since
--          the newest tick.
create or replace function pgq.get_queue_info(
    in  i_queue_name              text,
    out queue_name                text,
    out queue_ntables             integer,
    out queue_cur_table           integer,
    out queue_rotation_period     interval,
    out queue_switch_time         timestamptz,
    out queue_external_ticker     boolean,
    out queue_ticker_paused       boolean,
    out queue_ticker_max_count    integer,
    out queue_ticker_max_lag      interval,
    out queue_ticker_idle_period  interval,
    out ticker_lag                interval,
    out ev_per_sec                float8,
    out ev_new                    bigint,
    out last_tick_id              bigint
)
returns setof record
language plpgsql
as $$
begin
    return query
    select q.queue_name,
           q.queue_ntables,
           q.queue_cur_table,
           q.queue_rotation_period,
           q.queue_switch_time,
           q.queue_external_ticker,
           q.queue_ticker_paused,
           q.queue_ticker_max_count,
           q.queue_ticker_max_lag,
           q.queue_ticker_idle_period,
           pg_catalog.now() - n.tick_time,
           case
               when n.tick_time > o.tick_time then
                   (n.tick_event_seq - o.tick_event_seq)
                   / extract(epoch from n.tick_time - o.tick_time)::float8
           end,
           pgq.seq_getval(q.queue_event_seq) - n.tick_event_seq,
           n.tick_id
      from pgq.queue as q
      left join lateral (
               select t.tick_id, t.tick_time, t.tick_event_seq
                 from pgq.tick as t
                where t.tick_queue = q.queue_id
                order by t.tick_id desc
                limit 1
           ) as n on true
      left join lateral (
               select t.tick_time, t.tick_event_seq
                 from pgq.tick as t
                where t.tick_queue = q.queue_id
                  and t.tick_id >= n.tick_id - 20
                order by t.tick_id
                limit 1
           ) as o on true
     where i_queue_name is null
        or q.queue_name = i_queue_name
     order by q.queue_name;
end;
$$;

-- Function: pgq.get_queue_info(0)
--
-- Settings and state of all queues: pgq.get_queue_info(1).
--
-- Returns: setof rows, one per queue.
create or replace function pgq.get_queue_info(
    out queue_name                text,
    out queue_ntables             integer,
    out queue_cur_table           integer,
    out queue_rotation_period     interval,
    out queue_switch_time         timestamptz,
    out queue_external_ticker     boolean,
    out queue_ticker_paused       boolean,
    out queue_ticker_max_count    integer,
    out queue_ticker_max_lag      interval,
    out queue_ticker_idle_period  interval,
    out ticker_lag                interval,
    out ev_per_sec                float8,
    out ev_new                    bigint,
    out last_tick_id              bigint
)
returns setof record
language sql
as $$
    select * from pgq.get_queue_info(null);
$$;
