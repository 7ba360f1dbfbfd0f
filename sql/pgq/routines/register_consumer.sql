-- Function: pgq.register_consumer_at(3)
--
-- Registers a consumer on a queue, at a given tick or with null at the newest one. A consumer that is registered is
-- moved to the given tick and loses its open batch; with null it stays as it is. Safe to repeat.
--
-- Returns: integer, 1 when it was registered, 0 when it was there.
-- Raises:  'Event queue not created yet'; 'No ticks for this queue.  Please run ticker on database.';
--          'cannot reposition, tick not found: ...'.
-- Locks:   the queue's row in share mode, so that rotation does not drop the tick and its events meanwhile.
create or replace function pgq.register_consumer_at(
    x_queue_name     text,
    x_consumer_name  text,
    x_tick_pos       bigint
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id     int4;
    v_consumer_id  int4;
    v_tick_id      bigint;
begin
    select q.queue_id
      into v_queue_id
      from pgq.queue as q
     where q.queue_name = x_queue_name
       for share;
    if not found then
        raise exception 'Event queue not created yet';
    end if;

    if x_tick_pos is not null
       and not exists (
               select from pgq.tick as t
                where t.tick_queue = v_queue_id
                  and t.tick_id = x_tick_pos
           )
    then
        raise exception 'cannot reposition, tick not found: %', x_tick_pos;
    end if;

    -- The name may be dropped by an unregister elsewhere between our two statements.
    loop
        select c.co_id
          into v_consumer_id
          from pgq.consumer as c
         where c.co_name = x_consumer_name
           for key share;
        exit when found;
        insert into pgq.consumer (co_name)
        values (x_consumer_name)
            on conflict on constraint consumer_name_uq do nothing;
    end loop;

    if x_tick_pos is not null then
        update pgq.subscription as s
           set sub_last_tick = x_tick_pos,
               sub_next_tick = null,
               sub_batch = null,
               sub_active = pg_catalog.now()
         where s.sub_queue = v_queue_id
           and s.sub_consumer = v_consumer_id;
    else
        perform
           from pgq.subscription as s
          where s.sub_queue = v_queue_id
            and s.sub_consumer = v_consumer_id;
    end if;
    if found then
        return 0;
    end if;

    v_tick_id := x_tick_pos;
    if v_tick_id is null then
        select t.tick_id
          into v_tick_id
          from pgq.tick as t
         where t.tick_queue = v_queue_id
         order by t.tick_id desc
         limit 1;
        if not found then
            raise exception 'No ticks for this queue.  Please run ticker on database.';
        end if;
    end if;

    insert into pgq.subscription (sub_queue, sub_consumer, sub_last_tick)
    values (v_queue_id, v_consumer_id, v_tick_id);
    return 1;
end;
$$;

-- Function: pgq.register_consumer(2)
--
-- Registers a consumer on a queue at the newest tick. Safe to repeat: a registered consumer keeps its position.
--
-- Returns: integer, 1 when it was registered, 0 when it was there.
-- Raises:  as pgq.register_consumer_at(3).
create or replace function pgq.register_consumer(
    x_queue_name   text,
    x_consumer_id  text
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq.register_consumer_at(x_queue_name, x_consumer_id, null);
end;
$$;
