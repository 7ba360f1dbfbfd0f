-- Function: pgq.next_batch_custom(5)
--
-- Opens the consumer's next batch, or returns the one that is open. Without limits it ends at the next tick; with
-- i_min_count or i_min_interval at a tick that is so far away; with i_min_lag only at a tick that is so old. Of two
-- sessions that ask at the same time one opens the batch and both get it. Writes nothing when there is nothing to
-- open, so it is cheap to poll.
--
-- Returns: one row; all null when there is no batch yet.
-- Raises:  'Not subscriber to queue: .../...'; 'PgQ corruption: Consumer ... on queue ... does not see tick ...'.
-- Locks:   the subscription's row, when it opens a batch.
create or replace function pgq.next_batch_custom(
    in  i_queue_name         text,
    in  i_consumer_name      text,
    in  i_min_lag            interval,
    in  i_min_count          int4,
    in  i_min_interval       interval,
    out batch_id             int8,
    out cur_tick_id          int8,
    out prev_tick_id         int8,
    out cur_tick_time        timestamptz,
    out prev_tick_time       timestamptz,
    out cur_tick_event_seq   int8,
    out prev_tick_event_seq  int8
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_queue_id     int4;
    v_consumer_id  int4;
    v_last_tick    int8;
    v_active       timestamptz;
begin
    loop
        -- The newest version of the consumer's row stands at the end of the index.
        select s.sub_queue, s.sub_consumer, s.sub_last_tick, s.sub_active,
               s.sub_batch,
               p.tick_id, p.tick_time, p.tick_event_seq,
               n.tick_id, n.tick_time, n.tick_event_seq
          into v_queue_id, v_consumer_id, v_last_tick, v_active,
               batch_id,
               prev_tick_id, prev_tick_time, prev_tick_event_seq,
               cur_tick_id, cur_tick_time, cur_tick_event_seq
          from pgq.consumer as c
         cross join pgq.queue as q
         cross join lateral (
                   select *
                     from pgq.subscription as n
                    where n.sub_queue = q.queue_id
                      and n.sub_consumer = c.co_id
                    order by n.sub_active desc
                    limit 1
               ) as s
          left join pgq.tick as p on p.tick_queue = s.sub_queue and p.tick_id = s.sub_last_tick
          left join pgq.tick as n on n.tick_queue = s.sub_queue and n.tick_id = s.sub_next_tick
         where q.queue_name = i_queue_name
           and c.co_name = i_consumer_name;
        if not found then
            raise exception 'Not subscriber to queue: %/%',
                coalesce(i_queue_name, 'NULL'), coalesce(i_consumer_name, 'NULL');
        end if;
        if prev_tick_id is null then
            raise exception 'PgQ corruption: Consumer % on queue % does not see tick %',
                i_consumer_name, i_queue_name, v_last_tick;
        end if;
        if batch_id is not null then
            return;
        end if;

        if i_min_count is null and i_min_interval is null then
            select t.tick_id, t.tick_time, t.tick_event_seq
              into cur_tick_id, cur_tick_time, cur_tick_event_seq
              from pgq.tick as t
             where t.tick_queue = v_queue_id
               and t.tick_id > v_last_tick
             order by t.tick_id
             limit 1;
        else
            select h.next_tick_id, h.next_tick_time, h.next_tick_seq
              into cur_tick_id, cur_tick_time, cur_tick_event_seq
              from pgq.find_tick_helper(
                       v_queue_id, v_last_tick, prev_tick_time, prev_tick_event_seq, i_min_count, i_min_interval
                   ) as h;
        end if;

        if cur_tick_id is null or pg_catalog.now() - cur_tick_time < i_min_lag then
            prev_tick_id := null;
            prev_tick_time := null;
            prev_tick_event_seq := null;
            cur_tick_id := null;
            cur_tick_time := null;
            cur_tick_event_seq := null;
            return;
        end if;

        update pgq.subscription as s
           set sub_batch = pg_catalog.nextval('pgq.batch_id_seq'),
               sub_next_tick = cur_tick_id,
               sub_active = pg_catalog.now()
         where s.sub_queue = v_queue_id
           and s.sub_consumer = v_consumer_id
           and s.sub_active = v_active
           and s.sub_last_tick = v_last_tick
           and s.sub_batch is null
        returning s.sub_batch into batch_id;
        if found then
            return;
        end if;
        -- Another session opened a batch, or moved or removed the consumer: look again.
    end loop;
end;
$$;

-- Function: pgq.next_batch_info(2)
--
-- Opens the consumer's next batch, to the next tick, or returns the one that is open.
--
-- Returns: one row; all null when there is no batch yet.
-- Raises:  as pgq.next_batch_custom(5).
create or replace function pgq.next_batch_info(
    in  i_queue_name         text,
    in  i_consumer_name      text,
    out batch_id             int8,
    out cur_tick_id          int8,
    out prev_tick_id         int8,
    out cur_tick_time        timestamptz,
    out prev_tick_time       timestamptz,
    out cur_tick_event_seq   int8,
    out prev_tick_event_seq  int8
)
returns record
language plpgsql
as $$
begin
    select f.batch_id, f.cur_tick_id, f.prev_tick_id, f.cur_tick_time, f.prev_tick_time,
           f.cur_tick_event_seq, f.prev_tick_event_seq
      into batch_id, cur_tick_id, prev_tick_id, cur_tick_time, prev_tick_time,
           cur_tick_event_seq, prev_tick_event_seq
      from pgq.next_batch_custom(i_queue_name, i_consumer_name, null, null, null) as f;
end;
$$;

-- Function: pgq.next_batch(2)
--
-- Opens the consumer's next batch, to the next tick, or returns the one that is open.
--
-- Returns: bigint, the batch; null when there is none yet.
-- Raises:  as pgq.next_batch_custom(5).
create or replace function pgq.next_batch(
    i_queue_name     text,
    i_consumer_name  text
)
returns int8
language plpgsql
as $$
begin
    return (
        select f.batch_id
          from pgq.next_batch_custom(i_queue_name, i_consumer_name, null, null, null) as f
    );
end;
$$;
