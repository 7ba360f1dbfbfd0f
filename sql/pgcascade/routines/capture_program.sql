-- Function: pgcascade.capture_guard(5)
--
-- What a generated trigger function does before it looks at its rows: the way out of the ordinary, behind one condition. A script of the queue,
-- which every node runs by itself, writes no events; nor does a session whose session_replication_role is local, as with
-- the triggers of PgQ. A table that has changed since the function was made is captured by SQL that is made on the spot. A
-- session whose settings would give values another text has them set until the end of the function.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_guard(pgcascade.capture_plan, text, text[]);
drop function if exists pgcascade.capture_guard(pgcascade.capture_plan, integer, text, text[]);
create or replace function pgcascade.capture_guard(
    p_plan       pgcascade.capture_plan,
    p_queue_id   integer,
    p_kind       text,
    p_settings   text[],
    p_signature  text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $f$    if %3$s
    then
        if pg_catalog.current_setting('session_replication_role') operator(pg_catalog.=) 'local'
           or pgcascade.runs_script(%4$L)
        then
            return null;
        end if;
        if pgcascade.capture_signature(%1$L::pg_catalog.regclass) operator(pg_catalog.<>) %2$L then
            v_saved := pgcascade.pin_settings(%5$L);
            %6$s
            perform pgcascade.pin_settings(v_saved);
            perform pgcascade.check_still_open(%8$s);
            return null;
        end if;
%7$s    end if;
$f$,
        p_plan.relation::text,
        p_signature,
        pgcascade.capture_unusual(p_plan, p_settings, p_signature),
        p_plan.queue_name,
        pgcascade.setting_values(null),
        case p_kind
            when 'row' then format(
                $r$if tg_op operator(pg_catalog.=) 'INSERT' then
                execute pgcascade.capture_late(%1$s, tg_op, true) using new, new;
            elsif tg_op operator(pg_catalog.=) 'DELETE' then
                execute pgcascade.capture_late(%1$s, tg_op, true) using old, old;
            else
                execute pgcascade.capture_late(%1$s, tg_op, true) using old, new;
            end if;$r$,
                p_plan.plan_no
            )
            else format('execute pgcascade.capture_late(%s, tg_op, false);', p_plan.plan_no)
        end,
        case
            when cardinality(p_settings) > 0
            then format(E'        v_saved := pgcascade.pin_settings(%L);\n', pgcascade.setting_values(p_settings))
        end,
        p_queue_id
    );
end;
$$;

-- Function: pgcascade.capture_late(3)
--
-- The SQL that captures one statement of a table that has changed since its trigger functions were made: for a statement
-- trigger over its transition tables, for a row trigger (p_is_row) over $1 and $2, the old and the new row. Called by the
-- generated functions in the application's transaction, so a new column is captured from its first write.
--
-- The functions get their new source here too, unless somebody else is about to do that: nobody waits. Triggers stay what
-- they are; pgcascade.follow_table makes them anew where another mode is wanted.
--
-- Returns: an SQL statement.
-- Raises:  'Insert into queue disallowed' when the queue is closed; 40001 when the transaction's snapshot is older than the
--          table's triggers.
-- Locks:   advisory (1885827451, plan) until commit; never waits for it.
create or replace function pgcascade.capture_late(
    p_plan_no    integer,
    p_operation  text,
    p_is_row     boolean
)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan   pgcascade.capture_plan%rowtype;
    v_queue  pgq.queue%rowtype;
    v_keys   text[];
begin
    select p.* into v_plan from pgcascade.capture_plan as p where p.plan_no = p_plan_no;
    if not found then
        if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
            raise exception 'could not serialize access due to a change of a captured table'
                using errcode = 'serialization_failure', hint = 'Run the transaction again.';
        end if;
        -- The plan was dropped, its triggers are about to be.
        return 'select';
    end if;
    select q.* into v_queue from pgq.queue as q where q.queue_name = v_plan.queue_name;
    if v_queue.queue_disable_insert then
        raise exception 'Insert into queue disallowed';
    end if;
    if pg_try_advisory_xact_lock(1885827451, p_plan_no) and pgcascade.renew_functions(v_plan) then
        insert into pgcascade.schema_change (queue_name, table_name, outcome, message)
        values (v_plan.queue_name, v_plan.table_name, 'renewed', pgcascade.changed_message());
    end if;
    select k.key_columns into v_keys from pgcascade.table_key(v_plan.relation) as k;
    return pgcascade.capture_rows(
        v_plan.capture_format, p_operation, v_plan.relation, v_plan.table_name, v_keys,
        format('%s_%s', v_queue.queue_data_pfx, v_queue.queue_cur_table),
        case when p_is_row then '(select ($1).*)' else 'old_rows' end,
        case when p_is_row then '(select ($2).*)' else 'new_rows' end
    );
end;
$$;

-- Function: pgcascade.capture_update_begin(0)
--
-- What a statement trigger function for updates does once it knows the number of rows, as far as that matters. One row, as
-- most updates of an application change, needs no join. For more the join is planned and run as it suits many: hashed,
-- for the planner knows nothing of the transition tables, not compiled, and from 10,000 rows on in more memory.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_update_begin()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $f$    if v_rows operator(pg_catalog.>) 1 then
        v_join := pgcascade.pin_settings(%L);
        if v_rows operator(pg_catalog.=) 10000
           and pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) operator(pg_catalog.<) 67108864
        then
            v_join := pg_catalog.array_cat(v_join, pgcascade.pin_settings('{work_mem,64MB}'));
        end if;
    end if;
$f$,
        array['enable_mergejoin', 'off']
            || case when current_setting('server_version_num')::integer >= 110000 then array['jit', 'off'] end
    );
$$;

-- Function: pgcascade.capture_update_end(0)
--
-- The counterpart of pgcascade.capture_update_begin.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_update_end()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select $f$    if v_join is not null then
        perform pgcascade.pin_settings(v_join);
    end if;
$f$::text;
$$;

-- Function: pgcascade.capture_update_body(2)
--
-- The statements of one event table for updates: p_one where there is one row and its key is the same, else p_many.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_update_body(
    p_one   text,
    p_many  text
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $f$        if v_rows operator(pg_catalog.=) 1 then
%s
        v_is_done := found;
        end if;
        if not v_is_done and v_rows operator(pg_catalog.>) 0 then
%s
        end if;$f$,
        p_one, p_many
    );
$$;

-- Function: pgcascade.capture_mark(1)
--
-- What the generated function for a TRUNCATE of a whole partitioned table leaves behind for the triggers of its partitions,
-- which fire after it and take it away at the end of the same TRUNCATE.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_mark(
    p_plan_no  integer
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(E'    v_mark := pg_catalog.set_config(''pgcascade.truncated_%s'', ''all'', true);\n', p_plan_no);
$$;

-- Function: pgcascade.capture_program(7)
--
-- The source of one generated trigger function: p_fast as pgcascade.capture_fast makes it, and the long way: p_bodies holds
-- the statements for each event table of the queue, of which the queue's current table is taken.
--
-- It runs with its owner's rights and has no search_path of its own, which would cost a write of one row a third of what
-- capture takes. So every name in it is qualified, operators and types too: what the writer's search_path has means
-- nothing to it.
--
-- Returns: PL/pgSQL.
-- Raises:  nothing; the created function raises when inserting into the queue is disabled.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_program(integer, text, text[], text[]);
drop function if exists pgcascade.capture_program(integer, text, text, text[], text, text);
create or replace function pgcascade.capture_program(
    p_queue_id  integer,
    p_fast      text,
    p_guard     text,
    p_begin     text,
    p_bodies    text[],
    p_end       text,
    p_mark      text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return format(
        $f$
#variable_conflict use_column
declare
    v_open      pg_catalog.int8;
    v_table     pg_catalog.int4;
    v_disabled  pg_catalog.bool;
    v_rows      pg_catalog.int8;
    v_is_done   pg_catalog.bool := false;
    v_saved     pg_catalog.text[];
    v_join      pg_catalog.text[];
    v_late      record;
    v_mark      pg_catalog.text;
begin
%9$s%1$s
    select q.queue_cur_table, q.queue_disable_insert%6$s
      into v_table, v_disabled%7$s
      from pgq.queue as q
     where q.queue_id operator(pg_catalog.=) %2$s;
    if v_disabled then
        raise exception 'Insert into queue disallowed'
            using hint = 'This node is not the root of its queue, or a takeover is closing it: write to the root.';
    end if;
%3$s%4$s    end if;
%5$s    if v_saved is not null then
        perform pgcascade.pin_settings(v_saved);
    end if;
    perform pgcascade.check_still_open(%2$s);
%8$s    return null;
end;
$f$,
        p_guard,
        p_queue_id,
        p_begin,
        (select string_agg(
                    format(
                        E'    %s v_table operator(pg_catalog.=) %s then\n%s\n',
                        case when b.position = 1 then 'if' else 'elsif' end, b.position - 1, b.body
                    ),
                    '' order by b.position
                )
           from unnest(p_bodies) with ordinality as b(body, position)),
        p_end,
        case when p_begin <> '' then ', (select pg_catalog.count(*) from (select from new_rows limit 10000) as c)' end,
        case when p_begin <> '' then ', v_rows' end,
        p_mark,
        p_fast
    );
end;
$$;

-- Function: pgcascade.capture_function(2)
--
-- Creates one generated trigger function, or gives it another source. The function runs as its owner: the application
-- needs no right on our schemas and gets none. That for deletes finds rows of the table by its key, whatever the
-- planner thought of the table's size when it made the plan.
--
-- Returns: nothing.
-- Raises:  as `create function`.
-- Locks:   none on user tables. May be repeated.
drop function if exists pgcascade.capture_function(text, integer, text[], text[]);
drop function if exists pgcascade.capture_function(text, text, text[]);
create or replace function pgcascade.capture_function(
    p_function  text,
    p_source    text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format(
        'create or replace function pgcascade.%I() returns trigger language plpgsql security definer %s as %L',
        p_function,
        case when p_function like '%\_delete' then 'set enable_seqscan = off' else '' end,
        p_source
    );
    execute format('revoke all on function pgcascade.%I() from public', p_function);
end;
$$;

-- Function: pgcascade.capture_parts(1)
--
-- The generated trigger functions that a plan's table needs as it is now.
--
-- Returns: one row for each: the kind (insert, update, delete, row, truncate) and its source.
-- Raises:  PC302 when the queue is not there, PC400 when the format cannot name the table's key.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_parts(text, text, text, oid, text);
create or replace function pgcascade.capture_parts(
    p_plan      pgcascade.capture_plan,
    out kind    text,
    out source  text
)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     pgq.queue%rowtype;
    v_keys      text[];
    v_settings  text[];
    -- The table's, which the functions compare.
    v_signature text := pgcascade.capture_signature(p_plan.relation::regclass);
    v_table     constant text := E'\x01events\x01';
    v_condition constant text := E'\x01condition\x01';
    v_one       text;
    v_body      text;
    v_bodies    text[];
begin
    select q.* into v_queue from pgq.queue as q where q.queue_name = p_plan.queue_name;
    if not found then
        raise exception 'The queue % is not in this database.', p_plan.queue_name using errcode = 'PC302';
    end if;
    select k.key_columns into v_keys from pgcascade.table_key(p_plan.relation) as k;
    if p_plan.capture_format = 'urlenc' and array_to_string(v_keys, '') like '%,%' then
        raise exception 'The key of % has a column with a comma in its name, which events in urlencoded form cannot name.',
            p_plan.relation::regclass using errcode = 'PC400';
    end if;
    select array_agg(distinct s) into v_settings
      from pgcascade.capture_columns(p_plan.relation, 'n') as c, unnest(c.settings) as s;

    foreach kind in array case
        when p_plan.mode = 'none' or 'deny' = any (p_plan.trigger_args) then '{}'
        else case p_plan.mode
            when 'statement' then array['insert', 'update', 'delete', 'truncate']
            when 'mixed' then array['insert', 'row', 'truncate']
            when 'trigger' then array['truncate']
            else array['row', 'truncate']
        end
    end loop
        -- The statements differ by the event table only: made once, with words in its place and in that of a condition that no
        -- name has.
        v_one := case
            when kind = 'row' then pgcascade.capture_by_row(
                p_plan.capture_format, p_plan.relation, p_plan.table_name, v_keys, v_table, v_condition
            )
            when kind in ('insert', 'delete') or kind = 'update' and cardinality(v_keys) > 0 then pgcascade.capture_rows(
                p_plan.capture_format, upper(kind), p_plan.relation, p_plan.table_name, v_keys, v_table,
                p_is_one => kind = 'update', p_condition => v_condition
            )
        end;
        v_body := case
            when kind = 'row' then pgcascade.capture_by_row(p_plan.capture_format, p_plan.relation, p_plan.table_name, v_keys, v_table)
            when kind in ('insert', 'delete') then replace(v_one, v_condition, 'true')
            else pgcascade.capture_rows(
                p_plan.capture_format, upper(kind), p_plan.relation, p_plan.table_name, v_keys, v_table
            )
        end;
        if kind = 'update' and cardinality(v_keys) > 0 then
            v_body := pgcascade.capture_update_body(replace(v_one, v_condition, 'true'), v_body);
        end if;
        v_bodies := array(
            select replace(v_body, v_table, format('%s_%s', v_queue.queue_data_pfx, no))
              from generate_series(0, v_queue.queue_ntables - 1) as no
             order by no
        );
        source := pgcascade.capture_program(
            v_queue.queue_id,
            pgcascade.capture_fast(
                p_plan, v_queue, kind, v_keys, v_settings, pgcascade.capture_order_condition(p_plan, kind), v_one,
                v_signature
            ),
            pgcascade.capture_guard(
                p_plan, v_queue.queue_id, kind, case when kind = 'truncate' then '{}' else v_settings end, v_signature
            ),
            case when kind = 'update' and cardinality(v_keys) > 0 then pgcascade.capture_update_begin() else '' end,
            v_bodies,
            case when kind = 'update' and cardinality(v_keys) > 0 then pgcascade.capture_update_end() else '' end
                || case
                       when kind in ('update', 'delete') and cardinality(v_keys) > 0
                       then pgcascade.capture_order_program(p_plan, kind, v_keys)
                       when kind = 'row'
                       then pgcascade.capture_nested_program(p_plan, v_keys)
                       else ''
                   end,
            case
                when kind = 'truncate' and (select c.relkind from pg_class as c where c.oid = p_plan.relation) = 'p'
                then pgcascade.capture_mark(p_plan.plan_no)
                else ''
            end
        );
        return next;
    end loop;
end;
$$;

-- Function: pgcascade.renew_functions(1)
--
-- Gives the generated functions of a plan the source that its table needs as it is now.
--
-- Returns: true when a function had another one.
-- Raises:  as pgcascade.capture_parts.
-- Locks:   none on user tables; the caller sees to it that nobody else does the same. May be repeated.
create or replace function pgcascade.renew_functions(
    p_plan  pgcascade.capture_plan
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part     record;
    v_key      record;
    v_changed  boolean := false;
begin
    for v_part in
        select c.source, format('capture_%s_%s', p_plan.plan_no, c.kind) as function_name
          from pgcascade.capture_parts(p_plan) as c
    loop
        continue when exists (
            select
              from pg_proc as p
             where p.pronamespace = 'pgcascade'::regnamespace
               and p.proname = v_part.function_name
               and p.prosrc = v_part.source
        );
        perform pgcascade.capture_function(v_part.function_name, v_part.source);
        v_changed := true;
    end loop;
    select * into v_key from pgcascade.plan_key(p_plan.relation, p_plan.trigger_args);
    update pgcascade.capture_plan as p
       set key_columns = v_key.key_columns,
           key_source = v_key.key_source
     where p.plan_no = p_plan.plan_no
       and (p.key_columns, p.key_source) is distinct from (v_key.key_columns, v_key.key_source);
    return v_changed;
end;
$$;
