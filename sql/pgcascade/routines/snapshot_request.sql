-- Function: pgcascade.begin_snapshot_request(0)
--
-- Reserves a request for a snapshot of this node and takes its lock for this session. The worker keeps the snapshot
-- as long as the session holds the lock, so the snapshot of a killed compare is released at once.
--
-- Returns: the id of the request.
-- Raises:  nothing.
-- Locks:   session level, advisory (1885827446, request_id mod 2^31).
create or replace function pgcascade.begin_snapshot_request()
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request_id  bigint;
begin
    v_request_id := pg_catalog.nextval('pgcascade.snapshot_request_id_seq');
    perform pg_catalog.pg_advisory_lock(1885827446, (v_request_id % 2147483648)::integer);
    return v_request_id;
end;
$$;


-- Function: pgcascade.request_snapshot(3)
--
-- Asks the worker of this node for a snapshot at a tick. To be committed before the worker can see the tick, else the
-- worker may have passed it and the request fails.
--
-- Returns: nothing.
-- Raises:  unique_violation when it is called twice for a request.
-- Locks:   none of its own.
create or replace function pgcascade.request_snapshot(
    p_request_id  bigint,
    p_queue_name  text,
    p_tick_id     bigint
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.snapshot_request (request_id, lock_key, queue_name, tick_id)
    values (p_request_id, (p_request_id % 2147483648)::integer, p_queue_name, p_tick_id);
$$;


-- Function: pgcascade.get_snapshot_request(1)
--
-- What has become of a request. A request that the worker has forgotten (it was restarted) is failed.
--
-- Returns: one row: state, snapshot, reason.
-- Raises:  nothing.
-- Locks:   none.
create or replace function pgcascade.get_snapshot_request(
    p_request_id  bigint,
    out state     text,
    out snapshot  text,
    out reason    text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select r.state, r.snapshot, r.reason
      into state, snapshot, reason
      from pgcascade.snapshot_request as r
     where r.request_id = p_request_id;
    if not found then
        state := 'failed';
        reason := 'The worker has forgotten the request.';
    end if;
end;
$$;


-- Function: pgcascade.end_snapshot_request(1)
--
-- Forgets a request and releases its lock when this session holds it. Safe to repeat; called by compare when it is
-- done, and by the worker for a compare that is gone.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the request's row.
create or replace function pgcascade.end_snapshot_request(
    p_request_id  bigint
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgcascade.snapshot_request as r
     where r.request_id = p_request_id;
    -- Unlocking what is not held is a warning in the server's log, so it is looked up first.
    perform pg_catalog.pg_advisory_unlock(1885827446, l.objid::bigint::integer)
       from pg_catalog.pg_locks as l
      where l.locktype = 'advisory'
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
        and l.classid = 1885827446
        and l.objid = (p_request_id % 2147483648)::oid
        and l.objsubid = 2
        and l.pid = pg_catalog.pg_backend_pid();
end;
$$;


-- Function: pgcascade.claim_snapshots(2)
--
-- The requests that the worker has to serve now: it has completed exactly their tick. Requests for an earlier tick
-- are marked as failed. Only the worker calls it, between two batches; when nothing is asked it reads an empty
-- table and writes nothing.
--
-- Returns: request_id and lock_key of each request; the same ones again until they are ready or failed.
-- Raises:  nothing.
-- Locks:   rows of requests that fail.
create or replace function pgcascade.claim_snapshots(
    p_queue_name        text,
    p_completed_tick    bigint,
    out request_id      bigint,
    out lock_key        integer
)
returns setof record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_late  record;
begin
    for v_late in
        select r.request_id
          from pgcascade.snapshot_request as r
         where r.queue_name = p_queue_name
           and r.state = 'waiting'
           and r.tick_id < p_completed_tick
    loop
        perform pgcascade.fail_snapshot(v_late.request_id, 'The worker had passed the tick already.');
        -- What a compare that was killed meanwhile has left.
        delete from pgcascade.snapshot_request as r
         where r.queue_name = p_queue_name
           and r.state = 'failed'
           and r.requested_at < pg_catalog.now() - interval '1 day';
    end loop;

    return query
    select r.request_id, r.lock_key
      from pgcascade.snapshot_request as r
     where r.queue_name = p_queue_name
       and r.state = 'waiting'
       and r.tick_id = p_completed_tick;
end;
$$;


-- Function: pgcascade.provide_snapshot(2)
--
-- Hands the worker's exported snapshot to the compare that asked for it. Only the worker calls it.
--
-- Returns: true; false when the request is gone or was answered before.
-- Raises:  nothing.
-- Locks:   the request's row.
create or replace function pgcascade.provide_snapshot(
    p_request_id  bigint,
    p_snapshot    text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgcascade.snapshot_request as r
       set state = 'ready',
           snapshot = p_snapshot
     where r.request_id = p_request_id
       and r.state = 'waiting';
    if not found then
        return false;
    end if;
    perform pg_catalog.pg_notify('pgcascade_snapshot', p_request_id::text);
    return true;
end;
$$;


-- Function: pgcascade.fail_snapshot(2)
--
-- Tells the compare that there will be no snapshot. Only the worker calls it; safe to repeat.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the request's row.
create or replace function pgcascade.fail_snapshot(
    p_request_id  bigint,
    p_reason      text
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgcascade.snapshot_request as r
       set state = 'failed',
           snapshot = null,
           reason = p_reason
     where r.request_id = p_request_id;
    perform pg_catalog.pg_notify('pgcascade_snapshot', p_request_id::text);
end;
$$;


-- Function: pgcascade.forget_snapshots(1)
--
-- Forgets what a former worker of this node has answered: its snapshots ended with it. Called by the worker when it
-- starts; safe to repeat. A compare that has imported its snapshot already does not notice.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the rows of answered requests.
create or replace function pgcascade.forget_snapshots(
    p_queue_name  text
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from pgcascade.snapshot_request as r
     where r.queue_name = p_queue_name
       and r.state <> 'waiting';
$$;
