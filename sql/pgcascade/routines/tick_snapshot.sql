-- Function: pgcascade.insert_snapshot_tick(1)
--
-- Adds a tick to a queue whose snapshot is the snapshot of the calling transaction, and nothing else: whoever
-- imports that transaction's snapshot sees exactly the rows of "all events up to this tick".
--
-- The caller must hold the queue's tick lock, taken before the transaction had a snapshot:
-- pg_advisory_lock(1885827445, queue_id). Ticks are then made one at a time and in the order of their snapshots;
-- a tick with a later id and an earlier snapshot would make the next batch repeat events.
--
-- Not to be repeated in one transaction: each call adds a tick.
--
-- Returns: the id of the new tick.
-- Raises:  PC302 when the queue is not there; PC315 when it gets its ticks from another node;
--          PC900 when the transaction is not repeatable read, or the tick lock is not held.
-- Locks:   none of its own.
create or replace function pgcascade.insert_snapshot_tick(
    p_queue_name  text
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue    record;
    v_tick_id  bigint;
begin
    -- In read committed every statement has a snapshot of its own: the tick's would be nobody's.
    if pg_catalog.current_setting('transaction_isolation') not in ('repeatable read', 'serializable') then
        raise exception 'A tick that is a snapshot needs a repeatable read transaction.'
            using errcode = 'PC900';
    end if;

    select q.queue_id, q.queue_external_ticker, q.queue_tick_seq, q.queue_event_seq
      into v_queue
      from pgq.queue as q
     where q.queue_name = p_queue_name;
    if not found then
        raise exception 'Queue "%" does not exist.', p_queue_name
            using errcode = 'PC302';
    end if;
    if v_queue.queue_external_ticker then
        -- Who asks here has seen it open.
        raise exception 'Queue "%" gets its ticks from another node: a takeover has closed it.', p_queue_name
            using errcode = 'PC315';
    end if;

    if not exists (
        select 1
          from pg_catalog.pg_locks as l
         where l.locktype = 'advisory'
           and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
           and l.classid = 1885827445
           and l.objid = v_queue.queue_id
           and l.objsubid = 2
           and l.pid = pg_catalog.pg_backend_pid()
           and l.granted
    ) then
        raise exception 'The tick lock of queue "%" is not held.', p_queue_name
            using errcode = 'PC900';
    end if;

    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_snapshot, tick_event_seq)
    values (
        v_queue.queue_id,
        pg_catalog.nextval(v_queue.queue_tick_seq::regclass),
        pg_catalog.now(),
        pg_catalog.txid_current_snapshot(),
        pgq.seq_getval(v_queue.queue_event_seq)
    )
    returning tick_id
         into v_tick_id;
    return v_tick_id;
end;
$$;


-- Function: pgcascade.completed_tick(1)
--
-- The tick up to which this node's worker has applied everything, as the calling transaction sees it. On a branch
-- every committed state is a tick boundary, so this names the state that a snapshot shows.
--
-- Returns: the tick id; null when the database is no node of the queue.
-- Raises:  nothing.
-- Locks:   none.
create or replace function pgcascade.completed_tick(
    p_queue_name  text
)
returns bigint
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.last_tick_id
      from pgq_node.node_info as n
      join pgq_node.local_state as s
        on s.queue_name = n.queue_name
       and s.consumer_name = n.worker_name
     where n.queue_name = p_queue_name;
$$;
