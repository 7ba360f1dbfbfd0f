-- Function: pgq.get_consumer_info(2)
--
-- Position of one consumer on one queue; null stands for all queues or all consumers.
--
-- Returns: setof rows, by queue and consumer. lag is the age of the last finished tick, last_seen the time since
--          the consumer opened or finished a batch, pending_events about how many events wait.
create or replace function pgq.get_consumer_info(
    in  i_queue_name     text,
    in  i_consumer_name  text,
    out queue_name       text,
    out consumer_name    text,
    out lag              interval,
    out last_seen        interval,
    out last_tick        bigint,
    out current_batch    bigint,
    out next_tick        bigint,
    out pending_events   bigint
)
returns setof record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select q.queue_name,
           c.co_name,
           pg_catalog.now() - p.tick_time,
           pg_catalog.now() - s.sub_active,
           s.sub_last_tick,
           s.sub_batch,
           s.sub_next_tick,
           n.tick_event_seq - p.tick_event_seq
      from pgq.subscription as s
      join pgq.queue as q on q.queue_id = s.sub_queue
      join pgq.consumer as c on c.co_id = s.sub_consumer
      left join pgq.tick as p on p.tick_queue = s.sub_queue and p.tick_id = s.sub_last_tick
      left join lateral (
               select t.tick_event_seq
                 from pgq.tick as t
                where t.tick_queue = s.sub_queue
                order by t.tick_id desc
                limit 1
           ) as n on true
     where (i_queue_name is null or q.queue_name = i_queue_name)
       and (i_consumer_name is null or c.co_name = i_consumer_name)
     order by q.queue_name, c.co_name;
end;
$$;

-- Function: pgq.get_consumer_info(1)
--
-- Positions of all consumers of one queue, or with null of all queues.
--
-- Returns: setof rows, as pgq.get_consumer_info(2).
create or replace function pgq.get_consumer_info(
    in  i_queue_name    text,
    out queue_name      text,
    out consumer_name   text,
    out lag             interval,
    out last_seen       interval,
    out last_tick       bigint,
    out current_batch   bigint,
    out next_tick       bigint,
    out pending_events  bigint
)
returns setof record
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from pgq.get_consumer_info(i_queue_name, null);
$$;

-- Function: pgq.get_consumer_info(0)
--
-- Positions of all consumers of all queues.
--
-- Returns: setof rows, as pgq.get_consumer_info(2).
create or replace function pgq.get_consumer_info(
    out queue_name      text,
    out consumer_name   text,
    out lag             interval,
    out last_seen       interval,
    out last_tick       bigint,
    out current_batch   bigint,
    out next_tick       bigint,
    out pending_events  bigint
)
returns setof record
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from pgq.get_consumer_info(null, null);
$$;
