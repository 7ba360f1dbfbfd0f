-- Function: pgq_node._newest_tick(1)
--
-- Returns: the newest tick of a local queue; null when there is no such queue (a leaf has none).
create or replace function pgq_node._newest_tick(
    p_queue_name text
)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The subselect makes this one step into the index, however many ticks there are.
    select (select t.tick_id
              from pgq.tick as t
             where t.tick_queue = q.queue_id
             order by t.tick_id desc
             limit 1)
      from pgq.queue as q
     where q.queue_name = p_queue_name;
$$;

-- Function: pgq_node._consumer_tick(2)
--
-- Returns: the last tick a consumer of a local queue has finished; null when it is not registered.
create or replace function pgq_node._consumer_tick(
    p_queue_name    text,
    p_consumer_name text
)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select s.sub_last_tick
      from pgq.queue as q
      join pgq.subscription as s
        on s.sub_queue = q.queue_id
      join pgq.consumer as c
        on c.co_id = s.sub_consumer
     where q.queue_name = p_queue_name
       and c.co_name = p_consumer_name;
$$;

-- Function: pgq_node._lowest_tick(1)
--
-- Returns: the watermark of a root or branch: the lowest position of all consumers but the global watermark
--          itself, the newest tick when there is none.
create or replace function pgq_node._lowest_tick(
    p_queue_name text
)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (select min(s.sub_last_tick)
           from pgq.queue as q
           join pgq.subscription as s
             on s.sub_queue = q.queue_id
           join pgq.consumer as c
             on c.co_id = s.sub_consumer
          where q.queue_name = p_queue_name
            and c.co_name <> '.global_watermark'),
        pgq_node._newest_tick(p_queue_name));
$$;
