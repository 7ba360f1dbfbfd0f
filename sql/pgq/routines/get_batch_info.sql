-- Function: pgq.get_batch_info(1)
--
-- What an open batch is: its queue, consumer and ticks.
--
-- Returns: one row; all null when there is no such batch.
create or replace function pgq.get_batch_info(
    in  x_batch_id     bigint,
    out queue_name     text,
    out consumer_name  text,
    out batch_start    timestamptz,
    out batch_end      timestamptz,
    out prev_tick_id   bigint,
    out tick_id        bigint,
    out lag            interval,
    out seq_start      bigint,
    out seq_end        bigint
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
    select q.queue_name, c.co_name,
           p.tick_time, n.tick_time,
           s.sub_last_tick, s.sub_next_tick,
           pg_catalog.now() - n.tick_time,
           p.tick_event_seq, n.tick_event_seq
      into queue_name, consumer_name,
           batch_start, batch_end,
           prev_tick_id, tick_id,
           lag,
           seq_start, seq_end
      from (select * from pgq.subscription as b where b.sub_batch = x_batch_id limit 1) as s
      join pgq.queue as q on q.queue_id = s.sub_queue
      join pgq.consumer as c on c.co_id = s.sub_consumer
      join pgq.tick as p on p.tick_queue = s.sub_queue and p.tick_id = s.sub_last_tick
      join pgq.tick as n on n.tick_queue = s.sub_queue and n.tick_id = s.sub_next_tick;
end;
$$;
