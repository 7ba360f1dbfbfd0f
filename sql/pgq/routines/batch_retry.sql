-- Function: pgq.batch_retry(2)
--
-- Asks for all events of an open batch again after so many seconds. Safe to repeat.
--
-- Returns: integer, how many events were put down now.
-- Raises:  'batch_retry: batch ... not found'.
create or replace function pgq.batch_retry(
    i_batch_id       bigint,
    i_retry_seconds  integer
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sub_id    int4;
    v_queue_id  int4;
    v_count     integer;
begin
    select s.sub_id, s.sub_queue
      into v_sub_id, v_queue_id
      from pgq.subscription as s
     where s.sub_batch = i_batch_id;
    if not found then
        raise exception 'batch_retry: batch % not found', i_batch_id;
    end if;

    execute 'insert into pgq.retry_queue ('
        || 'ev_retry_after, ev_queue, ev_id, ev_time, ev_txid, ev_owner, ev_retry, '
        || 'ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4) '
        || 'select $1, $2, e.ev_id, e.ev_time, null, $3, coalesce(e.ev_retry, 0) + 1, '
        || 'e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4 '
        || 'from (' || pgq.batch_event_sql(i_batch_id) || ') as e '
        || 'on conflict on constraint rq_pkey do nothing'
      using pg_catalog.now() + pg_catalog.make_interval(secs => i_retry_seconds), v_queue_id, v_sub_id;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;
