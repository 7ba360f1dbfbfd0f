-- The order of a key's events is the order in which its row was changed. Triggers see to that by themselves but for two cases:
-- a statement that deletes a key and inserts it again (capture_order_program), and a row trigger of the application that
-- writes to rows of the statement that fires it (capture_nested_program): the events of what it writes come
-- first, as triggers fire when the statement has changed all its rows. The late ones get new ids then; nobody has seen them yet.

-- Function: pgcascade.capture_name_condition(1)
--
-- The SQL condition that a table has the name that it has now. A statement that names the table must not be planned after its
-- schema was renamed, which is no change of the table: its triggers learn of it by the ticker's look.
--
-- Returns: an expression of type boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_name_condition(
    p_relation  oid
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format('pg_catalog.to_regclass(%L)::pg_catalog.oid operator(pg_catalog.=) %s', p_relation::regclass, p_relation);
end;
$$;

-- Function: pgcascade.capture_order_condition(2)
--
-- The SQL condition that the INSERT event of a key that a delete or an update takes away may have been written before, by the same
-- statement: this session has inserted into the table (or updated keys of it) in this transaction or a moment before, which
-- the server's counters tell for nothing; a note that the INSERT functions leave in a setting would cost each insert 5 us. Not true
-- while the table is in a renamed schema.
--
-- Returns: an expression of type boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_order_condition(
    p_plan  pgcascade.capture_plan,
    p_kind  text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        '(pg_catalog.pg_stat_get_xact_tuples_inserted(%1$s) operator(pg_catalog.>) 0'
        || case p_kind
               when 'update' then ''
               else ' or pg_catalog.pg_stat_get_xact_tuples_updated(%1$s) operator(pg_catalog.>) 0'
           end
        || ' or pg_catalog.current_setting(''track_counts'') operator(pg_catalog.<>) ''on'') and %2$s',
        p_plan.relation,
        pgcascade.capture_name_condition(p_plan.relation)
    );
end;
$$;

-- Function: pgcascade.capture_order_program(3)
--
-- The end of a statement trigger function for deletes and updates: what a statement that deletes a key and inserts it again
-- needs. PostgreSQL may fire the trigger for the inserted rows first, when the delete stands in a WITH and is read only in
-- part; then the INSERT event of a key that is gone by this trigger's event and yet in the table moves behind it.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_order_program(pgcascade.capture_plan, text, text[], text);
create or replace function pgcascade.capture_order_program(
    p_plan         pgcascade.capture_plan,
    p_kind         text,
    p_key_columns  text[]
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $f$    if %8$s then
        v_join := %9$s;
        if exists (
            select
              from old_rows as o
             where (select true from %3$s as t where %4$s)%5$s
        )
        then
            for v_late in
                select c.pgc_key, c.pgc_command
                  from (select %2$s as pgc_key,
                               (select t.cmin::pg_catalog.text::pg_catalog.int8 from %3$s as t where %4$s) as pgc_command
                          from old_rows as o
                         where true%5$s
                        offset 0) as c
                 where c.pgc_command is not null
            loop
                perform pgcascade.put_behind(%6$L, %7$L, v_late.pgc_key, v_late.pgc_command);
            end loop;
        end if;
        if v_join is not null then
            perform pgcascade.pin_settings(v_join);
        end if;
    end if;
$f$,
        p_plan.relation,
        pgcascade.capture_key(p_plan.relation, 'o', p_key_columns),
        p_plan.relation::regclass,
        pgcascade.capture_same_key(p_plan.relation, p_key_columns, 't', 'o'),
        case p_kind
            when 'update' then format(
                ' and not exists (select from new_rows as n where %s)',
                pgcascade.capture_same_key(p_plan.relation, p_key_columns, 'n', 'o')
            )
            else ''
        end,
        p_plan.queue_name,
        p_plan.table_name,
        case p_kind when 'update' then 'not v_is_done and ' else '' end || pgcascade.capture_order_condition(p_plan, p_kind),
        -- The function for deletes has it always. For the first row of many the planner would look through all new rows for each old one.
        case p_kind when 'update' then 'pgcascade.pin_settings(''{enable_seqscan,off,enable_nestloop,off}'')' else 'null' end
    );
end;
$$;

-- Function: pgcascade.put_behind(4)
--
-- Gives the last INSERT event of a key, when this transaction wrote it after the command p_command, a new id: behind all
-- events so far. Nobody has seen it yet.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   none that others could wait for. May be repeated.
create or replace function pgcascade.put_behind(
    p_queue_name  text,
    p_table_name  text,
    p_key         text,
    p_command     bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue  pgq.queue%rowtype;
begin
    select q.* into v_queue from pgq.queue as q where q.queue_name = p_queue_name;
    execute format(
        $q$update %1$s as e
              set ev_id = nextval(%2$L)
            where e.ev_txid = txid_current()
              and e.ev_id = (
                      select max(i.ev_id)
                        from %1$s as i
                       where i.ev_txid = txid_current()
                         and i.ev_extra1 = $1
                         and i.ev_extra3 = $2
                         and (i.ev_type like 'I:%%' or i.ev_type like '{"op":"INSERT"%%')
                         and i.cmin::text::bigint > $3
                  )$q$,
        v_queue.queue_data_pfx,
        v_queue.queue_event_seq
    )
      using p_table_name, p_key, p_command;
end;
$$;

-- Function: pgcascade.writing_trigger(1)
--
-- A row trigger of the application that may write to the table itself while a statement is at work. One that fires AFTER the
-- rows always may. One that fires BEFORE them, as most do that only fill in a column, may when the text of its
-- function has a command that writes, or calls something; what a function written in C does is not known, and trusted.
--
-- Returns: the name of the first of them; null when there is none.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.writing_trigger(
    p_relation  oid
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select min(t.tgname::text)
      from pg_trigger as t
      join pg_proc as p
        on p.oid = t.tgfoid
      join pg_language as l
        on l.oid = p.prolang
     where t.tgrelid = p_relation
       and not t.tgisinternal
       and t.tgenabled in ('O', 'A')
       and t.tgtype & 1 = 1
       and t.tgname !~ '^(!|zzz_)pgcascade_'
       and (t.tgtype & 66 = 0
            or t.tgtype & 2 = 2
               and l.lanname not in ('c', 'internal')
               -- Without comments and strings, such as those that tg_op is compared with.
               and regexp_replace(
                       regexp_replace(p.prosrc, '--[^\n]*|/\*.*?\*/', ' ', 'g'), '''(?:[^'']|'''')*''', ' ', 'g'
                   ) ~* '\m(insert|update|delete|merge|execute|perform|call|copy|truncate)\M');
$$;

-- Function: pgcascade.is_nested(2)
--
-- Whether a table's mode and its reason, as pgcascade.capture_mode gives them, mean that statements on it may be
-- nested, so that it has the two triggers that mark where a statement begins and ends.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.is_nested(
    p_mode    text,
    p_reason  text
)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return p_mode = 'row' and p_reason like 'row trigger %';
end;
$$;

-- Function: pgcascade.capture_trigger_count(2)
--
-- How many triggers of ours a captured table has.
--
-- Returns: integer.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_trigger_count(
    p_mode    text,
    p_reason  text
)
returns integer
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case p_mode when 'statement' then 4 when 'mixed' then 3 when 'none' then 0 else 2 end
           + case when pgcascade.is_nested(p_mode, p_reason) then 2 else 0 end;
$$;

-- Function: pgcascade.begin_statement(0)
--
-- Trigger function, before a statement. Arguments: the number of the plan, the sequence of the queue's event ids. Notes the last
-- event id before the statement, on top of those of the statements that it is nested in: in a setting that ends with the
-- transaction, and goes back with a savepoint.
--
-- Returns: null.
-- Raises:  nothing.
-- Locks:   none.
create or replace function pgcascade.begin_statement()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name  text := format('pgcascade.marks_%s', tg_argv[0]);
begin
    perform set_config(
        v_name,
        concat(coalesce(pg_sequence_last_value(tg_argv[1]::regclass), 0), ' ', current_setting(v_name, true)),
        true
    );
    return null;
end;
$$;

-- Function: pgcascade.end_statement(0)
--
-- Trigger function, after a statement and its row triggers. Argument: the number of the plan. Takes away what
-- pgcascade.begin_statement noted; the statement around this one, if there is one, learns that it had one inside.
--
-- Returns: null.
-- Raises:  nothing.
-- Locks:   none.
create or replace function pgcascade.end_statement()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name   text := format('pgcascade.marks_%s', tg_argv[0]);
    v_marks  text := regexp_replace(current_setting(v_name, true), '^\d+ ', '');
begin
    perform set_config(v_name, v_marks, true);
    perform set_config(format('pgcascade.nested_%s', tg_argv[0]), case when v_marks <> '' then 'yes' else '' end, true);
    return null;
end;
$$;

-- Function: pgcascade.capture_nested_condition(1)
--
-- The SQL condition that a statement has had another one on the same table inside.
--
-- Returns: an expression of type boolean; null is as good as false.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_nested_condition(
    p_plan_no  integer
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format('pg_catalog.current_setting(''pgcascade.nested_%s'', true) operator(pg_catalog.=) ''yes''', p_plan_no);
$$;

-- Function: pgcascade.capture_nested_program(2)
--
-- The end of a row trigger function of a table on which statements may be nested: puts the events of the row's key in order.
--
-- Returns: PL/pgSQL statements; an empty text for a table without a key.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_nested_program(
    p_plan         pgcascade.capture_plan,
    p_key_columns  text[]
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case when cardinality(p_key_columns) > 0 and pgcascade.is_nested(p_plan.mode, p_plan.reason) then format(
        $f$    if %2$s and %9$s then
        if tg_op operator(pg_catalog.=) 'UPDATE' and %3$s then
            if %4$s then
                perform pgcascade.put_in_order(%1$s, 'UPDATE', %5$s, true);
            end if;
        else
            if tg_op operator(pg_catalog.<>) 'INSERT' then
                perform pgcascade.put_in_order(%1$s, 'DELETE', %6$s, false);
            end if;
            if tg_op operator(pg_catalog.<>) 'DELETE' then
                perform pgcascade.put_in_order(%1$s, 'INSERT', %5$s, exists (select from %7$s as t where %8$s));
            end if;
        end if;
    end if;
$f$,
        p_plan.plan_no,
        pgcascade.capture_nested_condition(p_plan.plan_no),
        pgcascade.capture_same_key(p_plan.relation, p_key_columns, 'old', 'new'),
        pgcascade.capture_changed(p_plan.relation, 'old', 'new'),
        pgcascade.capture_key(p_plan.relation, 'new', p_key_columns),
        pgcascade.capture_key(p_plan.relation, 'old', p_key_columns),
        p_plan.relation::regclass,
        pgcascade.capture_same_key(p_plan.relation, p_key_columns, 't', 'new'),
        pgcascade.capture_name_condition(p_plan.relation)
    )
    else '' end;
end;
$$;

-- Function: pgcascade.put_in_order(4)
--
-- Called when a row trigger function has written an event (p_operation) of a key, and statements inside this one may have written
-- some of the same key before: those that changed the row later get new ids, behind this one, in their order.
--
-- A row that the statement updates or deletes nobody can have changed before within the statement, the server sees to that.
-- A key that it inserts may have been deleted before, by a trigger that makes room for it. Then the INSERT belongs where the
-- key is free, which the events and p_exists, whether the key is in the table now, tell.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   none that others could wait for.
create or replace function pgcascade.put_in_order(
    p_plan_no    integer,
    p_operation  text,
    p_key        text,
    p_exists     boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan      pgcascade.capture_plan%rowtype;
    v_queue     pgq.queue%rowtype;
    v_mark      bigint := split_part(current_setting(format('pgcascade.marks_%s', p_plan_no), true), ' ', 1);
    v_ids       bigint[];
    v_letters   text;
    v_is_there  boolean := p_exists;
    v_first     integer := 1;
begin
    select p.* into v_plan from pgcascade.capture_plan as p where p.plan_no = p_plan_no;
    select q.* into v_queue from pgq.queue as q where q.queue_name = v_plan.queue_name;
    execute format(
        $q$select array_agg(e.ev_id order by e.ev_id),
                  string_agg(
                      case when e.ev_type like '{"op":"%%' then substr(e.ev_type, 8, 1) else left(e.ev_type, 1) end,
                      '' order by e.ev_id
                  )
             from %s as e
            where e.ev_txid = txid_current()
              and e.ev_id > $1
              and e.ev_extra1 = $2
              and e.ev_extra3 = $3$q$,
        format('%s_%s', v_queue.queue_data_pfx, v_queue.queue_cur_table)
    )
       into v_ids, v_letters
      using v_mark, v_plan.table_name, p_key;
    if coalesce(cardinality(v_ids), 0) < 2 or right(v_letters, 1) <> left(p_operation, 1) then
        return;
    end if;

    if p_operation = 'INSERT' then
        -- From the end back to what was there before: each of them turned it round.
        for i in 1 .. length(v_letters) loop
            v_is_there := v_is_there <> (substr(v_letters, i, 1) in ('I', 'D'));
        end loop;
        while v_first < cardinality(v_ids) and (v_is_there or substr(v_letters, v_first, 1) = 'I') loop
            v_is_there := v_is_there <> (substr(v_letters, v_first, 1) in ('I', 'D'));
            v_first := v_first + 1;
        end loop;
    end if;
    for i in v_first .. cardinality(v_ids) - 1 loop
        execute format(
            'update %s as e set ev_id = nextval(%L) where e.ev_txid = txid_current() and e.ev_id = $1',
            format('%s_%s', v_queue.queue_data_pfx, v_queue.queue_cur_table), v_queue.queue_event_seq
        )
          using v_ids[i];
    end loop;
end;
$$;
