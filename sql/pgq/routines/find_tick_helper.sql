-- Function: pgq.find_tick_helper(6)
--
-- Finds the tick that ends a batch of a wished size: the newest one when it is far enough, in events or in time, but
-- not more than twice as far as wished; else the first one that is far enough.
--
-- Returns: one row; all null when no tick is far enough yet.
create or replace function pgq.find_tick_helper(
    in  i_queue_id        int4,
    in  i_prev_tick_id    int8,
    in  i_prev_tick_time  timestamptz,
    in  i_prev_tick_seq   int8,
    in  i_min_count       int8,
    in  i_min_interval    interval,
    out next_tick_id      int8,
    out next_tick_time    timestamptz,
    out next_tick_seq     int8
)
returns record
language plpgsql
as $$
declare
    v_count     int8;
    v_interval  interval;
begin
    select t.tick_id, t.tick_time, t.tick_event_seq
      into next_tick_id, next_tick_time, next_tick_seq
      from pgq.tick as t
     where t.tick_queue = i_queue_id
       and t.tick_id > i_prev_tick_id
     order by t.tick_id desc
     limit 1;
    if not found then
        return;
    end if;

    v_count := next_tick_seq - i_prev_tick_seq;
    v_interval := next_tick_time - i_prev_tick_time;
    if v_count > i_min_count * 2 or v_interval > i_min_interval * 2 then
        select t.tick_id, t.tick_time, t.tick_event_seq
          into next_tick_id, next_tick_time, next_tick_seq
          from pgq.tick as t
         where t.tick_queue = i_queue_id
           and t.tick_id > i_prev_tick_id
           and (t.tick_event_seq - i_prev_tick_seq >= i_min_count
                or t.tick_time - i_prev_tick_time >= i_min_interval)
         order by t.tick_id
         limit 1;
    elsif v_count >= i_min_count or v_interval >= i_min_interval then
        null;
    else
        next_tick_id := null;
        next_tick_time := null;
        next_tick_seq := null;
    end if;
end;
$$;
