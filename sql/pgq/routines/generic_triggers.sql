-- Function: pgq._make_generic_triggers(0)
--
-- Makes pgq.logutriga(), pgq.sqltriga() and pgq.jsontriga(). They are made of the row writers that there are (see
-- pgq._make_row_writer(3)): each calls the newest 32 of its own by static expressions, others by EXECUTE, which takes as
-- long as all the rest of the trigger.
--
-- Called in the application's transaction when a row writer is made, so it never waits: while another transaction is
-- at it, nothing happens, and the new row writer is called by EXECUTE until the next one is made.
--
-- Locks:   advisory (1885827450, 0) until the end of the transaction; never waits for it.
--
--
-- Functions: pgq.logutriga(), pgq.sqltriga(), pgq.jsontriga()
--
-- Write each row as an event whose ev_extra1 is the table:
--
--   logutriga  type I:, U: or D: with the key's columns, data urlencoded
--   sqltriga   type I, U or D, data a part of an SQL statement
--   jsontriga  type and data are JSON objects
--
-- Trigger arguments: the queue, then any of deny, backup, SKIP, ignore=COLUMNS, pkey=COLUMNS, when=EXPRESSION,
-- ev_type=, ev_data=, ev_extra1= ... ev_extra4=EXPRESSION. A session whose session_replication_role is local writes
-- nothing. Nor does a worker that may not set that: a transaction which pgcascade.begin_replication has marked with its own id, of a
-- role that may change queues.
--
-- Returns: the row; null in a trigger with SKIP and for a TRUNCATE.
-- Raises:  XX000 with PgQ's texts; as pgq.insert_event(7).
create or replace function pgq._make_generic_triggers()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $make$
declare
    v_kind   text;
    v_write  text;
begin
    if not pg_try_advisory_xact_lock(1885827450, 0) then
        return;
    end if;

    foreach v_kind in array array['logutriga', 'sqltriga', 'jsontriga'] loop
        -- The comment of a row writer holds the arguments of its trigger.
        select coalesce(string_agg(format($call$
        if tg_relid = %s and tg_argv = %L then
            v_outcome := pgq.%I(tg_op, [rows]);
        end if;$call$, w.table_oid, w.args, w.proname), '' order by w.oid desc), '')
          into v_write
          from (
                   select p.oid, p.proname, split_part(p.proname, '_', 3) as table_oid,
                          obj_description(p.oid, 'pg_proc') as args
                     from pg_proc as p
                    where p.pronamespace = 'pgq'::regnamespace
                      and p.proname ~ pgq._row_writer_pattern(v_kind)
                    order by p.oid desc
                    limit 32
               ) as w;
        v_write := v_write || format($call$
        while coalesce(v_outcome, 0) = 0 loop
            execute pgq._row_writer_call(%L, tg_relid, tg_argv, v_outcome) into v_outcome using tg_op, [rows];
        end loop;$call$, v_kind);

        execute format($create$
create or replace function pgq.%1$I() returns trigger language plpgsql as %2$L$create$, v_kind, format($body$
-- Made by pgq._make_generic_triggers(0).
declare
    -- null: no row writer was called; 0: it was made for another shape of the table; 1: done; 2: suppress the write.
    v_outcome  integer;
begin
    if pg_catalog.current_setting('session_replication_role') = 'local' then
        null;
    elsif pg_catalog.current_setting('pgcascade.script', true) = 'replication ' || pg_catalog.txid_current_if_assigned()
          and pg_catalog.has_table_privilege('pgq.queue', 'update')
    then
        null;
    elsif tg_op = 'TRUNCATE' then
        perform pgq._write_truncate_event(tg_relid, %1$L, tg_when, tg_table_schema, tg_table_name, tg_argv);
        return null;
    elsif tg_level <> 'ROW' then
        raise exception using
            message = 'pgq Ins/Upd/Del trigger must be fired FOR EACH ROW',
            errcode = 'XX000';
    elsif tg_op = 'INSERT' then%2$s
    elsif tg_op = 'UPDATE' then%3$s
    else%4$s
    end if;

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
$body$, v_kind, replace(v_write, '[rows]', 'new, new'), replace(v_write, '[rows]', 'new, old'),
            replace(v_write, '[rows]', 'old, old')));
    end loop;
end;
$make$;

-- Function: pgq._row_writer_call(4)
--
-- Finds or makes the row writer of a table and arguments. i_outcome is what was tried before: null, nothing; 0, a row
-- writer that was made for another shape of the table.
--
-- It may be the temporary one of this session; a function of that name that the session's user made does not count.
--
-- Returns: text, the statement that calls the row writer.
-- Raises:  as pgq._make_row_writer(3).
create or replace function pgq._row_writer_call(
    i_kind     text,
    i_table    oid,
    i_args     text[],
    i_outcome  integer
)
returns text
language plpgsql
as $$
declare
    v_call  text;
begin
    if i_outcome is null then
        select pg_catalog.format('select %I.%I($1, $2, $3)', n.nspname, p.proname)
          into v_call
          from pg_catalog.pg_proc as p
          join pg_catalog.pg_namespace as n
            on n.oid = p.pronamespace
         where p.proname = pgq._row_writer_name(i_table, i_kind, i_args)
           and p.pronamespace in ('pgq'::regnamespace, pg_catalog.pg_my_temp_schema())
           and p.proowner = (
                   select m.proowner
                     from pg_catalog.pg_proc as m
                    where m.oid = 'pgq._make_generic_triggers()'::regprocedure)
         order by n.nspname = 'pgq' desc
         limit 1;
    end if;
    return coalesce(v_call, pgq._make_row_writer(i_table, i_kind, i_args));
end;
$$;

select pgq._make_generic_triggers();
