-- The first thing a generated trigger function does: where nothing is out of the ordinary, which one expression tells, one
-- statement captures what most statements of an application write, one row. Every statement and expression more costs a
-- transaction of one row some microseconds, so what the statement did not capture is left to the rest of the function.

-- Function: pgcascade.capture_unusual(3)
--
-- The SQL condition that a generated function has to look closer: a script of the queue runs, the session's writes are not to
-- be captured, the table has changed since the function was made, a setting would give values another text, or a
-- statement on the table had another one inside.
--
-- Returns: an expression of type boolean; null is as good as false.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_unusual(pgcascade.capture_plan, text[]);
create or replace function pgcascade.capture_unusual(
    p_plan       pgcascade.capture_plan,
    p_settings   text[],
    p_signature  text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select format(
            $f$pg_catalog.current_setting('session_replication_role') operator(pg_catalog.=) 'local'
           or pg_catalog.current_setting('pgcascade.script', true) operator(pg_catalog.<>) ''
           or pgcascade.capture_signature(%L::pg_catalog.regclass) operator(pg_catalog.<>) %L%s$f$,
            p_plan.relation::text,
            p_signature,
            (select string_agg(E'\n       or ' || s.differs, '' order by s.name)
               from pgcascade.pinned_settings() as s
              where s.name = any (p_settings))
        ) || case
            when pgcascade.is_nested(p_plan.mode, p_plan.reason)
            then E'\n       or ' || pgcascade.capture_nested_condition(p_plan.plan_no)
            else ''
        end
    );
end;
$$;

-- Function: pgcascade.capture_open_table(1)
--
-- The SQL of which event table a queue writes to: its sequence where it has one (see migration 0003 of pgq), which a stock
-- PgQ has not.
--
-- Returns: an expression of type bigint or integer: a number, or null or a number that no table has where the queue's row
--          has to be looked at closer.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_open_table(
    p_queue  pgq.queue
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when to_regclass(p_queue.queue_data_pfx || '_open_seq') is not null
        then format('pg_catalog.pg_sequence_last_value(%L::pg_catalog.regclass)', p_queue.queue_data_pfx || '_open_seq')
        else format(
            '(select q.queue_cur_table from pgq.queue as q where q.queue_id operator(pg_catalog.=) %s and not q.queue_disable_insert)',
            p_queue.queue_id
        )
    end;
end;
$$;

-- Function: pgcascade.capture_fast(8)
--
-- The beginning of one generated trigger function, from its statement for one event table (p_body, with E'\\x01events\\x01' for the
-- table and E'\\x01condition\\x01' for a condition). It writes the events of a statement all or not at all; then the rest
-- of the function does. A statement without a row is done, too.
--
-- The statement asks for the event table once more: by then it holds its lock on the table, which who closes the queue for
-- the last tick waits for (pgq_node.demote_root). It is planned only when the table is what it was made for.
--
-- Returns: PL/pgSQL statements; an empty text where there is no fast way.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
drop function if exists pgcascade.capture_fast(pgcascade.capture_plan, pgq.queue, text, text[], text[], text, text);
create or replace function pgcascade.capture_fast(
    p_plan         pgcascade.capture_plan,
    p_queue        pgq.queue,
    p_kind         text,
    p_key_columns  text[],
    p_settings     text[],
    p_order        text,
    p_body         text,
    p_signature    text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_open       text := pgcascade.capture_open_table(p_queue);
    v_number     constant text := E'\x01number\x01';
    v_condition  text;
begin
    if p_body is null then
        return '';
    end if;
    v_condition := coalesce(nullif(concat_ws(
        E'\n           and ',
        -- Of many rows asked once.
        case
            when v_open not like '(select%'
            then format(case p_kind when 'row' then '%s operator(pg_catalog.=) %s' else '(select %s) operator(pg_catalog.=) %s' end, v_open, v_number)
        end,
        case
            when p_kind = 'update' then '(select true from new_rows offset 1 limit 1) is null'
            when p_kind = 'delete' and cardinality(p_key_columns) > 0 then format(
                E'(not (%s)\n                or not exists (select from old_rows as o where (select true from %s as t where %s)))',
                p_order, p_plan.relation::regclass, pgcascade.capture_same_key(p_plan.relation, p_key_columns, 't', 'o')
            )
        end
    ), ''), 'true');
    return format(
        E'    v_open := case when (%s) is not true then %s end;\n%s    end if;\n    if found then\n        return null;\n    end if;\n%s',
        pgcascade.capture_unusual(p_plan, p_settings, p_signature)
            -- Of these statements it is the only one that names the table.
            || case
                   when p_kind = 'delete' and cardinality(p_key_columns) > 0
                   then format(E'\n       or (%s) is not true', pgcascade.capture_name_condition(p_plan.relation))
                   else ''
               end,
        v_open,
        (select string_agg(
                    format(
                        E'    %s v_open operator(pg_catalog.=) %s then\n%s\n',
                        case no when 0 then 'if' else 'elsif' end, no,
                        replace(
                            replace(
                                replace(p_body, E'\x01condition\x01', v_condition), E'\x01events\x01', format('%s_%s', p_queue.queue_data_pfx, no)
                            ),
                            v_number, no::text
                        )
                    ),
                    '' order by no
                )
           from generate_series(0, p_queue.queue_ntables - 1) as no),
        case
            when p_kind <> 'row'
            then format(
                E'    if not exists (select from %s) then\n        return null;\n    end if;\n',
                case p_kind when 'delete' then 'old_rows' else 'new_rows' end
            )
        end
    );
end;
$$;

-- Function: pgcascade.check_still_open(1)
--
-- Called by a generated function when it has written its events the long way, so it holds its lock on the event table: the
-- queue may have been closed, and its last tick made, since the function looked at the queue's row.
--
-- Returns: nothing.
-- Raises:  'Insert into queue disallowed'; 40001 in a transaction whose snapshot is older than the closing.
-- Locks:   in a repeatable read transaction the queue's row in share mode, when somebody is about to close the queue.
create or replace function pgcascade.check_still_open(
    p_queue_id  integer
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue  pgq.queue%rowtype;
begin
    select q.* into v_queue from pgq.queue as q where q.queue_id = p_queue_id;
    if current_setting('transaction_isolation') in ('repeatable read', 'serializable')
       and pg_sequence_last_value(to_regclass(v_queue.queue_data_pfx || '_open_seq')) = -2
    then
        -- Where the row is newer than the snapshot, the server raises 40001.
        perform from pgq.queue as q where q.queue_id = p_queue_id for share;
    end if;
    if v_queue.queue_disable_insert then
        raise exception 'Insert into queue disallowed'
            using hint = 'This node is not the root of its queue, or a takeover is closing it: write to the root.';
    end if;
end;
$$;
