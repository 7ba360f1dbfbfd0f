-- Function: pgq_coop.next_batch_custom(7)
--
-- Gives a member of a cooperative consumer its open batch; or, with i_dead_interval, the batch of a member that was
-- not heard of for so long, which is then unregistered; or the next batch of the main consumer, with the limits of
-- pgq.next_batch_custom. Registers the member when it is not there. Members get different batches whatever the timing,
-- and work on them at the same time: there is no order between them.
--
-- A batch that is taken over keeps its id, so a target that has recorded it as done sees that it is done.
--
-- Returns: bigint, the batch; null when there is none yet.
-- Raises:  'main consumer has batch open?'; as pgq_coop.register_subconsumer(3) and pgq.next_batch_custom(5).
-- Locks:   the main consumer's subscription row, and those it changes.
create or replace function pgq_coop.next_batch_custom(
    i_queue_name        text,
    i_consumer_name     text,
    i_subconsumer_name  text,
    i_min_lag           interval,
    i_min_count         integer,
    i_min_interval      interval,
    i_dead_interval     interval
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_name    text := i_consumer_name || '.' || i_subconsumer_name;
    v_ids     record;
    v_main    record;
    v_member  record;
    v_dead    record;
    v_next    record;
begin
    for v_pass in 1 .. 2 loop
        -- As in pgq.next_batch_custom: the newest version of a row is the last one in the index.
        select q.queue_id,
               (select c.co_id from pgq.consumer as c where c.co_name = i_consumer_name) as main,
               (select c.co_id from pgq.consumer as c where c.co_name = v_name) as member
          into v_ids
          from pgq.queue as q
         where q.queue_name = i_queue_name;
        select s.sub_queue, s.sub_id, s.sub_consumer, s.sub_batch
          into v_main
          from pgq.subscription as s
         where s.sub_queue = v_ids.queue_id
           and s.sub_consumer = v_ids.main
         order by s.sub_active desc
         limit 1
           for update;
        if found then
            if v_main.sub_batch is not null then
                raise exception 'main consumer has batch open?';
            end if;
            select s.sub_consumer, s.sub_batch, s.sub_active
              into v_member
              from pgq.subscription as s
             where s.sub_queue = v_main.sub_queue
               and s.sub_id = v_main.sub_id
               and s.sub_consumer = v_ids.member
             order by s.sub_active desc
             limit 1
               for update;
        end if;
        exit when found;
        perform pgq_coop.register_subconsumer(i_queue_name, i_consumer_name, i_subconsumer_name);
    end loop;

    if v_member.sub_batch is not null then
        -- Whoever asks is alive: nobody shall take the batch away.
        update pgq.subscription as s
           set sub_active = pg_catalog.now()
         where s.sub_queue = v_main.sub_queue
           and s.sub_consumer = v_member.sub_consumer
           and s.sub_active = v_member.sub_active;
        return v_member.sub_batch;
    end if;

    if i_dead_interval is not null then
        select s.sub_consumer, s.sub_last_tick, s.sub_next_tick, s.sub_batch
          into v_dead
          from pgq.subscription as s
         where s.sub_queue = v_main.sub_queue
           and s.sub_id = v_main.sub_id
           and s.sub_consumer not in (v_main.sub_consumer, v_member.sub_consumer)
           and s.sub_batch is not null
           and s.sub_active < pg_catalog.now() - i_dead_interval
         order by s.sub_active
         limit 1
           for update skip locked;
        if found then
            delete from pgq.subscription as s
             where s.sub_queue = v_main.sub_queue
               and s.sub_consumer = v_dead.sub_consumer;
            delete from pgq.consumer as c
             where c.co_id = v_dead.sub_consumer
               and not exists (select from pgq.subscription as s where s.sub_consumer = c.co_id);
            update pgq.subscription as s
               set sub_last_tick = v_dead.sub_last_tick,
                   sub_next_tick = v_dead.sub_next_tick,
                   sub_batch = v_dead.sub_batch,
                   sub_active = pg_catalog.now()
             where s.sub_queue = v_main.sub_queue
               and s.sub_consumer = v_member.sub_consumer
               and s.sub_active = v_member.sub_active;
            return v_dead.sub_batch;
        end if;
    end if;

    select n.batch_id, n.prev_tick_id, n.cur_tick_id
      into v_next
      from pgq.next_batch_custom(i_queue_name, i_consumer_name, i_min_lag, i_min_count, i_min_interval) as n;
    if v_next.batch_id is null then
        return null;
    end if;
    perform pgq.finish_batch(v_next.batch_id);
    update pgq.subscription as s
       set sub_last_tick = v_next.prev_tick_id,
           sub_next_tick = v_next.cur_tick_id,
           sub_batch = v_next.batch_id,
           sub_active = pg_catalog.now()
     where s.sub_queue = v_main.sub_queue
       and s.sub_consumer = v_member.sub_consumer
       and s.sub_active = v_member.sub_active;
    return v_next.batch_id;
end;
$$;

-- Function: pgq_coop.next_batch_custom(6)
--
-- As pgq_coop.next_batch_custom(7), never taking over a batch.
--
-- Returns: bigint, the batch; null when there is none yet.
create or replace function pgq_coop.next_batch_custom(
    i_queue_name        text,
    i_consumer_name     text,
    i_subconsumer_name  text,
    i_min_lag           interval,
    i_min_count         integer,
    i_min_interval      interval
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(
        i_queue_name, i_consumer_name, i_subconsumer_name, i_min_lag, i_min_count, i_min_interval, null
    );
end;
$$;

-- Function: pgq_coop.next_batch(4)
--
-- As pgq_coop.next_batch_custom(7), to the next tick.
--
-- Returns: bigint, the batch; null when there is none yet.
create or replace function pgq_coop.next_batch(
    i_queue_name        text,
    i_consumer_name     text,
    i_subconsumer_name  text,
    i_dead_interval     interval
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(
        i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, i_dead_interval
    );
end;
$$;

-- Function: pgq_coop.next_batch(3)
--
-- As pgq_coop.next_batch_custom(7), to the next tick and never taking over a batch.
--
-- Returns: bigint, the batch; null when there is none yet.
create or replace function pgq_coop.next_batch(
    i_queue_name        text,
    i_consumer_name     text,
    i_subconsumer_name  text
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq_coop.next_batch_custom(
        i_queue_name, i_consumer_name, i_subconsumer_name, null, null, null, null
    );
end;
$$;
