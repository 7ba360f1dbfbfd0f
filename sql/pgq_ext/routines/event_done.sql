-- Function: pgq_ext.is_event_done(4)
--
-- Whether an event of the batch that is being worked on was done.
--
-- Returns: boolean.
create or replace function pgq_ext.is_event_done(
    a_consumer     text,
    a_subconsumer  text,
    a_batch_id     bigint,
    a_event_id     bigint
)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
          from pgq_ext.completed_event as e
         where e.consumer_id = a_consumer
           and e.subconsumer_id = a_subconsumer
           and e.batch_id = a_batch_id
           and e.event_id = a_event_id
    );
$$;

-- Function: pgq_ext.is_event_done(3)
--
-- As pgq_ext.is_event_done(4), for a consumer without parts.
--
-- Returns: boolean.
create or replace function pgq_ext.is_event_done(
    a_consumer  text,
    a_batch_id  bigint,
    a_event_id  bigint
)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pgq_ext.is_event_done(a_consumer, '', a_batch_id, a_event_id);
$$;

-- Function: pgq_ext.set_event_done(4)
--
-- Records an event as done, in the transaction that writes what was in it. The first event of another batch removes
-- the record of the batch before.
--
-- Returns: boolean, true when it was recorded now, false when it was before: the caller then rolls back.
-- Locks:   the consumer's row in pgq_ext.partial_batch.
create or replace function pgq_ext.set_event_done(
    a_consumer     text,
    a_subconsumer  text,
    a_batch_id     bigint,
    a_event_id     bigint
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_batch_id  bigint;
begin
    insert into pgq_ext.partial_batch (consumer_id, subconsumer_id, cur_batch_id)
    values (a_consumer, a_subconsumer, a_batch_id)
        on conflict on constraint partial_batch_pkey do nothing;

    select p.cur_batch_id
      into v_batch_id
      from pgq_ext.partial_batch as p
     where p.consumer_id = a_consumer
       and p.subconsumer_id = a_subconsumer
       for update;
    if v_batch_id <> a_batch_id then
        delete from pgq_ext.completed_event as e
         where e.consumer_id = a_consumer
           and e.subconsumer_id = a_subconsumer
           and e.batch_id = v_batch_id;
        update pgq_ext.partial_batch as p
           set cur_batch_id = a_batch_id
         where p.consumer_id = a_consumer
           and p.subconsumer_id = a_subconsumer;
    end if;

    insert into pgq_ext.completed_event (consumer_id, subconsumer_id, batch_id, event_id)
    values (a_consumer, a_subconsumer, a_batch_id, a_event_id)
        on conflict on constraint completed_event_pkey do nothing;
    return found;
end;
$$;

-- Function: pgq_ext.set_event_done(3)
--
-- As pgq_ext.set_event_done(4), for a consumer without parts.
--
-- Returns: boolean.
create or replace function pgq_ext.set_event_done(
    a_consumer  text,
    a_batch_id  bigint,
    a_event_id  bigint
)
returns boolean
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pgq_ext.set_event_done(a_consumer, '', a_batch_id, a_event_id);
$$;
