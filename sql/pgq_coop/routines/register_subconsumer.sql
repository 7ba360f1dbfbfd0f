-- Function: pgq_coop.register_subconsumer(3)
--
-- Registers a member of a cooperative consumer, and the consumer itself at the newest tick when it is not there. The
-- member is the consumer `<consumer>.<subconsumer>`; it has no position while it has no batch. Safe to repeat.
--
-- Returns: integer, 1 when it was registered, 0 when it was there.
-- Raises:  'Invalid NULL value'; 'consumer ... is registered and is not a subconsumer of ...'; as
--          pgq.register_consumer(2).
-- Locks:   the main consumer's subscription row.
create or replace function pgq_coop.register_subconsumer(
    i_queue_name        text,
    i_consumer_name     text,
    i_subconsumer_name  text
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name         text := i_consumer_name || '.' || i_subconsumer_name;
    v_queue_id     integer;
    v_sub_id       integer;
    v_other_id     integer;
    v_consumer_id  integer;
begin
    if i_queue_name is null or v_name is null then
        raise exception 'Invalid NULL value';
    end if;
    perform pgq.register_consumer(i_queue_name, i_consumer_name);

    -- One registration at a time, and none while the main consumer is being unregistered.
    select s.sub_queue, s.sub_id
      into strict v_queue_id, v_sub_id
      from pgq.subscription as s
      join pgq.queue as q on q.queue_id = s.sub_queue
      join pgq.consumer as c on c.co_id = s.sub_consumer
     where q.queue_name = i_queue_name
       and c.co_name = i_consumer_name
       for update of s;

    select s.sub_id
      into v_other_id
      from pgq.subscription as s
      join pgq.consumer as c on c.co_id = s.sub_consumer
     where s.sub_queue = v_queue_id
       and c.co_name = v_name;
    if found then
        if v_other_id <> v_sub_id then
            raise exception 'consumer % is registered and is not a subconsumer of %', v_name, i_consumer_name;
        end if;
        return 0;
    end if;

    -- The name may be dropped by an unregister elsewhere between our two statements.
    loop
        select c.co_id
          into v_consumer_id
          from pgq.consumer as c
         where c.co_name = v_name
           for key share;
        exit when found;
        insert into pgq.consumer (co_name)
        values (v_name)
            on conflict on constraint consumer_name_uq do nothing;
    end loop;

    insert into pgq.subscription (sub_id, sub_queue, sub_consumer, sub_last_tick)
    values (v_sub_id, v_queue_id, v_consumer_id, null);
    return 1;
end;
$$;
