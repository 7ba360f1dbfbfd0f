-- Function: pgq.maint_rotate_tables_step1(1)
--
-- Switches a queue to its next event table, after emptying that one, when the rotation period is over and every
-- consumer has passed the last switch. A switch in the time to come (the clock was set back) counts as long ago. Does
-- nothing, without an error, when it is too early, when a consumer needs the old events, or when somebody reads the
-- table (a dump) or holds the queue's row. Safe to repeat.
--
-- Returns: integer, 0.
-- Raises:  'queue ... maint failure: ...'.
-- Locks:   the queue's row; the next event table exclusively; neither is waited for.
create or replace function pgq.maint_rotate_tables_step1(
    i_queue_name  text
)
returns integer
language plpgsql
as $$
declare
    v_queue      pgq.queue%rowtype;
    v_current    bigint;
    v_last_tick  bigint;
    v_snapshot   txid_snapshot;
    v_next       integer;
    v_table      text;
begin
    -- A registration holds the row in share mode: the tick that it starts at must stay.
    select *
      into v_queue
      from pgq.queue as q
     where q.queue_name = i_queue_name
       and q.queue_rotation_period is not null
       and q.queue_switch_step2 is not null
       and (q.queue_switch_time + q.queue_rotation_period < pg_catalog.now()
            or q.queue_switch_time > pg_catalog.clock_timestamp())
       for no key update skip locked;
    if not found then
        return 0;
    end if;

    v_current := pg_catalog.txid_current();
    if v_current < v_queue.queue_switch_step1 then
        raise exception 'queue % maint failure: step1=%, current=%',
            i_queue_name, v_queue.queue_switch_step1, v_current;
    end if;

    select pg_catalog.min(s.sub_last_tick)
      into v_last_tick
      from pgq.subscription as s
     where s.sub_queue = v_queue.queue_id;
    if v_last_tick is not null then
        select t.tick_snapshot
          into v_snapshot
          from pgq.tick as t
         where t.tick_queue = v_queue.queue_id
           and t.tick_id = v_last_tick;
        if not found then
            raise exception 'queue % maint failure: tick % not found', i_queue_name, v_last_tick;
        end if;
        if pg_catalog.txid_snapshot_xmin(v_snapshot) <= v_queue.queue_switch_step2 then
            return 0;
        end if;
    end if;

    v_next := (v_queue.queue_cur_table + 1) % v_queue.queue_ntables;
    v_table := pgq.quote_fqname(v_queue.queue_data_pfx || '_' || v_next::text);
    begin
        execute 'lock table ' || v_table || ' in access exclusive mode nowait';
        execute 'truncate table ' || v_table;
    exception
        when lock_not_available then
            return 0;
    end;

    update pgq.queue as q
       set queue_cur_table = v_next,
           queue_switch_time = pg_catalog.now(),
           queue_switch_step1 = v_current,
           queue_switch_step2 = null
     where q.queue_id = v_queue.queue_id;

    -- The ticks of one more rotation stay, so that a consumer can be set back; the newest stays for new consumers.
    delete from pgq.tick as t
     where t.tick_queue = v_queue.queue_id
       and pg_catalog.txid_snapshot_xmin(t.tick_snapshot) < v_queue.queue_switch_step2
       and t.tick_id < (select pg_catalog.max(m.tick_id) from pgq.tick as m where m.tick_queue = v_queue.queue_id);
    return 0;
end;
$$;

-- Function: pgq.maint_rotate_tables_step2(0)
--
-- Records for every queue that was switched a transaction id from when nobody writes to the table before any more.
-- It must run in another transaction than step 1, and it waits (does nothing yet) while somebody in this database
-- has a snapshot from before the switch: a repeatable read transaction that has not written yet can still write to
-- the old table, with an id that is younger than the switch. Safe to repeat.
--
-- Returns: integer, 0.
create or replace function pgq.maint_rotate_tables_step2()
returns integer
language plpgsql
as $$
declare
    v_current  bigint;
    v_oldest   bigint;
begin
    if not exists (select from pgq.queue as q where q.queue_switch_step2 is null) then
        return 0;
    end if;

    v_current := pg_catalog.txid_current();
    perform pg_catalog.pg_stat_clear_snapshot();
    -- backend_xmin is the lower half of a transaction id; its distance to ours gives the whole.
    select pg_catalog.min(v_current - ((v_current - a.backend_xmin::text::bigint) & 4294967295))
      into v_oldest
      from pg_catalog.pg_stat_activity as a
     where a.datid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
       and a.backend_xmin is not null
       and a.pid <> pg_catalog.pg_backend_pid()
       -- Not autovacuum. (Whoever may not look into other sessions does not see backend_type, but this.)
       and a.usesysid is not null
       and ((v_current - a.backend_xmin::text::bigint) & 4294967295) < 2147483648;

    update pgq.queue as q
       set queue_switch_step2 = v_current
     where q.queue_switch_step2 is null
       and (v_oldest is null or v_oldest > q.queue_switch_step1);
    return 0;
end;
$$;
