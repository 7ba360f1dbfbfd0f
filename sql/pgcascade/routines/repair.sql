-- Function: pgcascade.hold_at_snapshot(1)
--
-- Makes a request for a snapshot one at which the worker stands still until it has ended. To be called in the same
-- place as request_snapshot: before the worker can see the tick.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the request's row.
create or replace function pgcascade.hold_at_snapshot(
    p_request_id  bigint
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    update pgcascade.snapshot_request as r
       set holds = true
     where r.request_id = p_request_id;
$$;


-- Function: pgcascade.lock_position(2)
--
-- Keeps this node at a tick until the transaction ends: no worker can begin to write a batch meanwhile, nor the consumer of a
-- copy, whether it was told to stand still or not; one that is at it is waited for.
--
-- Returns: true when the node is at the tick; false when its worker has gone on, or there is no such node.
-- Raises:  nothing.
-- Locks:   advisory (1885827454, queue), which each batch shares, and the worker's row in pgq_node.local_state.
create or replace function pgcascade.lock_position(
    p_queue_name  text,
    p_tick_id     bigint
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick_id  bigint;
begin
    perform pg_advisory_xact_lock(1885827454, hashtext(p_queue_name));
    -- A statement of its own, whose snapshot is newer than the lock.
    select s.last_tick_id
      into v_tick_id
      from pgq_node.node_info as n
      join pgq_node.local_state as s
        on s.queue_name = n.queue_name
       and s.consumer_name = n.worker_name
     where n.queue_name = p_queue_name
       for update of s;
    return coalesce(v_tick_id = p_tick_id, false);
end;
$$;


-- Function: pgcascade.lock_in_sync(2)
--
-- Keeps a table in sync until the transaction ends: a resync waits.
--
-- Returns: true when the table is replicated here, in sync and not parked; false for every other.
-- Raises:  nothing.
-- Locks:   the table's row in londiste.table_info, for share.
create or replace function pgcascade.lock_in_sync(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
       from londiste.table_info as t
      where t.queue_name = p_queue_name
        and t.table_name = p_table_name
        and t.local
        and t.merge_state = 'ok'
        for share;
    return found and not exists (
        select
          from pgcascade.table_error as e
         where e.queue_name = p_queue_name
           and e.table_name = p_table_name
    );
end;
$$;


-- Function: pgcascade.catch_up_from(3)
--
-- Takes up a parked table whose rows are those of the provider at a tick: its events since then are applied, and it is in
-- sync when it has come to the worker. Its consumer must have been registered on the provider at that tick. To be called
-- in the transaction that made the rows so, and begun with lock_parked.
--
-- Returns: nothing.
-- Raises:  PC400 when the table is not replicated here any more.
-- Locks:   the table's row in londiste.table_info, and what clear_table_state locks.
create or replace function pgcascade.catch_up_from(
    p_queue_name  text,
    p_table_name  text,
    p_tick_id     bigint
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ret_code  integer;
    v_ret_note  text;
begin
    perform pgcascade.clear_table_state(p_queue_name, p_table_name);
    select s.ret_code, s.ret_note
      into v_ret_code, v_ret_note
      from londiste.local_set_table_state(p_queue_name, p_table_name, null, 'catching-up') as s;
    if v_ret_code >= 300 then
        raise exception '%', v_ret_note using errcode = 'PC400';
    end if;
    perform pgq_node.register_consumer(p_queue_name, n.worker_name || '.copy.' || p_table_name, w.provider_node, p_tick_id)
       from pgq_node.node_info as n
       join pgq_node.local_state as w
         on w.queue_name = n.queue_name
        and w.consumer_name = n.worker_name
      where n.queue_name = p_queue_name;
end;
$$;


-- Function: pgcascade.lock_parked(2)
--
-- Keeps a table parked until the transaction ends: a resync waits.
--
-- Returns: true when the table is parked; false when it is not, or waits for its shape with its events kept.
-- Raises:  nothing.
-- Locks:   the table's rows in londiste.table_info and pgcascade.table_error.
create or replace function pgcascade.lock_parked(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
       from londiste.table_info as t
      where t.queue_name = p_queue_name
        and t.table_name = p_table_name
        and t.local
        for update;
    if not found then
        return false;
    end if;
    perform
       from pgcascade.table_error as e
      where e.queue_name = p_queue_name
        and e.table_name = p_table_name
        for update;
    return found and not exists (
        select
          from pgcascade.waiting_table as w
         where w.queue_name = p_queue_name
           and w.table_name = p_table_name
    );
end;
$$;
