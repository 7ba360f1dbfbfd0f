-- Function: pgq.unregister_consumer(2)
--
-- Takes a consumer off a queue, with its retry events and, when it is a cooperative consumer, its members. A member
-- (named `<consumer>.<member>`, sharing the consumer's sub_id) is taken off alone. Safe to repeat.
--
-- Returns: integer, how many subscriptions were removed.
-- Locks:   the subscriptions' rows.
create or replace function pgq.unregister_consumer(
    x_queue_name     text,
    x_consumer_name  text
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id     int4;
    v_sub_id       int4;
    v_consumer_id  int4;
    v_is_member    boolean;
    v_gone         int4[];
begin
    select s.sub_queue, s.sub_id, s.sub_consumer
      into v_queue_id, v_sub_id, v_consumer_id
      from pgq.subscription as s
      join pgq.queue as q on q.queue_id = s.sub_queue
      join pgq.consumer as c on c.co_id = s.sub_consumer
     where q.queue_name = x_queue_name
       and c.co_name = x_consumer_name
       for update of s;
    if not found then
        return 0;
    end if;

    v_is_member := exists (
        select
          from pgq.subscription as s
          join pgq.consumer as c on c.co_id = s.sub_consumer
         where s.sub_id = v_sub_id
           and s.sub_queue = v_queue_id
           and pg_catalog.strpos(x_consumer_name, c.co_name || '.') = 1
    );

    if not v_is_member then
        delete from pgq.retry_queue as r
         where r.ev_owner = v_sub_id;
    end if;

    with gone as (
        delete from pgq.subscription as s
         where s.sub_queue = v_queue_id
           and s.sub_id = v_sub_id
           and (s.sub_consumer = v_consumer_id or not v_is_member)
        returning s.sub_consumer
    )
    select pg_catalog.array_agg(g.sub_consumer)
      into v_gone
      from gone as g;

    delete from pgq.consumer as c
     where c.co_id = any (v_gone)
       and not exists (select from pgq.subscription as s where s.sub_consumer = c.co_id);
    return coalesce(pg_catalog.cardinality(v_gone), 0);
end;
$$;
