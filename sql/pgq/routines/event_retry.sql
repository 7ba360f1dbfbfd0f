-- Function: pgq.event_retry(3)
--
-- Asks for one event of an open batch again at a later time. Safe to repeat.
--
-- Returns: integer, 1 when it was put down, 0 when it was before.
-- Raises:  'event not found'; as pgq.batch_event_sql(1).
create or replace function pgq.event_retry(
    x_batch_id    bigint,
    x_event_id    bigint,
    x_retry_time  timestamptz
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sub_id    int4;
    v_queue_id  int4;
    v_event     record;
begin
    if not exists (select from pgq.subscription as s where s.sub_batch = x_batch_id) then
        raise exception 'event not found';
    end if;
    execute 'select * from (' || pgq.batch_event_sql(x_batch_id) || ') as e where e.ev_id = $1'
       into v_event
      using x_event_id;
    if v_event.ev_id is null then
        raise exception 'event not found';
    end if;

    select s.sub_id, s.sub_queue
      into v_sub_id, v_queue_id
      from pgq.subscription as s
     where s.sub_batch = x_batch_id;

    insert into pgq.retry_queue (
               ev_retry_after, ev_queue, ev_id, ev_time, ev_txid, ev_owner, ev_retry,
               ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4
           )
    values (
               x_retry_time, v_queue_id, v_event.ev_id, v_event.ev_time, null, v_sub_id,
               coalesce(v_event.ev_retry, 0) + 1,
               v_event.ev_type, v_event.ev_data,
               v_event.ev_extra1, v_event.ev_extra2, v_event.ev_extra3, v_event.ev_extra4
           )
        on conflict on constraint rq_pkey do nothing;
    return found::int4;
end;
$$;

-- Function: pgq.event_retry(3)
--
-- Asks for one event of an open batch again after so many seconds. Safe to repeat.
--
-- Returns: integer, 1 when it was put down, 0 when it was before.
-- Raises:  'event not found'; as pgq.batch_event_sql(1).
create or replace function pgq.event_retry(
    x_batch_id       bigint,
    x_event_id       bigint,
    x_retry_seconds  integer
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq.event_retry(
        x_batch_id,
        x_event_id,
        pg_catalog.now() + pg_catalog.make_interval(secs => x_retry_seconds)
    );
end;
$$;
