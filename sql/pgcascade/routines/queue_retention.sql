-- Function: pgcascade.queue_retention(1)
--
-- How much each consumer of a queue holds back: events and bytes that it has not read yet, by its last finished tick.
-- Cheap: reads ticks by index and the sizes of two files, no events.
--
-- pending_events is PgQ's: the distance of event ids, so ids that were never used (a rollback, force_tick) count.
-- held_bytes is the consumer's share, by ids, of the two event tables that a consumer may still have to read, the
-- current one and the one before, with their indexes. The third table holds nothing that anybody needs.
-- share is of the nearest limit of the budget, 1 = all of it; null without a budget.
-- holds_rotation says that the tables cannot be rotated again before it goes on.
-- is_system says that its position is derived from others' (the watermarks of pgq_node): it cannot be dropped.
-- The members of a cooperative consumer count as the consumer; its position is that of the last of them.
--
-- Returns: a row per consumer, by name; nothing when there is no such queue.
-- Raises:  nothing.
-- Locks:   the two event tables, ACCESS SHARE. May be repeated.
create or replace function pgcascade.queue_retention(
    p_queue_name        text,
    out consumer_name   text,
    out node_name       text,
    out is_system       boolean,
    out last_tick       bigint,
    out lag             interval,
    out pending_events  bigint,
    out held_bytes      bigint,
    out share           double precision,
    out holds_rotation  boolean
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with queue as (
        select q.*,
               newest.tick_event_seq as newest_seq,
               -- The oldest tick that rotation keeps is about the first of the table before the current one.
               newest.tick_event_seq - oldest.tick_event_seq as span,
               (select sum(pg_total_relation_size(t.relation))
                  from (select distinct to_regclass(pgq.quote_fqname(q.queue_data_pfx || '_' || n.number::text)) as relation
                          from unnest(array[q.queue_cur_table,
                                            (q.queue_cur_table + q.queue_ntables - 1) % q.queue_ntables]) as n(number)) as t
                 ) as bytes
          from pgq.queue as q
         cross join lateral (
                   select t.tick_event_seq
                     from pgq.tick as t
                    where t.tick_queue = q.queue_id
                    order by t.tick_id desc
                    limit 1
               ) as newest
         cross join lateral (
                   select t.tick_event_seq
                     from pgq.tick as t
                    where t.tick_queue = q.queue_id
                    order by t.tick_id
                    limit 1
               ) as oldest
         where q.queue_name = p_queue_name
    ), consumer as (
        -- The members of a cooperative consumer are named <consumer>.<member> and share its sub_id.
        select (array_agg(c.co_name order by length(c.co_name)))[1] as name,
               min(s.sub_last_tick) as tick
          from queue as q
          join pgq.subscription as s on s.sub_queue = q.queue_id
          join pgq.consumer as c on c.co_id = s.sub_consumer
         group by s.sub_id
    ), held as (
        select c.name, c.tick,
               greatest(interval '0', now() - t.tick_time) as lag,
               greatest(0, q.newest_seq - t.tick_event_seq) as events,
               case when q.newest_seq <= t.tick_event_seq then 0
                    else q.bytes * least(1, (q.newest_seq - t.tick_event_seq)::numeric / nullif(q.span, 0))
               end::bigint as bytes,
               coalesce(txid_snapshot_xmin(t.tick_snapshot) <= q.queue_switch_step2, false) as holds_rotation
          from consumer as c
         cross join queue as q
          join pgq.tick as t on t.tick_queue = q.queue_id and t.tick_id = c.tick
    )
    select h.name,
           s.subscriber_node,
           h.name like '.%',
           h.tick,
           h.lag,
           h.events,
           h.bytes,
           greatest(h.events::float8 / b.max_events, h.bytes::float8 / b.max_bytes),
           h.holds_rotation
      from held as h
      left join pgcascade.queue_budget as b on b.queue_name = p_queue_name
      left join pgq_node.subscriber_info as s
        on s.queue_name = p_queue_name
       and h.name in (s.worker_name, s.watermark_name)
     order by h.name;
$$;


-- Function: pgcascade.set_queue_budget(4)
--
-- Sets how much each consumer of a queue may hold back and what the ticker does with one that holds back more:
-- 'warn' or 'drop'. Two nulls take the budget away. Safe to repeat.
--
-- Returns: nothing.
-- Raises:  PC302 when there is no such queue; check_violation for a limit below 1 and for another action.
-- Locks:   the queue's row in pgcascade.queue_budget.
create or replace function pgcascade.set_queue_budget(
    p_queue_name  text,
    p_max_events  bigint,
    p_max_bytes   bigint,
    p_action      text default 'warn'
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from pgq.queue as q where q.queue_name = p_queue_name) then
        raise exception 'Queue "%" does not exist.', p_queue_name
            using errcode = 'PC302';
    end if;
    if p_max_events is null and p_max_bytes is null then
        delete from pgcascade.queue_budget as b
         where b.queue_name = p_queue_name;
        return;
    end if;
    insert into pgcascade.queue_budget as b (queue_name, max_events, max_bytes, action)
    values (p_queue_name, p_max_events, p_max_bytes, p_action)
    on conflict (queue_name) do update
       set max_events = excluded.max_events,
           max_bytes = excluded.max_bytes,
           action = excluded.action,
           set_at = excluded.set_at;
end;
$$;


-- Function: pgcascade.drop_over_budget(2)
--
-- Unregisters a consumer that is over the budget of its queue, when the budget says 'drop', and records what it loses.
-- A node's worker goes with its watermark and the consumers of its copies. It counts the events first: ids that were
-- never used do not make anybody lose events. Reads the two event tables once for that. Safe to repeat.
--
-- Returns: true when it was dropped; false when it is within the budget, may not be dropped (a watermark, action
--          'warn'), is not there, or its row is locked: it may be finishing a batch now.
-- Raises:  nothing.
-- Locks:   the consumer's subscription rows, not waited for; the two event tables, ACCESS SHARE.
create or replace function pgcascade.drop_over_budget(
    p_queue_name     text,
    p_consumer_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_budget    pgcascade.queue_budget%rowtype;
    v_queue     pgq.queue%rowtype;
    v_held      record;
    v_locked    bigint;
    v_since     txid_snapshot;
    v_until     txid_snapshot;
    v_table     text;
    v_count     record;
    v_events    bigint := 0;
    v_total     bigint := 0;
    v_bytes     bigint := 0;
begin
    select b.*
      into v_budget
      from pgcascade.queue_budget as b
     where b.queue_name = p_queue_name
       and b.action = 'drop';
    if not found then
        return false;
    end if;
    select q.*
      into strict v_queue
      from pgq.queue as q
     where q.queue_name = p_queue_name;

    -- Its rows first: after this it cannot go on by finishing a batch.
    select count(*)
      into v_locked
      from (select s.sub_id
              from pgq.subscription as s
             where s.sub_queue = v_queue.queue_id
               and s.sub_id = (select m.sub_id
                                 from pgq.subscription as m
                                 join pgq.consumer as c on c.co_id = m.sub_consumer
                                where m.sub_queue = v_queue.queue_id
                                  and c.co_name = p_consumer_name)
               for update skip locked) as s;
    if v_locked = 0 or v_locked < (
        select count(*)
          from pgq.subscription as s
         where s.sub_queue = v_queue.queue_id
           and s.sub_id = (select m.sub_id
                             from pgq.subscription as m
                             join pgq.consumer as c on c.co_id = m.sub_consumer
                            where m.sub_queue = v_queue.queue_id
                              and c.co_name = p_consumer_name)
    ) then
        return false;
    end if;

    select r.*
      into v_held
      from pgcascade.queue_retention(p_queue_name) as r
     where r.consumer_name = p_consumer_name
       and not r.is_system
       and r.share > 1;
    if not found then
        return false;
    end if;

    select t.tick_snapshot
      into v_since
      from pgq.tick as t
     where t.tick_queue = v_queue.queue_id
       and t.tick_id = v_held.last_tick;
    select t.tick_snapshot
      into v_until
      from pgq.tick as t
     where t.tick_queue = v_queue.queue_id
     order by t.tick_id desc
     limit 1;
    for v_table in
        select distinct pgq.quote_fqname(v_queue.queue_data_pfx || '_' || n.number::text)
          from unnest(array[v_queue.queue_cur_table,
                            (v_queue.queue_cur_table + v_queue.queue_ntables - 1) % v_queue.queue_ntables]) as n(number)
    loop
        execute format(
            'select count(*) as total,'
            ' count(*) filter (where txid_visible_in_snapshot(e.ev_txid, $2)'
            ' and not txid_visible_in_snapshot(e.ev_txid, $1)) as pending'
            ' from %s as e', v_table)
           into v_count
          using v_since, v_until;
        v_events := v_events + v_count.pending;
        v_total := v_total + v_count.total;
        v_bytes := v_bytes + pg_total_relation_size(v_table::regclass);
    end loop;
    v_bytes := v_bytes * v_events / greatest(v_total, 1);
    if not coalesce(v_events > v_budget.max_events, false) and not coalesce(v_bytes > v_budget.max_bytes, false) then
        return false;
    end if;

    if v_held.node_name is not null then
        perform pgq.unregister_consumer(p_queue_name, c.co_name)
           from pgq.subscription as s
           join pgq.consumer as c on c.co_id = s.sub_consumer
          where s.sub_queue = v_queue.queue_id
            and left(c.co_name, length(p_consumer_name) + 6) = p_consumer_name || '.copy.';
        perform pgq_node.unregister_subscriber(p_queue_name, v_held.node_name);
    else
        perform pgq.unregister_consumer(p_queue_name, p_consumer_name);
    end if;
    -- Else rotation would wait for the watermark that the dropped one had held.
    if exists (
        select
          from pgq_node.node_info as n
         where n.queue_name = p_queue_name
           and n.node_type = 'root'
    ) then
        perform pgq_node.set_global_watermark(p_queue_name, null);
    end if;

    insert into pgcascade.dropped_consumer as d
        (queue_name, consumer_name, node_name, last_tick, pending_events, held_bytes, reason)
    values (
        p_queue_name, p_consumer_name, v_held.node_name, v_held.last_tick, v_events, v_bytes,
        format('It held back %s events (%s); the budget is %s.', v_events, pg_size_pretty(v_bytes),
               concat_ws(' and ', v_budget.max_events || ' events', pg_size_pretty(v_budget.max_bytes)))
    )
    on conflict (queue_name, consumer_name) do update
       set node_name = excluded.node_name,
           -- What was lost the first time has not been made up for.
           last_tick = least(d.last_tick, excluded.last_tick),
           pending_events = excluded.pending_events,
           held_bytes = excluded.held_bytes,
           reason = excluded.reason,
           dropped_at = excluded.dropped_at;
    return true;
end;
$$;


-- Function: pgcascade.forget_dropped_consumer(2)
--
-- Says that the events which a dropped consumer has lost are made up for, so that it may be registered and read
-- again. Safe to repeat.
--
-- Returns: true when there was a record.
-- Raises:  nothing.
-- Locks:   the record's row.
create or replace function pgcascade.forget_dropped_consumer(
    p_queue_name     text,
    p_consumer_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgcascade.dropped_consumer as d
     where d.queue_name = p_queue_name
       and d.consumer_name = p_consumer_name;
    return found;
end;
$$;
