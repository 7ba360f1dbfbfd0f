-- Function: pgcascade.wanted_mode(2)
--
-- How a table is to be captured: as pgcascade.capture_mode, unless the operator wants something of the triggers that the
-- generated ones do not do.
--
-- Returns: one row: mode (trigger and none besides those of capture_mode) and the reason.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.wanted_mode(
    p_relation      oid,
    p_trigger_args  text[],
    out mode        text,
    out reason      text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if 'no_triggers' = any (p_trigger_args) then
        mode := 'none';
        reason := 'no triggers wanted';
    elsif cardinality(p_trigger_args) > 0 then
        mode := 'trigger';
        reason := 'trigger arguments: ' || array_to_string(p_trigger_args, ' ');
    else
        select m.mode, m.reason into mode, reason from pgcascade.capture_mode(p_relation) as m;
    end if;
end;
$$;

-- Function: pgcascade.trigger_pattern(1)
--
-- Returns: a regular expression for the names of a plan's triggers. Those before a write sort last, to see what is written,
--          those after it first.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.trigger_pattern(
    p_plan_no  integer
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format('^(!|zzz_)pgcascade_%s_', p_plan_no);
$$;

-- Function: pgcascade.plan_key(2)
--
-- The key by which a table's events name a row: what `pkey=` says, else pgcascade.table_key.
--
-- Returns: one row: the columns (empty without a key) and where they come from: the index's name or `pkey=`.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.plan_key(
    p_relation        oid,
    p_trigger_args    text[],
    out key_columns   text[],
    out key_source    text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_arg  text;
begin
    select k.key_columns, k.key_source into key_columns, key_source from pgcascade.table_key(p_relation) as k;
    foreach v_arg in array p_trigger_args loop
        if v_arg like 'pkey=%' then
            key_columns := string_to_array(substr(v_arg, 6), ',');
            key_source := 'pkey=';
        end if;
    end loop;
end;
$$;

-- Function: pgcascade.trigger_flags(1)
--
-- Returns: the letters of the `tgflags=` among the arguments, in upper case, and S for `skip`; empty without.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.trigger_flags(
    p_trigger_args  text[]
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(string_agg(case when lower(a.arg) = 'skip' then 'S' else upper(substr(a.arg, 9)) end, ''), '')
      from unnest(p_trigger_args) as a(arg)
     where a.arg like 'tgflags=%'
        or lower(a.arg) = 'skip';
$$;

-- Function: pgcascade.check_trigger_arguments(2)
--
-- Looks whether a generic trigger of this table could work with these arguments, for what it cannot do would fail the
-- application's writes. Its expressions are run over no row.
--
-- Returns: nothing.
-- Raises:  PC100 for what is no argument, names a column that is not there or is an expression that fails; PC405 when rows
--          have no key and are updated or deleted; PC204 when a role may write to the table and not to the queue; PC400 for partitioned tables, where such a trigger would write the names of the partitions.
-- Locks:   the table, ACCESS SHARE. May be repeated.
create or replace function pgcascade.check_trigger_arguments(
    p_relation      oid,
    p_trigger_args  text[]
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_arg      text;
    v_value    text;
    v_columns  text[];
    v_missing  text;
    v_writers  text;
    v_flags    text := pgcascade.trigger_flags(p_trigger_args);
    v_key      text[] := (pgcascade.plan_key(p_relation, p_trigger_args)).key_columns;
begin
    if (select c.relkind from pg_class as c where c.oid = p_relation) <> 'r' then
        raise exception '% is partitioned: its rows are captured by generated triggers only, without trigger arguments.',
            p_relation::regclass using errcode = 'PC400';
    end if;
    select array_agg(a.attname::text) into v_columns
      from pg_attribute as a
     where a.attrelid = p_relation
       and a.attnum > 0
       and not a.attisdropped;

    foreach v_arg in array p_trigger_args loop
        v_value := substr(v_arg, strpos(v_arg, '=') + 1);
        if v_arg in ('backup', 'deny') or lower(v_arg) = 'skip' then
            continue;
        elsif v_arg like 'tgflags=%' then
            if v_value !~* '^[ABQLJIUDS]+$' then
                raise exception 'Trigger flags "%" are not letters of A or B, Q, L or J, I, U, D, S.', v_value
                    using errcode = 'PC100';
            end if;
        elsif v_arg ~ '^(ignore|pkey)=.' then
            select string_agg(quote_ident(x.name), ', ') into v_missing
              from unnest(string_to_array(v_value, ',')) as x(name)
             where x.name <> all (v_columns);
            if v_missing is not null then
                raise exception 'Trigger argument "%": there is no column % in %. Between the names stand commas and nothing else.',
                    v_arg, v_missing, p_relation::regclass using errcode = 'PC100';
            end if;
            if v_arg like 'ignore=%' and string_to_array(v_value, ',') && v_key then
                raise exception 'Trigger argument "%" leaves out a column of the key (%).', v_arg, array_to_string(v_key, ', ')
                    using errcode = 'PC100';
            end if;
        elsif v_arg ~ '^(when|ev_type|ev_data|ev_extra[1-4])=.' then
            begin
                -- A name of its own, because the trigger knows the columns by their bare names only.
                execute format(
                    case when v_arg like 'when=%'
                         then 'select from only %s as "pgcascade row" where case when false then (%s) else false end'
                         else 'select case when false then (%2$s)::pg_catalog.text end from only %1$s as "pgcascade row" where false'
                    end,
                    p_relation::regclass, v_value
                );
            exception
                when syntax_error_or_access_rule_violation or data_exception or feature_not_supported then
                    raise exception 'Trigger argument "%": %', v_arg, sqlerrm using errcode = 'PC100';
            end;
        else
            raise exception '"%" is no trigger argument: backup, deny, ignore=, pkey=, when=, ev_type=, ev_data=, ev_extra1= to ev_extra4=.',
                v_arg using errcode = 'PC100';
        end if;
    end loop;

    if cardinality(v_key) = 0 and (v_flags ~ '[UD]' or v_flags !~ '[IUD]') then
        raise exception 'Table % has no key, by which a trigger with arguments could name its rows: add "pkey=COLUMNS" to them.',
            p_relation::regclass using errcode = 'PC405';
    end if;

    -- The trigger writes the event by the right of whoever writes the row, which generated ones do not.
    select string_agg(distinct w.name, ', ') into v_writers
      from pg_class as c
     cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as g
     cross join lateral (
               select case when g.grantee = 0 then 'public' else pg_get_userbyid(g.grantee)::text end as name
           ) as w
     where c.oid = p_relation
       and g.privilege_type in ('INSERT', 'UPDATE', 'DELETE')
       and not has_function_privilege(w.name, 'pgq.insert_event(text,text,text,text,text,text,text)', 'execute');
    if v_writers is not null and 'deny' <> all (p_trigger_args) then
        raise exception 'Not all roles that may write to % may write events, which a trigger with arguments does in their name: grant pgq_writer to %.',
            p_relation::regclass, v_writers using errcode = 'PC204';
    end if;
end;
$$;

-- Function: pgcascade.generic_trigger(1)
--
-- The row trigger of a plan in mode `trigger`, as pgcascade.attach_trigger wants it. The event's table is always said, so a
-- table that is renamed goes on under its name in the queue. Without a letter that says which, the function is the one that
-- writes the queue's format.
--
-- Returns: one row: the trigger's name, when it fires and what it calls.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.generic_trigger(
    p_plan            pgcascade.capture_plan,
    out trigger_name  text,
    out fires         text,
    out call          text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_flags      text := pgcascade.trigger_flags(p_plan.trigger_args);
    v_is_before  boolean := v_flags ~ '[BS]';
    v_args       text[];
begin
    v_args := array[p_plan.queue_name] || array(
        select a.arg
          from unnest(p_plan.trigger_args) with ordinality as a(arg, position)
         where a.arg not like 'tgflags=%'
           and lower(a.arg) <> 'skip'
         order by a.position
    );
    if v_flags ~ 'S' then
        v_args := v_args || 'SKIP'::text;
    end if;
    if not exists (select from unnest(v_args) as a(arg) where a.arg like 'ev\_extra1=%') then
        v_args := v_args || ('ev_extra1=' || quote_literal(p_plan.table_name));
    end if;
    -- By itself the trigger knows a primary key only.
    if p_plan.key_source <> 'pkey='
       and cardinality(p_plan.key_columns) > 0
       and not exists (
               select
                 from pg_index as i
                where i.indrelid = p_plan.relation
                  and i.indisprimary
           )
    then
        v_args := v_args || ('pkey=' || array_to_string(p_plan.key_columns, ','));
    end if;
    trigger_name := format('%spgcascade_%s_row', case when v_is_before then 'zzz_' else '!' end, p_plan.plan_no);
    fires := format(
        '%s %s on %%s for each row',
        case when v_is_before then 'before' else 'after' end,
        (select string_agg(e.word, ' or ' order by e.position)
           from (values (1, 'I', 'insert'), (2, 'U', 'update'), (3, 'D', 'delete')) as e(position, letter, word)
          where strpos(v_flags, e.letter) > 0
             or v_flags !~ '[IUD]')
    );
    call := format(
        'pgq.%I(%s)',
        case
            when v_flags ~ 'Q' then 'sqltriga'
            when v_flags ~ 'J' then 'jsontriga'
            when v_flags ~ 'L' or p_plan.capture_format = 'urlenc' then 'logutriga'
            else 'jsontriga'
        end,
        (select string_agg(quote_literal(a.arg), ', ' order by a.position)
           from unnest(v_args) with ordinality as a(arg, position))
    );
end;
$$;
