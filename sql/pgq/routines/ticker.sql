-- Function: pgq._tick_if_due(1)
--
-- Makes a tick for one queue when its settings say that it is time.
--
-- Ticks of a queue are made one at a time, and in the order of their snapshots: the lock is held before the tick's
-- snapshot is taken and until the commit. Without it a later tick could have an earlier snapshot, and a batch would
-- give out events twice. The look before the lock keeps the usual "nothing to do" free of locks.
--
-- A last tick of a time that has still to come (the clock was set back, or it is the tick of a root whose clock is ahead) is
-- followed by one at once, which has the time now: nobody waits until the clock has come there.
--
-- Returns: bigint, the tick's id; null when none was made, also when somebody else is making one or the queue has an
--          external ticker or is paused.
-- Raises:  'Invalid PgQ state: ...' when the last tick is younger than this cluster's transactions.
-- Locks:   advisory (1885827445, queue id) until the end of the transaction; never waits for it.
create or replace function pgq._tick_if_due(
    i_queue_id  int4
)
returns bigint
language plpgsql
as $$
declare
    v_queue      pgq.queue%rowtype;
    v_last       pgq.tick%rowtype;
    v_seq        bigint;
    v_new        bigint;
    v_lag        interval;
    v_gap        interval;
    v_next_txid  bigint;
    v_tick_id    bigint;
    v_due        boolean;
    v_is_ahead   boolean := false;
begin
    for v_pass in 1 .. 2 loop
        select *
          into v_queue
          from pgq.queue as q
         where q.queue_id = i_queue_id
           and not q.queue_external_ticker
           and not q.queue_ticker_paused;
        if not found then
            return null;
        end if;

        select *
          into v_last
          from pgq.tick as t
         where t.tick_queue = i_queue_id
         order by t.tick_id desc
         limit 1;

        if found then
            -- null: the sequence was never used; its value then reads as 1.
            v_seq := pg_catalog.pg_sequence_last_value(v_queue.queue_event_seq::regclass);
            v_new := coalesce(v_seq, 1) - v_last.tick_event_seq;
            v_lag := pg_catalog.now() - v_last.tick_time;
            v_is_ahead := v_last.tick_time > pg_catalog.clock_timestamp();
            v_next_txid := pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot());

            if pg_catalog.txid_snapshot_xmin(v_last.tick_snapshot) > v_next_txid then
                raise exception 'Invalid PgQ state: tick % of queue % was made at transaction %, next one here is %',
                    v_last.tick_id, v_queue.queue_name,
                    pg_catalog.txid_snapshot_xmin(v_last.tick_snapshot), v_next_txid;
            end if;
            if v_pass = 1 and v_new < 0 then
                raise warning 'queue %: event sequence stands at %, last tick saw %',
                    v_queue.queue_name, v_seq, v_last.tick_event_seq;
            end if;
            if v_pass = 1 and pg_catalog.txid_snapshot_xmax(v_last.tick_snapshot) > v_next_txid then
                raise warning 'queue %: last tick was made at transaction %, next one here is %',
                    v_queue.queue_name, pg_catalog.txid_snapshot_xmax(v_last.tick_snapshot), v_next_txid;
            end if;

            if v_is_ahead then
                v_due := true;
            elsif v_new > 0 then
                -- A look that comes a little early makes the tick: the next one would come much too late.
                v_due := v_new >= v_queue.queue_ticker_max_count
                    or v_lag >= v_queue.queue_ticker_max_lag
                       - least(v_queue.queue_ticker_max_lag / 10, interval '10 milliseconds');
            else
                -- Nothing came: the gaps between ticks double up to the idle period.
                select v_last.tick_time - t.tick_time
                  into v_gap
                  from pgq.tick as t
                 where t.tick_queue = i_queue_id
                   and t.tick_id < v_last.tick_id
                 order by t.tick_id desc
                 limit 1;
                v_due := not found
                    or (v_lag >= v_queue.queue_ticker_max_lag / 2
                        and (v_lag >= v_gap * 2 or v_lag >= v_queue.queue_ticker_idle_period));

                if not v_due
                   and v_seq = 1
                   and (v_queue.queue_ticker_max_count <= 1 or v_lag >= v_queue.queue_ticker_max_lag)
                then
                    -- A sequence that gave out its first id reads like a fresh one: look for that event.
                    execute 'select exists (select from ' || v_queue.queue_data_pfx || ' as e'
                        || ' where e.ev_id = 1 and not pg_catalog.txid_visible_in_snapshot(e.ev_txid, $1))'
                       into v_due
                      using v_last.tick_snapshot;
                end if;
            end if;
            if not v_due then
                return null;
            end if;
        end if;

        if v_pass = 1 and not pg_catalog.pg_try_advisory_xact_lock(1885827445, i_queue_id) then
            return null;
        end if;
    end loop;

    if pg_catalog.current_setting('transaction_isolation') <> 'read committed'
       and v_last.tick_id is distinct from pg_catalog.pg_sequence_last_value(v_queue.queue_tick_seq::regclass)
    then
        -- This transaction's snapshot may be older than the last tick, which it cannot see.
        return null;
    end if;

    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_event_seq)
    values (
        i_queue_id,
        pg_catalog.nextval(v_queue.queue_tick_seq::regclass),
        -- Another transaction may have begun later and made its tick first.
        case when v_is_ahead then pg_catalog.now() else greatest(pg_catalog.now(), v_last.tick_time) end,
        coalesce(pg_catalog.pg_sequence_last_value(v_queue.queue_event_seq::regclass), 1)
    )
    returning tick_id into v_tick_id;
    return v_tick_id;
end;
$$;

-- Function: pgq.ticker(1)
--
-- Makes a tick for one queue when its settings say that it is time.
--
-- Returns: bigint, the tick's id; null when none was made.
-- Raises:  'no such queue', 'This queue has external tick source.', 'Ticker has been paused for this queue',
--          'Invalid PgQ state: ...'.
-- Locks:   as pgq._tick_if_due(1).
create or replace function pgq.ticker(
    i_queue_name  text
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id  int4;
    v_external  boolean;
    v_paused    boolean;
begin
    perform pgq._open_tables();
    select q.queue_id, q.queue_external_ticker, q.queue_ticker_paused
      into v_queue_id, v_external, v_paused
      from pgq.queue as q
     where q.queue_name = i_queue_name;
    if not found then
        raise exception 'no such queue';
    end if;
    if v_external then
        raise exception 'This queue has external tick source.';
    end if;
    if v_paused then
        raise exception 'Ticker has been paused for this queue';
    end if;
    return pgq._tick_if_due(v_queue_id);
end;
$$;

-- Function: pgq.ticker(0)
--
-- Makes ticks for all queues that are due, but for those with an external ticker and those that are paused. Whoever makes
-- ticks also lets pgq._open_tables see to its sequences.
--
-- Returns: bigint, how many queues got a tick.
-- Raises:  'Invalid PgQ state: ...'.
-- Locks:   as pgq._tick_if_due(1), for every queue that gets a tick.
create or replace function pgq.ticker()
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id  int4;
    v_count     bigint := 0;
begin
    perform pgq._open_tables();
    for v_queue_id in
        select q.queue_id
          from pgq.queue as q
         where not q.queue_external_ticker
           and not q.queue_ticker_paused
         order by q.queue_name
    loop
        if pgq._tick_if_due(v_queue_id) is not null then
            v_count := v_count + 1;
        end if;
    end loop;
    return v_count;
end;
$$;

-- Function: pgq.ticker(4)
--
-- Copies a tick from another node: same id, time and event sequence, with a snapshot of this database. Events that
-- this transaction has written belong to the tick, whatever transaction ids other sessions have got since; and the
-- sequences of the queue move forward, so that this node can go on from here when it becomes the root.
--
-- Returns: bigint, the tick's id.
-- Raises:  'queue not found or ticker disabled: ...' unless the queue has an external ticker and is not paused;
--          unique_violation when the tick is there.
-- Locks:   advisory (1885827445, queue id) until the end of the transaction.
create or replace function pgq.ticker(
    i_queue_name      text,
    i_tick_id         bigint,
    i_orig_timestamp  timestamptz,
    i_event_seq       bigint
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     pgq.queue%rowtype;
    v_snapshot  txid_snapshot;
    v_xmax      bigint;
    v_own       bigint;
begin
    select *
      into v_queue
      from pgq.queue as q
     where q.queue_name = i_queue_name
       and q.queue_external_ticker
       and not q.queue_ticker_paused;
    if not found then
        raise exception 'queue not found or ticker disabled: %', i_queue_name;
    end if;

    -- Before the snapshot is taken: the next statement has a newer one.
    perform pg_catalog.pg_advisory_xact_lock(1885827445, v_queue.queue_id);

    v_snapshot := pg_catalog.txid_current_snapshot();
    v_xmax := pg_catalog.txid_snapshot_xmax(v_snapshot);
    v_own := pg_catalog.txid_current_if_assigned();
    if v_own >= v_xmax then
        -- By the plain snapshot our own events would come after the tick. Take ourselves in, and everything between
        -- as still running: whatever of that has ended by now belongs to the next tick.
        v_snapshot := (
            select pg_catalog.txid_snapshot_xmin(v_snapshot)::text
                   || ':' || (v_own + 1)::text
                   || ':' || coalesce(pg_catalog.string_agg(r.txid::text, ',' order by r.txid), '')
              from (
                       select x as txid
                         from pg_catalog.txid_snapshot_xip(v_snapshot) as x
                        union
                       select x
                         from pg_catalog.generate_series(v_xmax, v_own - 1) as x
                   ) as r
        )::txid_snapshot;
    end if;

    insert into pgq.tick (tick_queue, tick_id, tick_time, tick_snapshot, tick_event_seq)
    values (v_queue.queue_id, i_tick_id, i_orig_timestamp, v_snapshot, i_event_seq);

    perform pgq.seq_setval(v_queue.queue_tick_seq, i_tick_id);
    perform pgq.seq_setval(v_queue.queue_event_seq, i_event_seq);
    return i_tick_id;
end;
$$;
