-- Function: pgq.batch_event_tables(1)
--
-- Which event tables may hold events of an open batch: the current one, the one before it, or both. Rotation sees
-- to it that nobody writes to any other (pgq.maint_rotate_tables_step2), and empties a table only when no consumer
-- needs it any more.
--
-- Returns: setof text, `schema.table`.
-- Raises:  'Cannot find data for batch ...'.
create or replace function pgq.batch_event_tables(
    x_batch_id  bigint
)
returns setof text
language plpgsql
set enable_seqscan = off
as $$
declare
    v_queue_id  int4;
    v_queue     pgq.queue%rowtype;
    v_min       bigint;
    v_max       bigint;
begin
    select s.sub_queue,
           pg_catalog.txid_snapshot_xmin(p.tick_snapshot),
           pg_catalog.txid_snapshot_xmax(n.tick_snapshot)
      into v_queue_id, v_min, v_max
      from (select * from pgq.subscription as b where b.sub_batch = x_batch_id limit 1) as s
      join pgq.tick as p on p.tick_queue = s.sub_queue and p.tick_id = s.sub_last_tick
      join pgq.tick as n on n.tick_queue = s.sub_queue and n.tick_id = s.sub_next_tick;
    if not found then
        raise exception 'Cannot find data for batch %', x_batch_id;
    end if;

    select *
      into v_queue
      from pgq.queue as q
     where q.queue_id = v_queue_id;

    if v_max < v_queue.queue_switch_step1
       or v_queue.queue_switch_step2 is null
       or v_min <= v_queue.queue_switch_step2
    then
        return next v_queue.queue_data_pfx || '_'
            || ((v_queue.queue_cur_table - 1 + v_queue.queue_ntables) % v_queue.queue_ntables)::text;
    end if;
    if v_max >= v_queue.queue_switch_step1 then
        return next v_queue.queue_data_pfx || '_' || v_queue.queue_cur_table::text;
    end if;
end;
$$;
