-- Function: pgq.sqltriga()
--
-- Writes each row as an event: type I, U or D, data a part of an SQL statement, extra1 the table.
-- Trigger arguments: the queue, then any of deny, backup, SKIP, ignore=COLUMNS, pkey=COLUMNS, when=EXPRESSION,
-- ev_type=, ev_data=, ev_extra1= … ev_extra4=EXPRESSION.
--
-- The work is done by a function that pgq._make_row_writer(3) makes at the first row for the table and the arguments,
-- and again when the table has changed; it says 0 then. A session whose session_replication_role is local writes
-- nothing.
--
-- Returns: the row; null in a trigger with SKIP.
-- Raises:  XX000 with PgQ's texts; as pgq.insert_event(7).
create or replace function pgq.sqltriga()
returns trigger
language plpgsql
as $$
declare
    v_call     text := 'select pgq._sqltriga_' || tg_relid::text || '_' || pg_catalog.md5(tg_argv::text) || '($1, $2, $3)';
    v_outcome  integer := 0;
begin
    if pg_catalog.current_setting('session_replication_role') = 'local' then
        v_outcome := 1;
    elsif tg_op = 'TRUNCATE' then
        perform pgq._write_truncate_event(tg_relid, 'sqltriga', tg_when, tg_table_schema, tg_table_name, tg_argv);
        return null;
    elsif tg_level <> 'ROW' then
        raise exception using
            message = 'pgq Ins/Upd/Del trigger must be fired FOR EACH ROW',
            errcode = 'XX000';
    elsif pg_catalog.to_regproc(pg_catalog.substr(v_call, 8, pg_catalog.length(v_call) - 19)) is null then
        v_call := pgq._make_row_writer(tg_relid, 'sqltriga', tg_argv);
    end if;

    while v_outcome = 0 loop
        if tg_op = 'INSERT' then
            execute v_call into v_outcome using tg_op, new, new;
        elsif tg_op = 'UPDATE' then
            execute v_call into v_outcome using tg_op, new, old;
        else
            execute v_call into v_outcome using tg_op, old, old;
        end if;
        if v_outcome = 0 then
            v_call := pgq._make_row_writer(tg_relid, 'sqltriga', tg_argv);
        end if;
    end loop;

    if v_outcome = 2 then
        if tg_when = 'AFTER' then
            raise exception using message = 'SKIP does not work in AFTER trigger.', errcode = 'XX000';
        end if;
        return null;
    elsif tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end;
$$;
