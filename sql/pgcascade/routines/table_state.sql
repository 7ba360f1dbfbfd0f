-- Function: pgcascade.registry_changed(0)
--
-- Trigger function: counts a change to the tables of a queue, notes which table it was of, and wakes the queue's worker.
--
-- Returns: null (after trigger).
-- Raises:  nothing.
-- Locks:   the queue's row in pgcascade.registry_version until commit: changes are seen in the order of their versions.
create or replace function pgcascade.registry_changed()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_name   text;
    v_table_names  text[];
    v_version      bigint;
    v_made         text;
begin
    if tg_op = 'DELETE' then
        v_queue_name := old.queue_name;
        v_table_names := array[old.table_name];
    else
        v_queue_name := new.queue_name;
        v_table_names := array[new.table_name];
    end if;
    if tg_op = 'UPDATE' and old.table_name <> new.table_name then
        v_table_names := v_table_names || old.table_name;
    end if;
    -- A transaction that changes many tables makes one version: to update one row again and again takes longer each time.
    v_made := coalesce(current_setting('pgcascade.registry_changed', true), '');
    if substr(v_made, strpos(v_made, ' ') + 1) = v_queue_name then
        v_version := split_part(v_made, ' ', 1)::bigint;
    else
        insert into pgcascade.registry_version as r (queue_name, version)
        values (v_queue_name, 1)
        on conflict (queue_name) do update set version = r.version + 1
        returning r.version into v_version;
        perform set_config('pgcascade.registry_changed', v_version || ' ' || v_queue_name, true);
        perform pg_notify('pgcascade_tables', v_queue_name);
    end if;
    insert into pgcascade.table_version (queue_name, table_name, version)
    select v_queue_name, n.table_name, v_version
      from unnest(v_table_names) as n(table_name)
    on conflict (queue_name, table_name) do update set version = excluded.version;
    return null;
end;
$$;

drop trigger if exists pgcascade_registry_changed on londiste.table_info;
create trigger pgcascade_registry_changed
after insert or update or delete on londiste.table_info
for each row execute procedure pgcascade.registry_changed();
-- Replication events add and remove tables too, and they are applied with session_replication_role = replica.
alter table londiste.table_info enable always trigger pgcascade_registry_changed;

drop trigger if exists pgcascade_registry_changed on pgcascade.table_error;
create trigger pgcascade_registry_changed
after insert or update or delete on pgcascade.table_error
for each row execute procedure pgcascade.registry_changed();
alter table pgcascade.table_error enable always trigger pgcascade_registry_changed;

-- Function: pgcascade.registration_ends(0)
--
-- Trigger function: a table that is not registered any more, whichever way, is not captured or closed any more.
--
-- Returns: the row (before trigger).
-- Raises:  nothing of ours.
-- Locks:   the table that was registered, ACCESS EXCLUSIVE until commit, when it had triggers of ours.
create or replace function pgcascade.registration_ends()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcascade.drop_capture(old.queue_name, old.table_name);
    perform pgcascade.clear_table_state(old.queue_name, old.table_name);
    return old;
end;
$$;

drop trigger if exists pgcascade_registration_ends on londiste.table_info;
create trigger pgcascade_registration_ends
before delete on londiste.table_info
for each row execute procedure pgcascade.registration_ends();
alter table londiste.table_info enable always trigger pgcascade_registration_ends;

-- Function: pgcascade.worker_state(2)
--
-- What a worker has to know before each batch, in one call.
--
-- Returns: one row; completed_tick is null when the consumer is not registered on this node.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.worker_state(
    p_queue_name           text,
    p_consumer_name        text,
    out node_type          text,
    out node_name          text,
    out completed_tick     bigint,
    out provider_node      text,
    out provider_location  text,
    out paused             boolean,
    out uptodate           boolean,
    out cur_error          text,
    out registry_version   bigint
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select n.node_type, n.node_name, s.last_tick_id, s.provider_node, l.node_location, s.paused, s.uptodate, s.cur_error,
           coalesce((select r.version from pgcascade.registry_version as r where r.queue_name = p_queue_name), 0)
      from (values (p_queue_name, p_consumer_name)) as asked(queue_name, consumer_name)
      left join pgq_node.node_info as n on n.queue_name = asked.queue_name
      left join pgq_node.local_state as s on s.queue_name = asked.queue_name and s.consumer_name = asked.consumer_name
      left join pgq_node.node_location as l on l.queue_name = s.queue_name and l.node_name = s.provider_node;
$$;

-- Function: pgcascade.park_table(6)
--
-- Sets a table aside after an error: its events are not applied any more, the others go on. A table that is not
-- registered any more is left alone.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the table's row in pgcascade.table_error. May be repeated: the first error stays.
create or replace function pgcascade.park_table(
    p_queue_name  text,
    p_table_name  text,
    p_tick_id     bigint,
    p_event_id    bigint,
    p_error_code  text,
    p_message     text
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.table_error (queue_name, table_name, tick_id, event_id, error_code, message)
    select p_queue_name, p_table_name, p_tick_id, p_event_id, p_error_code, p_message
      from londiste.table_info as t
     where t.queue_name = p_queue_name
       and t.table_name = p_table_name
    on conflict (queue_name, table_name) do nothing;
$$;

-- Function: pgcascade.clear_table_state(2)
--
-- Forgets a table's error, where it would have gone on, the progress of its last copy, what was left out, and that it has no rows here as
-- part of a merged table, before a resync.
--
-- Returns: true when the table was parked.
-- Raises:  nothing.
-- Locks:   the table's rows in pgcascade.table_error, waiting_table, copy_progress, left_out and empty_part, and the position of a
--          waiting table's consumer. May be repeated.
create or replace function pgcascade.clear_table_state(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- While a table waits nobody reads its consumer's position, which would keep the provider's location from being dropped.
    delete from pgq_node.local_state as s
     using pgq_node.node_info as n,
           pgcascade.waiting_table as w,
           pgcascade.table_error as e
     where n.queue_name = p_queue_name
       and s.queue_name = p_queue_name
       and s.consumer_name = n.worker_name || '.copy.' || p_table_name
       and w.queue_name = p_queue_name
       and w.table_name = p_table_name
       and e.queue_name = p_queue_name
       and e.table_name = p_table_name;
    delete from pgcascade.copy_progress as p
     where p.queue_name = p_queue_name
       and p.table_name = p_table_name;
    delete from pgcascade.waiting_table as w
     where w.queue_name = p_queue_name
       and w.table_name = p_table_name;
    delete from pgcascade.left_out as l
     where l.queue_name = p_queue_name
       and l.table_name = p_table_name;
    delete from pgcascade.empty_part as m
     where m.queue_name = p_queue_name
       and m.table_name = p_table_name;
    delete from pgcascade.table_error as e
     where e.queue_name = p_queue_name
       and e.table_name = p_table_name;
    return found;
end;
$$;

-- Function: pgcascade.table_list(1)
--
-- The tables of a queue as the worker needs them: registration, state, error, and what is done on a conflict, together.
--
-- Returns: one row per registered table, in order of registration.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.table_list(
    p_queue_name       text,
    out table_name     text,
    out dest_table     text,
    out local          boolean,
    out merge_state    text,
    out table_attrs    text,
    out error_code     text,
    out error_message  text,
    out policy         text,
    out left_out       bigint
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.table_name, coalesce(t.dest_table, t.table_name), t.local, t.merge_state, t.table_attrs, e.error_code, e.message,
           c.policy, coalesce(l.changes, 0)
      from londiste.table_info as t
      left join pgcascade.table_error as e on e.queue_name = t.queue_name and e.table_name = t.table_name
      left join pgcascade.conflict_policy as c on c.queue_name = t.queue_name and c.table_name = t.table_name
      left join pgcascade.left_out as l on l.queue_name = t.queue_name and l.table_name = t.table_name
     where t.queue_name = p_queue_name
     order by t.nr;
$$;

-- Function: pgcascade.table_changes(2)
--
-- The tables of a queue that were changed after a version, as a worker needs them.
--
-- Returns: one row per table; one that is not registered any more has a name only.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.table_changes(
    p_queue_name     text,
    p_version        bigint,
    out table_name   text,
    out dest_table   text,
    out local        boolean,
    out merge_state  text,
    out table_attrs  text,
    out error_code   text,
    out policy       text
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select v.table_name, coalesce(t.dest_table, t.table_name), t.local, t.merge_state, t.table_attrs, e.error_code, c.policy
      from pgcascade.table_version as v
      left join londiste.table_info as t on t.queue_name = v.queue_name and t.table_name = v.table_name
      left join pgcascade.table_error as e on e.queue_name = t.queue_name and e.table_name = t.table_name
      left join pgcascade.conflict_policy as c on c.queue_name = t.queue_name and c.table_name = t.table_name
     where v.queue_name = p_queue_name
       and v.version > p_version
     order by v.version;
$$;

-- Function: pgcascade.report_copy(7)
--
-- Records how far the copy of a table is. A count below zero leaves the one that is there.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the table's row in pgcascade.copy_progress. May be repeated.
create or replace function pgcascade.report_copy(
    p_queue_name      text,
    p_table_name      text,
    p_phase           text,
    p_bytes_done      bigint,
    p_rows_done       bigint,
    p_rows_expected   bigint,
    p_bytes_expected  bigint
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.copy_progress as c (
        queue_name, table_name, phase, bytes_done, rows_done, rows_expected, bytes_expected
    )
    values (
        p_queue_name, p_table_name, p_phase, greatest(p_bytes_done, 0), greatest(p_rows_done, 0),
        greatest(p_rows_expected, 0), greatest(p_bytes_expected, 0)
    )
    on conflict (queue_name, table_name) do update
       set phase = excluded.phase,
           bytes_done = case when p_bytes_done < 0 then c.bytes_done else p_bytes_done end,
           rows_done = case when p_rows_done < 0 then c.rows_done else p_rows_done end,
           rows_expected = case when p_rows_expected < 0 then c.rows_expected else p_rows_expected end,
           bytes_expected = case when p_bytes_expected < 0 then c.bytes_expected else p_bytes_expected end,
           started_at = case when excluded.phase = 'waiting' then clock_timestamp() else c.started_at end,
           updated_at = clock_timestamp();
$$;
