-- Function: pgcascade.copy_table_anew(3)
--
-- Has the nodes below copy a table anew: rows came or went that are no events.
--
-- Returns: nothing.
-- Raises:  as pgq.insert_event.
-- Locks:   none. May be repeated.
create or replace function pgcascade.copy_table_anew(
    p_queue_name  text,
    p_table_name  text,
    p_why         text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgq.insert_event(p_queue_name, 'pgcascade.copy-anew', p_table_name);
    perform pgcascade.note_change(
        p_queue_name, p_table_name, 'copied anew', format('%s; the nodes below copy the table anew.', p_why)
    );
end;
$$;

-- Function: pgcascade.follow_partitions(2)
--
-- Gives partitions that a captured table has got since its triggers were made what they need, and notes which it has got or
-- lost. Rows that come or go with a partition
-- are no events, as in PostgreSQL's own logical replication: the same change is made on the nodes below, or by `execute`
-- on all of them. On PostgreSQL 10, where a new partition has no trigger until we make it, the nodes below copy the table
-- anew when that was late (p_is_late) and the partition has rows.
--
-- Returns: true when there was a difference.
-- Raises:  as `create trigger` and pgcascade.copy_table_anew.
-- Locks:   new partitions, SHARE ROW EXCLUSIVE until commit. May be repeated.
drop function if exists pgcascade.follow_partitions(pgcascade.capture_plan);
create or replace function pgcascade.follow_partitions(
    p_plan     pgcascade.capture_plan,
    p_is_late  boolean
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part   record;
    v_rows   boolean;
    v_found  boolean := false;
begin
    for v_part in
        select coalesce(k.relation, t.relation) as relation, k.relation is null as is_new, c.oid is not null as is_there
          from (select k.relation
                  from pgcascade.captured_partition as k
                 where k.queue_name = p_plan.queue_name
                   and k.table_name = p_plan.table_name) as k
          full join pgcascade.leaf_partitions(p_plan.relation) as t(relation)
            on t.relation = k.relation
          left join pg_class as c
            on c.oid = k.relation
         where k.relation is null
            or t.relation is null
         order by 1
    loop
        v_found := true;
        if v_part.is_new then
            insert into pgcascade.captured_partition (queue_name, table_name, relation)
            values (p_plan.queue_name, p_plan.table_name, v_part.relation);
            perform pgcascade.capture_partition_truncate(p_plan.plan_no, v_part.relation);
        else
            delete from pgcascade.captured_partition as k
             where k.queue_name = p_plan.queue_name
               and k.table_name = p_plan.table_name
               and k.relation = v_part.relation;
            if v_part.is_there then
                execute format(
                    'drop trigger if exists %1$I on %3$s; drop trigger if exists %2$I on %3$s',
                    format('!pgcascade_%s_part_before', p_plan.plan_no), format('!pgcascade_%s_part_after', p_plan.plan_no),
                    v_part.relation::regclass
                );
            end if;
        end if;
        perform pgcascade.note_change(
            p_plan.queue_name, p_plan.table_name,
            case when v_part.is_new then 'partition added' else 'partition removed' end,
            format(
                'Partition %s was %s. Rows that it had are no events: do the same on the nodes below (or all by "execute").',
                case when v_part.is_new or v_part.is_there then v_part.relation::regclass::text else v_part.relation::text end,
                case when v_part.is_new then 'added' when v_part.is_there then 'detached' else 'dropped' end
            )
        );
        if v_part.is_new and p_is_late and current_setting('server_version_num')::integer < 110000 then
            execute format('select exists (select from only %s)', v_part.relation::regclass) into v_rows;
            if v_rows then
                perform pgcascade.copy_table_anew(
                    p_plan.queue_name, p_plan.table_name, format('Partition %s was added unseen', v_part.relation::regclass)
                );
            end if;
        end if;
    end loop;
    return v_found;
end;
$$;

-- Function: pgcascade.follow_table(4)
--
-- Brings what this database knows of one captured or closed table in line with what has been done to it: its triggers are
-- made anew, a table that was renamed or moved stays replicated under its name in the queue, one that took another's name
-- takes its place. One that a script has dropped on the root leaves the queue; one that somebody has dropped by hand stays in it.
--
-- p_is_script: every node runs the change by itself. Else the nodes below know nothing of it: what they need to end equal is
-- sent to them, and what happened is recorded. p_is_late: the change was made some time ago; else a table whose name
-- nobody has is left alone, for its place may be taken yet.
--
-- Returns: renewed, renamed, replaced, removed; null when nothing was to be done.
-- Raises:  as pgcascade.create_capture.
-- Locks:   the table when its triggers change, ACCESS EXCLUSIVE until commit: set lock_timeout before. May be repeated.
create or replace function pgcascade.follow_table(
    p_queue_name  text,
    p_table_name  text,
    p_is_script   boolean,
    p_is_late     boolean
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan     pgcascade.capture_plan%rowtype;
    v_named    oid;
    v_name     text;
    v_wanted   text;
    v_new      text;
    v_outcome  text;
    v_is_root  boolean := pgq_node.is_root_node(p_queue_name);
begin
    select p.* into v_plan
      from pgcascade.capture_plan as p
     where p.queue_name = p_queue_name
       and p.table_name = p_table_name;
    if not found then
        return null;
    end if;
    v_named := to_regclass(pgq.quote_fqname(v_plan.dest_table))::oid;
    select n.nspname || '.' || c.relname into v_name
      from pg_class as c
      join pg_namespace as n
        on n.oid = c.relnamespace
     where c.oid = v_plan.relation;

    if v_named is null and not p_is_script and not p_is_late then
        -- Dropped or renamed a moment ago: another table may be about to take its place, in this transaction or the next.
        return null;
    elsif v_named is null and v_name is null then
        -- Below the root the event of the root's removal follows.
        if not v_is_root then
            return null;
        end if;
        if p_is_script then
            perform londiste.local_remove_table(p_queue_name, p_table_name);
            return 'removed';
        end if;
        -- It stays in the queue: a table that is made anew under the name takes its place.
        if not pgcascade.is_dropped(v_plan) then
            perform pgcascade.note_change(
                p_queue_name, p_table_name, 'dropped',
                'The table was dropped; the nodes below keep theirs. "remove-table" takes it off the queue; a table that is made anew under the name takes its place.'
            );
        end if;
        return null;
    elsif v_named is null then
        update londiste.table_info as t
           set dest_table = nullif(v_name, t.table_name)
         where t.queue_name = p_queue_name
           and t.table_name = p_table_name;
        update pgcascade.capture_plan as p
           set dest_table = v_name
         where p.queue_name = p_queue_name
           and p.table_name = p_table_name;
        perform pgcascade.renew_capture(p_queue_name, p_table_name);
        if not p_is_script then
            perform pgcascade.note_change(
                p_queue_name, p_table_name, 'renamed',
                format('The table is %s here now; in the queue and on the other nodes it keeps its name.', v_name)
            );
        end if;
        return 'renamed';
    elsif v_named <> v_plan.relation then
        if v_plan.purpose = 'capture' then
            perform pgcascade.create_capture(p_queue_name, p_table_name, v_plan.dest_table);
            if not p_is_script and v_is_root then
                perform pgcascade.copy_table_anew(
                    p_queue_name, p_table_name, format('Another table has the name %s now', v_plan.dest_table)
                );
            end if;
        else
            perform pgcascade.create_deny(p_queue_name, p_table_name, v_plan.dest_table);
        end if;
        return 'replaced';
    elsif v_plan.purpose = 'deny' or v_plan.mode = 'none' then
        return null;
    end if;

    if not p_is_script and v_is_root then
        if pgcascade.follow_partitions(v_plan, p_is_late) then
            v_outcome := 'renewed';
        end if;
        select m.mode, m.reason into v_new, v_wanted from pgcascade.wanted_mode(v_plan.relation, v_plan.trigger_args) as m;
    end if;
    if not pgcascade.renew_capture(p_queue_name, p_table_name) then
        return v_outcome;
    end if;
    if not p_is_script then
        perform pgcascade.note_change(
            p_queue_name, p_table_name, 'renewed',
            case
                when v_new <> v_plan.mode
                then format('Captured by %s from now on%s.', v_new, coalesce(': ' || nullif(v_wanted, ''), ''))
                else pgcascade.changed_message()
            end
        );
        -- What was written through the parent meanwhile fired no statement trigger here.
        if v_is_root and p_is_late and v_plan.mode <> 'row' and v_wanted in ('partition', 'inheritance') then
            perform pgcascade.copy_table_anew(
                p_queue_name, p_table_name, 'The table became a partition or a child of another unseen'
            );
        end if;
    end if;
    return 'renewed';
end;
$$;

-- Function: pgcascade.is_dropped(1)
--
-- Whether it was noted already that a table was dropped, and nothing has taken its place since.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.is_dropped(
    p_plan  pgcascade.capture_plan
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select to_regclass(pgq.quote_fqname(p_plan.dest_table)) is null
       and not exists (select from pg_class as c where c.oid = p_plan.relation)
       and exists (
               select
                 from pgcascade.schema_change as c
                where c.queue_name = p_plan.queue_name
                  and c.table_name = p_plan.table_name
                  and c.outcome = 'dropped'
                  and c.happened_at >= p_plan.created_at
           );
$$;

-- Function: pgcascade.changed_tables(0)
--
-- The captured and closed tables whose triggers are not what they should be: changed, renamed, replaced or dropped without a
-- script, with other partitions, or with triggers of ours that are missing or disabled.
--
-- Returns: one row for each: queue, name in the queue.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.changed_tables(
    out queue_name  text,
    out table_name  text
)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p.queue_name, p.table_name
      from pgcascade.capture_plan as p
     where pgcascade.relation_named(p.dest_table, p.relation) is distinct from p.relation
           and not pgcascade.is_dropped(p)
        or p.purpose = 'capture'
           and exists (select from pg_class as c where c.oid = p.relation)
           and p.mode <> 'none'
           and ((select p.mode <> m.mode or pgcascade.is_nested(p.mode, p.reason) <> pgcascade.is_nested(m.mode, m.reason)
                   from pgcascade.wanted_mode(p.relation, p.trigger_args) as m)
                or 'deny' <> all (p.trigger_args)
                   and not exists (
                        select
                          from pg_proc as f
                         where f.pronamespace = 'pgcascade'::regnamespace
                           and f.proname = format('capture_%s_truncate', p.plan_no)
                           and strpos(f.prosrc, pgcascade.capture_signature(p.relation::regclass)) > 0
                    )
                or exists (
                       select l.relation
                         from pgcascade.leaf_partitions(p.relation) as l(relation)
                       except
                       select k.relation
                         from pgcascade.captured_partition as k
                        where k.queue_name = p.queue_name
                          and k.table_name = p.table_name
                   )
                or exists (
                       select k.relation
                         from pgcascade.captured_partition as k
                        where k.queue_name = p.queue_name
                          and k.table_name = p.table_name
                       except
                       select l.relation
                         from pgcascade.leaf_partitions(p.relation) as l(relation)
                   ))
     order by 1, 2;
$$;

-- Function: pgcascade.silent_tables(0)
--
-- Captured tables whose triggers somebody has disabled or dropped: what is written to them is lost to the nodes below.
--
-- Returns: one row for each: queue, name in the queue, number of triggers that are off, number that are missing.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.silent_tables(
    out queue_name  text,
    out table_name  text,
    out disabled    bigint,
    out missing     bigint
)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p.queue_name,
           p.table_name,
           t.disabled,
           pgcascade.capture_trigger_count(p.mode, p.reason) - t.own
      from pgcascade.capture_plan as p
      join pg_class as c
        on c.oid = p.relation
     cross join lateral (
               select count(*) filter (where t.tgenabled not in ('O', 'A')) as disabled, count(*) as own
                 from pg_trigger as t
                where t.tgrelid = p.relation
                  and t.tgname ~ pgcascade.trigger_pattern(p.plan_no)
           ) as t
     where p.purpose = 'capture'
       and (t.disabled > 0
            or t.own < pgcascade.capture_trigger_count(p.mode, p.reason)
               - (case when c.relkind = 'p' and current_setting('server_version_num')::integer < 110000 then 1 else 0 end))
     order by 1, 2;
$$;

-- Function: pgcascade.tables_fingerprint(0)
--
-- A text that changes when anything changes that pgcascade.changed_tables or silent_tables could see: cheap enough to
-- be asked every second, whatever the number of tables.
--
-- Returns: text; null when no table is captured or closed here.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.tables_fingerprint()
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with recursive tree as (
        select p.relation from pgcascade.capture_plan as p
        union
        select i.inhrelid from tree as t join pg_inherits as i on i.inhparent = t.relation
    )
    select md5(string_agg(x.part, ' ' order by x.part))
      from (
          select concat_ws(':', 'c', c.oid, c.xmin, c.relnamespace, c.relname) as part
            from tree as t join pg_class as c on c.oid = t.relation
          union all
          select concat_ws(':', 'a', a.attrelid, a.attnum, a.xmin)
            from tree as t join pg_attribute as a on a.attrelid = t.relation
           where a.attnum > 0
          union all
          select concat_ws(':', 'i', i.indexrelid, i.xmin) from tree as t join pg_index as i on i.indrelid = t.relation
          union all
          select concat_ws(':', 't', g.oid, g.xmin) from tree as t join pg_trigger as g on g.tgrelid = t.relation
          union all
          select concat_ws(':', 'p', p.plan_no, pgcascade.relation_named(p.dest_table, p.relation))
            from pgcascade.capture_plan as p
      ) as x;
$$;

-- Function: pgcascade.on_schema_change(0)
--
-- Event trigger function (ddl_command_end): the captured tables that this transaction has changed get their triggers anew in
-- the same transaction. Nothing of ours makes the statement fail: what could not be done, the ticker's next look does,
-- and until then the generated functions notice by themselves that the table has changed.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   as pgcascade.follow_table; waits 0.2 s at most.
create or replace function pgcascade.on_schema_change()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
declare
    v_locked  oid[];
    v_table   record;
begin
    -- A script of the queue looks at its end by itself.
    if current_setting('pgcascade.script', true) <> ''
       or current_setting('session_replication_role') <> 'origin'
       -- What is done here itself.
       or current_setting('pgcascade.following', true) = 'on'
    then
        return;
    end if;
    with recursive own as (
        select l.relation
          from pg_locks as l
         where l.locktype = 'relation'
           and l.pid = pg_backend_pid()
           and l.granted
           and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
        union
        -- What is made concurrently holds no lock any more.
        select coalesce(i.indrelid, d.objid)
          from pg_event_trigger_ddl_commands() as d
          left join pg_index as i
            on i.indexrelid = d.objid
         where d.classid = 'pg_class'::regclass
        union
        select i.inhparent from own as o join pg_inherits as i on i.inhrelid = o.relation
    )
    select array_agg(o.relation) into v_locked from own as o;
    perform set_config('pgcascade.following', 'on', true);
    for v_table in
        select p.queue_name, p.table_name
          from pgcascade.capture_plan as p
         where p.relation = any (v_locked)
            or pgcascade.relation_named(p.dest_table, p.relation) is distinct from p.relation
            or exists (
                   select
                     from pgcascade.captured_partition as k
                    where k.queue_name = p.queue_name
                      and k.table_name = p.table_name
                      and k.relation = any (v_locked)
               )
         order by 1, 2
    loop
        begin
            perform pgcascade.follow_table(v_table.queue_name, v_table.table_name, false, false);
        exception
            when others then
                raise warning 'pgcascade: triggers of table % will be made anew by the ticker: %', v_table.table_name, sqlerrm;
        end;
    end loop;
    perform set_config('pgcascade.following', '', true);
exception
    when others then
        raise warning 'pgcascade: %', sqlerrm;
end;
$$;

-- Function: pgcascade.create_event_trigger(0)
--
-- Makes the event trigger for pgcascade.on_schema_change, where this role may; else the ticker looks.
--
-- Returns: true when it is there.
-- Raises:  nothing.
-- Locks:   none on user tables. May be repeated.
create or replace function pgcascade.create_event_trigger()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Those that can change a table, also by `cascade`.
    v_tags  constant text[] := array[
        'ALTER INDEX', 'ALTER SCHEMA', 'ALTER TABLE', 'ALTER TRIGGER', 'CREATE INDEX', 'CREATE SCHEMA', 'CREATE TABLE',
        'CREATE TABLE AS', 'CREATE TRIGGER', 'DROP DOMAIN', 'DROP FUNCTION', 'DROP INDEX', 'DROP SCHEMA', 'DROP TABLE',
        'DROP TRIGGER', 'DROP TYPE', 'SELECT INTO'
    ];
begin
    if exists (select from pg_event_trigger as e where e.evtname = 'pgcascade_schema_change' and e.evttags = v_tags) then
        return true;
    end if;
    if exists (select from pg_event_trigger as e where e.evtname = 'pgcascade_schema_change') then
        drop event trigger pgcascade_schema_change;
    end if;
    execute format(
        'create event trigger pgcascade_schema_change on ddl_command_end when tag in (%s)'
        ' execute procedure pgcascade.on_schema_change()',
        (select string_agg(quote_literal(t.tag), ', ' order by t.position) from unnest(v_tags) with ordinality as t(tag, position))
    );
    return true;
exception
    when insufficient_privilege then
        return false;
end;
$$;

-- Function: pgcascade.capture_report(1)
--
-- The capture plan of each captured table of a queue, for people.
--
-- Returns: one row for each column of each table: the table's plan, the column, its type, how its values travel, and the
--          settings that they are written under whatever the session has.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_report(
    p_queue_name        text,
    out table_name      text,
    out dest_table      text,
    out mode            text,
    out reason          text,
    out key_columns     text[],
    out key_source      text,
    out capture_format  text,
    out column_name     text,
    out column_type     text,
    out travels         text,
    out settings        text[]
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.table_name,
           p.dest_table,
           p.mode,
           p.reason,
           p.key_columns,
           p.key_source,
           p.capture_format,
           a.attname::text,
           format_type(a.atttypid, a.atttypmod),
           case
               when p.mode = 'none' then 'not sent: no triggers of ours'
               when p.mode = 'trigger' and a.attname = any (g.ignored) then 'not sent: ignored'
               when p.mode = 'trigger' then g.travels
               when c.column_name is null then 'not sent: generated'
               when p.capture_format = 'urlenc' then 'urlencoded text'
               when b.native then 'JSON value'
               when c.expression like 'pg_catalog.textin(%' then 'text of the type''s output function'
               else 'text'
           end,
           array(
               select format('%s = %s', s.name, s.value)
                 from pgcascade.pinned_settings() as s
                where s.name = any (c.settings)
                  and p.mode not in ('trigger', 'none')
                order by s.name
           )
      from pgcascade.capture_plan as p
      join pg_attribute as a
        on a.attrelid = p.relation
       and a.attnum > 0
       and not a.attisdropped
     cross join lateral pgcascade.base_type(a.atttypid) as b
     cross join lateral (
               select string_to_array(substring(array_to_string(p.trigger_args, E'\n') from '(?n)^ignore=(.*)$'), ',') as ignored,
                      case
                          when pgcascade.trigger_flags(p.trigger_args) ~ 'Q' then 'SQL, as the session prints it'
                          when pgcascade.trigger_flags(p.trigger_args) ~ 'J' then 'JSON, text as the session prints it'
                          when pgcascade.trigger_flags(p.trigger_args) ~ 'L' or p.capture_format = 'urlenc'
                          then 'urlencoded text, as the session prints it'
                          else 'JSON, text as the session prints it'
                      end as travels
           ) as g
      left join lateral (
               select x.* from pgcascade.capture_columns(p.relation, 'n') as x where x.column_name = a.attname
           ) as c
        on true
     where p.queue_name = p_queue_name
       and p.purpose = 'capture'
     order by p.table_name, a.attnum;
$$;
