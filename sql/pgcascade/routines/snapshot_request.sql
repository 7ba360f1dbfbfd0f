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


-- Function: pgcascade.request_group_snapshot(5)
--
-- Asks the workers of several queues that feed this database for one snapshot: each stops at its own tick until all
-- are there. To be called once for each queue, with a request of its own; as request_snapshot, before the worker can
-- see the tick.
--
-- p_group_id: the request of one of them, the same for all. p_group_size: how many there are.
--
-- Returns: nothing.
-- Raises:  unique_violation when it is called twice for a request.
-- Locks:   none of its own.
create or replace function pgcascade.request_group_snapshot(
    p_request_id  bigint,
    p_queue_name  text,
    p_tick_id     bigint,
    p_group_id    bigint,
    p_group_size  integer
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.snapshot_request (request_id, lock_key, queue_name, tick_id, group_id, group_size)
    values (p_request_id, (p_request_id % 2147483648)::integer, p_queue_name, p_tick_id, p_group_id, p_group_size);
$$;


-- Function: pgcascade.reach_snapshot(2)
--
-- What the worker that stands at the tick of a request has to do. Only the worker calls it, again and again while the
-- answer is to hold.
--
-- p_longest: how long it may stand still for the others.
--
-- Returns: open  open the snapshot now, for the whole group where there is one: all its workers stand still;
--          hold  begin no batch: the others are not there yet, or a repair has the snapshot and writes;
--          gone  the compare or repair has ended or needs nothing more, or it took too long.
-- Raises:  nothing.
-- Locks:   the rows of the group, so that one of two that come at the same time is the last.
create or replace function pgcascade.reach_snapshot(
    p_request_id  bigint,
    p_longest     interval
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request  record;
    v_missing  integer;
begin
    select r.group_id,
           r.group_size,
           r.lock_key,
           r.reached_at,
           r.holds,
           r.state
      into v_request
      from pgcascade.snapshot_request as r
     where r.request_id = p_request_id;
    if not found then
        return 'gone';
    end if;
    if v_request.state <> 'waiting' and not v_request.holds then
        return 'gone';
    end if;
    if v_request.group_id is null and v_request.state = 'waiting' then
        update pgcascade.snapshot_request as r
           set reached_at = pg_catalog.clock_timestamp()
         where r.request_id = p_request_id
           and r.holds;
        return 'open';
    end if;
    -- The compare holds this lock as long as it lives.
    if pg_catalog.pg_try_advisory_xact_lock_shared(1885827446, v_request.lock_key) then
        perform pgcascade.end_snapshot_request(p_request_id);
        return 'gone';
    end if;
    if v_request.state <> 'waiting' then
        -- A repair that takes too long goes on; its transaction holds up the worker then, by lock_position.
        if v_request.state = 'ready' and v_request.reached_at >= pg_catalog.clock_timestamp() - 4 * p_longest then
            return 'hold';
        end if;
        update pgcascade.snapshot_request as r
           set holds = false
         where r.request_id = p_request_id;
        return 'gone';
    end if;
    perform
       from pgcascade.snapshot_request as r
      where r.group_id = v_request.group_id
      order by r.request_id
        for update;
    update pgcascade.snapshot_request as r
       set reached_at = coalesce(r.reached_at, pg_catalog.clock_timestamp())
     where r.request_id = p_request_id;
    select v_request.group_size - count(r.reached_at)
      into v_missing
      from pgcascade.snapshot_request as r
     where r.group_id = v_request.group_id
       and r.state = 'waiting';
    if v_missing = 0 then
        return 'open';
    end if;
    if v_request.reached_at < pg_catalog.clock_timestamp() - p_longest then
        perform pgcascade.fail_snapshot(p_request_id, 'The workers of the other queues did not come to their ticks soon enough.');
        return 'gone';
    end if;
    return 'hold';
end;
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
-- Returns: request_id and lock_key of each request; the same ones again until they are ready or failed, or, where the
--          worker stands still for them, until they have ended.
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
       and (r.state = 'waiting' or r.state = 'ready' and r.holds)
       and r.tick_id = p_completed_tick;
end;
$$;


-- Function: pgcascade.awaits_snapshot(1)
--
-- Whether somebody waits for a snapshot at a tick that the worker has still to come to: it must not pass over it.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   none.
create or replace function pgcascade.awaits_snapshot(
    p_queue_name  text
)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
          from pgcascade.snapshot_request as r
         where r.queue_name = p_queue_name
           and r.state = 'waiting'
    );
$$;


-- Function: pgcascade.provide_snapshot(2)
--
-- Hands the worker's exported snapshot to the compare that asked for it. Only the worker calls it. The other workers
-- of a group go on then.
--
-- Returns: true; false when the request is gone or was answered before.
-- Raises:  nothing.
-- Locks:   the rows of the request and its group.
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
    update pgcascade.snapshot_request as r
       set state = 'ready',
           snapshot = p_snapshot
      from pgcascade.snapshot_request as own
     where own.request_id = p_request_id
       and r.group_id = own.group_id
       and r.state = 'waiting';
    perform pg_catalog.pg_notify('pgcascade_snapshot', r.request_id::text),
            pg_catalog.pg_notify('pgcascade_tables', r.queue_name)
       from pgcascade.snapshot_request as own
       join pgcascade.snapshot_request as r
         on r.group_id = own.group_id
        and r.request_id <> own.request_id
      where own.request_id = p_request_id;
    return true;
end;
$$;


-- Function: pgcascade.fail_snapshot(2)
--
-- Tells the compare that there will be no snapshot, for none of a group. Only the worker calls it; safe to repeat.
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
     where r.request_id = p_request_id
        or r.group_id = (select own.group_id
                           from pgcascade.snapshot_request as own
                          where own.request_id = p_request_id);
    perform pg_catalog.pg_notify('pgcascade_snapshot', r.request_id::text)
       from pgcascade.snapshot_request as r
      where r.request_id = p_request_id
         or r.group_id = (select own.group_id
                            from pgcascade.snapshot_request as own
                           where own.request_id = p_request_id);
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
