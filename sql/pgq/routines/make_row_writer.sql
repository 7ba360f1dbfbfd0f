-- Function: pgq._make_row_writer(3)
--
-- Makes the function that writes a table's events for the generic triggers with these arguments, or makes it anew
-- after the table has changed. Called by the triggers, in the application's transaction.
--
-- It never waits: while another transaction is making the function, which is seen only after that has committed, a
-- temporary one is made for this session.
--
-- Returns: text, the statement that calls the function.
-- Raises:  42501 when there is no such trigger; as pgq._row_writer_source(3).
-- Locks:   as pgq._make_generic_triggers(0); advisory (1885827449, hash of the function's name) until the end of the transaction; never waits for it.
create or replace function pgq._make_row_writer(
    i_table  oid,
    i_kind   text,
    i_args   text[]
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name    text := pgq._row_writer_name(i_table, i_kind, i_args);
    v_schema  text := 'pgq';
begin
    -- The arguments are code. It runs with the rights of whoever fires the trigger, so it has to come from a trigger.
    if not exists (
        select
          from pg_trigger as t
         where t.tgrelid = i_table
           and t.tgfoid = ('pgq.' || i_kind || '()')::regprocedure
           and t.tgargs = (
                   select coalesce(
                              string_agg(convert_to(a.arg, getdatabaseencoding()) || '\x00'::bytea, ''::bytea order by a.nr),
                              ''::bytea)
                     from unnest(i_args) with ordinality as a (arg, nr)))
    then
        raise exception 'table % has no such trigger', i_table::regclass
            using errcode = 'insufficient_privilege';
    end if;

    if not pg_try_advisory_xact_lock(1885827449, hashtext(v_name)) then
        v_schema := 'pg_temp';
    end if;
    execute format(
        'create or replace function %s.%I(text, anyelement, anyelement) returns integer language plpgsql as %L',
        v_schema, v_name, pgq._row_writer_source(i_table::regclass, i_kind, i_args));
    if v_schema = 'pgq' then
        execute format('comment on function pgq.%I(text, anyelement, anyelement) is %L', v_name, i_args::text);
        perform pgq._make_generic_triggers();
    end if;
    return format('select %s.%I($1, $2, $3)', v_schema, v_name);
end;
$$;

-- Function: pgq._row_writer_name(3)
--
-- Returns: text, the name of the function that _make_row_writer makes.
create or replace function pgq._row_writer_name(
    i_table  oid,
    i_kind   text,
    i_args   text[]
)
returns text
language sql
immutable
as $$
    select '_' || i_kind || '_' || i_table::text || '_' || pg_catalog.md5(i_args::text);
$$;

-- Function: pgq._row_writer_pattern(1)
--
-- Returns: text, a regular expression for the names of row writers: kind, table, hash of the arguments.
create or replace function pgq._row_writer_pattern(
    i_kind  text
)
returns text
language sql
immutable
as $$
    select '^_' || i_kind || '_[0-9]+_[0-9a-f]{32}$';
$$;
