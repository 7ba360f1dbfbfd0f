-- Function: pgcascade.create_capture(4)
--
-- Makes the triggers that turn every write to a table into events of the queue, and records the plan. Triggers and
-- functions that an earlier call made are replaced in the same transaction, so no write is missed or doubled.
--
-- The triggers are named `!pgcascade_<plan>_...`: they sort before the user's, so a row's event is written before a
-- user's trigger can write the same row again.
--
-- p_trigger_args: what the operator wants of the triggers, as Londiste's local_add_table takes it: no_triggers, tgflags=, arguments
-- of pgq's generic triggers. With any, rows are captured by such a trigger (mode `trigger`), or by nothing (`none`). Null:
-- what an earlier call was told.
--
-- Returns: one row: mode and reason as pgcascade.wanted_mode.
-- Raises:  PC302 when the queue is not there, PC400 when the table is not there or the queue's format cannot name its key,
--          as pgcascade.check_trigger_arguments.
-- Locks:   the table, SHARE ROW EXCLUSIVE until commit: set lock_timeout before. May be repeated.
drop function if exists pgcascade.create_capture(text, text, text);
create or replace function pgcascade.create_capture(
    p_queue_name    text,
    p_table_name    text,
    p_dest_table    text,
    p_trigger_args  text[] default null,
    out mode        text,
    out reason      text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_format    text := pgcascade.capture_format(p_queue_name);
    v_args      text[] := pgcascade.kept_trigger_args(p_queue_name, p_table_name, p_trigger_args);
    v_relation  oid;
    v_key       record;
    v_plan      pgcascade.capture_plan%rowtype;
    v_part      record;
begin
    perform set_config('pgcascade.following', 'on', true);
    v_relation := pgcascade.lock_table(p_dest_table);
    select * into mode, reason from pgcascade.wanted_mode(v_relation, v_args);
    select * into v_key from pgcascade.plan_key(v_relation, v_args);
    if mode = 'trigger' then
        perform pgcascade.check_trigger_arguments(v_relation, v_args);
    end if;

    perform pgcascade.drop_capture(p_queue_name, p_table_name);
    insert into pgcascade.capture_plan as p (
        queue_name, table_name, dest_table, relation, purpose, mode, reason, key_columns, key_source, capture_format, trigger_args
    )
    values (
        p_queue_name, p_table_name, p_dest_table, v_relation, 'capture', create_capture.mode, create_capture.reason,
        v_key.key_columns, v_key.key_source, v_format, v_args
    )
    returning p.* into v_plan;
    if mode = 'none' then
        perform set_config('pgcascade.following', '', true);
        return;
    end if;
    insert into pgcascade.captured_partition (queue_name, table_name, relation)
    select p_queue_name, p_table_name, l.relation from pgcascade.leaf_partitions(v_relation) as l(relation);

    -- Before the functions are made, which know the table's row triggers.
    if mode = 'trigger' then
        select * into v_part from pgcascade.generic_trigger(v_plan);
        perform pgcascade.attach_trigger(v_relation, v_part.trigger_name, v_part.fires, v_part.call);
    end if;
    if 'deny' = any (v_args) then
        perform pgcascade.attach_trigger(
            v_relation, format('!pgcascade_%s_truncate', v_plan.plan_no), 'before truncate on %s for each statement',
            format('pgcascade.deny_write(%L, %L)', p_table_name, p_queue_name)
        );
    end if;
    for v_part in
        select c.kind, c.source
          from pgcascade.capture_parts(v_plan) as c
    loop
        perform pgcascade.capture_function(format('capture_%s_%s', v_plan.plan_no, v_part.kind), v_part.source);
        perform pgcascade.attach_trigger(
            v_relation,
            format('!pgcascade_%s_%s', v_plan.plan_no, v_part.kind),
            case v_part.kind
                when 'insert' then 'after insert on %s referencing new table as new_rows for each statement'
                when 'update' then 'after update on %s referencing old table as old_rows new table as new_rows for each statement'
                when 'delete' then 'after delete on %s referencing old table as old_rows for each statement'
                -- Before, so that the triggers of the partitions know that all of them are truncated.
                when 'truncate' then case
                    when exists (select from pgcascade.captured_partition as k
                                  where k.queue_name = p_queue_name and k.table_name = p_table_name)
                    then 'before truncate on %s for each statement'
                    else 'after truncate on %s for each statement'
                end
                else case mode
                         when 'mixed' then 'after update or delete on %s for each row'
                         else 'after insert or update or delete on %s for each row'
                     end
            end,
            format('pgcascade.%I()', format('capture_%s_%s', v_plan.plan_no, v_part.kind))
        );
    end loop;
    if pgcascade.is_nested(mode, reason) then
        perform pgcascade.attach_trigger(
            v_relation, format('!pgcascade_%s_begin', v_plan.plan_no),
            'before insert or update or delete on %s for each statement',
            format(
                'pgcascade.begin_statement(%s, %L)',
                v_plan.plan_no, (select q.queue_event_seq from pgq.queue as q where q.queue_name = p_queue_name)
            )
        );
        perform pgcascade.attach_trigger(
            v_relation, format('!pgcascade_%s_end', v_plan.plan_no),
            'after insert or update or delete on %s for each statement',
            format('pgcascade.end_statement(%s)', v_plan.plan_no)
        );
    end if;
    perform pgcascade.capture_partition_truncate(v_plan.plan_no, k.relation)
       from pgcascade.captured_partition as k
      where k.queue_name = p_queue_name
        and k.table_name = p_table_name;
    perform pgcascade.create_event_trigger();
    perform set_config('pgcascade.following', '', true);
end;
$$;

-- Function: pgcascade.kept_trigger_args(3)
--
-- Returns: the trigger arguments of a table: p_trigger_args, or when they are null those of its plan, or none.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.kept_trigger_args(
    p_queue_name    text,
    p_table_name    text,
    p_trigger_args  text[]
)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        p_trigger_args,
        (select p.trigger_args
           from pgcascade.capture_plan as p
          where p.queue_name = p_queue_name
            and p.table_name = p_table_name),
        '{}'
    );
$$;

-- Function: pgcascade.capture_partition_truncate(2)
--
-- Makes the triggers by which a TRUNCATE of one partition becomes events: a DELETE for each of its rows.
--
-- Returns: nothing.
-- Raises:  as `create trigger`.
-- Locks:   the partition, SHARE ROW EXCLUSIVE until commit.
create or replace function pgcascade.capture_partition_truncate(
    p_plan_no   integer,
    p_relation  oid
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_when  text;
begin
    foreach v_when in array array['before', 'after'] loop
        execute format(
            'create trigger %I %s truncate on %s for each statement execute procedure pgcascade.truncate_partition(%s)',
            format('!pgcascade_%s_part_%s', p_plan_no, v_when), v_when, p_relation::regclass, p_plan_no
        );
    end loop;
end;
$$;

-- Function: pgcascade.truncate_partition(0)
--
-- Trigger function of a partition. Argument: the number of the parent's plan. BEFORE TRUNCATE it writes a DELETE event for each
-- row, unless the whole table is truncated, which is one event, or a script of the queue runs. AFTER TRUNCATE it takes
-- away the note that the whole table is.
--
-- Returns: null.
-- Raises:  'Insert into queue disallowed' when the queue is closed.
-- Locks:   none.
create or replace function pgcascade.truncate_partition()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan   pgcascade.capture_plan%rowtype;
    v_queue  pgq.queue%rowtype;
    v_note   text := format('pgcascade.truncated_%s', tg_argv[0]);
    v_saved  text[];
begin
    if tg_when = 'AFTER' then
        perform set_config(v_note, '', true);
        return null;
    end if;
    select p.* into v_plan from pgcascade.capture_plan as p where p.plan_no = tg_argv[0]::integer;
    if not found
       or current_setting('session_replication_role') = 'local'
       or pgcascade.runs_script(v_plan.queue_name)
       or current_setting(v_note, true) = 'all'
    then
        return null;
    end if;
    select q.* into v_queue from pgq.queue as q where q.queue_name = v_plan.queue_name;
    if v_queue.queue_disable_insert then
        raise exception 'Insert into queue disallowed';
    end if;
    v_saved := pgcascade.pin_settings(pgcascade.setting_values(null));
    execute pgcascade.capture_rows(
        v_plan.capture_format, 'DELETE', v_plan.relation, v_plan.table_name,
        (pgcascade.table_key(v_plan.relation)).key_columns,
        format('%s_%s', v_queue.queue_data_pfx, v_queue.queue_cur_table),
        format('only %s', tg_relid::regclass)
    );
    perform pgcascade.pin_settings(v_saved);
    perform pgcascade.check_still_open(v_queue.queue_id);
    return null;
end;
$$;

-- Function: pgcascade.renew_capture(2)
--
-- Brings the generated functions and triggers of a captured table in line with the table as it is now. As long as the same
-- triggers do, only functions get another source, which needs no lock on the table.
--
-- Returns: true when something was made anew.
-- Raises:  as pgcascade.create_capture.
-- Locks:   as pgcascade.create_capture when the triggers change, else none. May be repeated.
create or replace function pgcascade.renew_capture(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan     pgcascade.capture_plan%rowtype;
    v_wanted   record;
begin
    select p.* into v_plan
      from pgcascade.capture_plan as p
     where p.queue_name = p_queue_name
       and p.table_name = p_table_name
       and p.purpose = 'capture';
    if not found then
        return false;
    end if;
    select * into v_wanted from pgcascade.wanted_mode(v_plan.relation, v_plan.trigger_args);
    if v_wanted.mode <> v_plan.mode
       -- Here each partition has a trigger of its own, a new one none yet.
       or current_setting('server_version_num')::integer < 110000
          and (select c.relkind from pg_class as c where c.oid = v_plan.relation) = 'p'
       or (select count(*)
             from pg_trigger as t
            where t.tgrelid = v_plan.relation
              and t.tgname ~ pgcascade.trigger_pattern(v_plan.plan_no))
          <> pgcascade.capture_trigger_count(v_wanted.mode, v_wanted.reason)
    then
        perform pgcascade.create_capture(p_queue_name, p_table_name, v_plan.dest_table);
        return true;
    end if;
    update pgcascade.capture_plan as p
       set reason = v_wanted.reason
     where p.plan_no = v_plan.plan_no
       and p.reason <> v_wanted.reason;
    -- The application's sessions that do the same do not wait, and come to the same.
    perform pg_advisory_xact_lock(1885827451, v_plan.plan_no);
    return pgcascade.renew_functions(v_plan);
end;
$$;

-- Function: pgcascade.create_deny(4)
--
-- Closes a table of a leaf to every writer but replication, which runs with session_replication_role = replica; with no_triggers
-- among the trigger arguments it stays open. Other arguments have nothing to do here, where no write becomes an event.
--
-- Returns: nothing.
-- Raises:  PC400 when the table is not there.
-- Locks:   the table, SHARE ROW EXCLUSIVE until commit: set lock_timeout before. May be repeated.
drop function if exists pgcascade.create_deny(text, text, text);
create or replace function pgcascade.create_deny(
    p_queue_name    text,
    p_table_name    text,
    p_dest_table    text,
    p_trigger_args  text[] default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_args      text[] := pgcascade.kept_trigger_args(p_queue_name, p_table_name, p_trigger_args);
    v_is_open   boolean := 'no_triggers' = any (v_args);
    v_relation  oid;
    v_plan_no   integer;
    v_call      text;
begin
    v_relation := pgcascade.lock_table(p_dest_table);
    perform pgcascade.drop_capture(p_queue_name, p_table_name);
    insert into pgcascade.capture_plan as p (
        queue_name, table_name, dest_table, relation, purpose, mode, reason, key_columns, key_source, trigger_args
    )
    values (
        p_queue_name, p_table_name, p_dest_table, v_relation, 'deny', case when v_is_open then 'none' else 'row' end,
        'leaf', '{}', '', v_args
    )
    returning p.plan_no into v_plan_no;
    if v_is_open then
        return;
    end if;
    v_call := format('pgcascade.deny_write(%L, %L)', p_table_name, p_queue_name);
    perform pgcascade.attach_trigger(
        v_relation, format('!pgcascade_%s_deny', v_plan_no),
        'after insert or update or delete on %s for each row'
        -- The function asks this too; here it costs a worker that may not set session_replication_role one microsecond a row instead of eight.
        || $w$ when (pg_catalog.current_setting('pgcascade.script', true)
                     is distinct from 'replication ' || pg_catalog.txid_current_if_assigned()
                     or not pg_catalog.has_table_privilege('pgcascade.taken_off'::pg_catalog.regclass, 'insert'))$w$,
        v_call
    );
    perform pgcascade.attach_trigger(
        v_relation, format('!pgcascade_%s_deny_truncate', v_plan_no),
        'before truncate on %s for each statement', v_call
    );
end;
$$;

-- Function: pgcascade.deny_write(0)
--
-- Trigger function: refuses the write. Arguments: name of the table in the queue, name of the queue. A session whose
-- session_replication_role is local may write, as with the triggers of PgQ: so scripts of the queue do. So may a worker and a
-- script whose role may not set that: see pgcascade.begin_replication and pgcascade.runs_script.
--
-- Returns: null, when the write is allowed.
-- Raises:  the message that PgQ's `deny` argument gives.
-- Locks:   none.
create or replace function pgcascade.deny_write()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('session_replication_role') = 'local' then
        return null;
    end if;
    if current_setting('pgcascade.script', true) <> '' then
        -- By the rights of whoever writes: others than those who administer queues may not even ask.
        if current_setting('pgcascade.script', true) = 'replication ' || txid_current_if_assigned() then
            if has_table_privilege('pgcascade.taken_off', 'insert') then
                return null;
            end if;
        elsif has_function_privilege('pgcascade.runs_script(text)', 'execute') then
            if pgcascade.runs_script(tg_argv[1]) then
                return null;
            end if;
        end if;
    end if;
    raise exception 'Table ''%'' to queue ''%'': change not allowed (%)', tg_argv[0], tg_argv[1], tg_op
        using hint = 'This table is replicated from another database; write to the root node.';
end;
$$;

-- Function: pgcascade.drop_capture(2)
--
-- Takes the triggers and functions of a table's plan away, and the plan.
--
-- Returns: true when there was a plan.
-- Raises:  nothing of ours.
-- Locks:   the table, ACCESS EXCLUSIVE until commit: set lock_timeout before. May be repeated.
create or replace function pgcascade.drop_capture(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan      pgcascade.capture_plan%rowtype;
    v_trigger   record;
    v_function  record;
begin
    delete from pgcascade.capture_plan as p
     where p.queue_name = p_queue_name
       and p.table_name = p_table_name
    returning p.* into v_plan;
    if not found then
        return false;
    end if;
    delete from pgcascade.captured_partition as k where k.queue_name = p_queue_name and k.table_name = p_table_name;
    for v_trigger in
        select t.tgrelid::regclass as relation, t.tgname
          from pg_trigger as t
         where t.tgname ~ pgcascade.trigger_pattern(v_plan.plan_no)
           -- PostgreSQL drops the clones on partitions with the trigger of the parent.
           and coalesce((to_jsonb(t) ->> 'tgparentid')::oid, 0) = 0
           and not t.tgisinternal
    loop
        execute format('drop trigger if exists %I on %s', v_trigger.tgname, v_trigger.relation);
    end loop;
    for v_function in
        select p.proname
          from pg_proc as p
         where p.pronamespace = 'pgcascade'::regnamespace
           and p.proname like format('capture\_%s\_%%', v_plan.plan_no)
    loop
        execute format('drop function pgcascade.%I()', v_function.proname);
    end loop;
    return true;
end;
$$;

-- Function: pgcascade.lock_table(1)
--
-- Finds a table by its Londiste name (first dot splits) and locks it as `create trigger` will.
--
-- Returns: the table's oid.
-- Raises:  PC400 when there is no such table.
-- Locks:   the table, SHARE ROW EXCLUSIVE until commit.
create or replace function pgcascade.lock_table(
    p_table_name  text
)
returns oid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_relation  oid := to_regclass(pgq.quote_fqname(p_table_name));
begin
    if v_relation is null or (select c.relkind from pg_class as c where c.oid = v_relation) not in ('r', 'p') then
        raise exception 'The table % is not in this database.', p_table_name using errcode = 'PC400';
    end if;
    execute format('lock table %s in share row exclusive mode', v_relation::regclass);
    return v_relation;
end;
$$;

-- Function: pgcascade.attach_trigger(4)
--
-- Creates a trigger on a table. On PostgreSQL 10, which knows no row triggers on partitioned tables, on each of its
-- partitions instead.
--
-- Returns: nothing.
-- Raises:  as `create trigger`.
-- Locks:   the table and its partitions, SHARE ROW EXCLUSIVE until commit.
create or replace function pgcascade.attach_trigger(
    p_relation  oid,
    p_name      text,
    p_when      text,
    p_call      text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_relation  regclass;
begin
    for v_relation in
        with recursive tree as (
            select p_relation as relation
            union all
            select i.inhrelid from pg_inherits as i join tree as t on i.inhparent = t.relation
        )
        select c.oid::regclass
          from pg_class as c
         where c.oid = p_relation
           and (c.relkind = 'r' or p_when like '%for each statement' or current_setting('server_version_num')::integer >= 110000)
        union all
        select c.oid::regclass
          from tree as t
          join pg_class as c on c.oid = t.relation
         where c.oid <> p_relation
           and c.relkind = 'r'
           and c.relispartition
           and p_when like '%for each row'
           and current_setting('server_version_num')::integer < 110000
    loop
        execute format('create trigger %I ' || p_when || ' execute procedure ' || replace(p_call, '%', '%%'), p_name, v_relation);
    end loop;
end;
$$;
