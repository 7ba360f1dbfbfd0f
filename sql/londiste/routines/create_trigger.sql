-- Function: londiste.create_trigger(5)
--
-- Makes the triggers by which a table writes into the queue through the generic trigger functions of pgq; on a leaf
-- they refuse every write instead. Triggers of the same name are made anew, so the call may be repeated.
-- Arguments that are meant for registration (expect_sync, no_merge, ...) are passed over; no_triggers and
-- virtual_table mean: none; skip means the letter S; tgflags=LETTERS: B or A time, Q, L or J function, I, U, D
-- events, S suppress the write itself. All others go to the trigger function.
-- Nothing is changed when the code is 400 or above.
--
-- Returns: 200 with the name of the row trigger; 201 no triggers wanted; 400 pgq has no generic trigger functions;
--          403 a trigger that suppresses writes would hide them from an after trigger; 404 no such table;
--          405 two triggers that suppress writes.
-- Locks:   the table, share row exclusive (access exclusive when a trigger is replaced).
create or replace function londiste.create_trigger(
    p_queue_name        text,
    p_table_name        text,
    p_trg_args          text[],
    p_dest_table        text,
    p_node_type         text,
    out ret_code        integer,
    out ret_note        text,
    out trigger_name    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name    text := londiste.make_fqname(p_table_name);
    v_dest_table    text := londiste.make_fqname(coalesce(p_dest_table, p_table_name));
    v_relation      regclass;
    v_arg           text;
    v_flags         text := '';
    v_extra_args    text[] := '{}';
    v_args          text[];
    v_timing        text := 'after';
    v_function      text := 'logutriga';
    v_events        text;
    v_skip          boolean;
    v_queue_arg     bytea := convert_to(p_queue_name, getdatabaseencoding()) || '\x00'::bytea;
    v_other_skips   boolean;
    v_truncate_name text;
    v_name          text;
begin
    foreach v_arg in array coalesce(p_trg_args, '{}') loop
        if v_arg in ('no_triggers', 'virtual_table') then
            ret_code := 201;
            ret_note := 'No triggers wanted: ' || v_dest_table;
            return;
        elsif v_arg in ('expect_sync', 'skip_truncate', 'merge_all', 'no_merge') then
            continue;
        elsif lower(v_arg) = 'skip' then
            v_flags := v_flags || 'S';
        elsif v_arg like 'tgflags=%' then
            v_flags := v_flags || upper(substr(v_arg, 9));
        else
            v_extra_args := v_extra_args || v_arg;
        end if;
    end loop;

    v_relation := londiste.find_table_oid(v_dest_table);
    if v_relation is null then
        ret_code := 404;
        ret_note := 'Table does not exist: ' || v_dest_table;
        return;
    end if;

    v_skip := strpos(v_flags, 'S') > 0;
    if v_skip or strpos(v_flags, 'B') > 0 then
        v_timing := 'before';
    end if;
    if strpos(v_flags, 'Q') > 0 then
        v_function := 'sqltriga';
    elsif strpos(v_flags, 'J') > 0 then
        v_function := 'jsontriga';
    end if;
    select string_agg(e.word, ' or ' order by e.nr)
      into v_events
      from (values (1, 'I', 'insert'), (2, 'U', 'update'), (3, 'D', 'delete')) as e(nr, letter, word)
     where strpos(v_flags, e.letter) > 0
        or v_flags !~ '[IUD]';

    if to_regprocedure('pgq.sqltriga()') is null
       or to_regprocedure(format('pgq.%s()', v_function)) is null then
        ret_code := 400;
        ret_note := format('Function pgq.%s() is not installed; add the table with no_triggers', v_function);
        return;
    end if;

    select exists (
        select
          from pg_catalog.pg_trigger as t
          join pg_catalog.pg_proc as p
            on p.oid = t.tgfoid
          join pg_catalog.pg_namespace as n
            on n.oid = p.pronamespace
         where t.tgrelid = v_relation
           and not t.tgisinternal
           and n.nspname = 'pgq'
           and p.proname in ('sqltriga', 'logutriga', 'jsontriga')
           and substring(t.tgargs for length(v_queue_arg)) <> v_queue_arg
           and position('\x00534b495000'::bytea in t.tgargs) > 0)
      into v_other_skips;
    if v_other_skips and v_skip then
        ret_code := 405;
        ret_note := 'Multiple SKIP triggers in table: ' || v_dest_table;
        return;
    end if;
    if v_other_skips and v_timing = 'after' then
        ret_code := 403;
        ret_note := 'AFTER trigger cannot work with SKIP trigger(s) in table: ' || v_dest_table;
        return;
    end if;

    v_args := array[p_queue_name] || v_extra_args;
    if v_skip then
        v_args := v_args || 'SKIP'::text;
    end if;
    if v_dest_table <> v_table_name then
        v_args := v_args || ('ev_extra1=' || quote_literal(v_table_name));
    end if;
    if p_node_type = 'leaf' then
        v_args := v_args || 'deny'::text;
    end if;

    -- A trigger that suppresses the write must be the last one that sees it.
    trigger_name := ((case when v_skip then 'zzz_' else '' end) || '_londiste_' || p_queue_name)::name::text;
    v_truncate_name := ('_londiste_' || p_queue_name || '_truncate')::name::text;

    for v_name in
        select t.tgname
          from pg_catalog.pg_trigger as t
         where t.tgrelid = v_relation
           and t.tgname in (('_londiste_' || p_queue_name)::name, ('zzz__londiste_' || p_queue_name)::name,
                            v_truncate_name::name)
    loop
        execute format('drop trigger %I on %s', v_name, v_relation);
    end loop;

    execute format('create trigger %I %s %s on %s for each row execute procedure pgq.%I(%s)',
                   trigger_name, v_timing, v_events, v_relation, v_function,
                   (select string_agg(quote_literal(a.arg), ', ' order by a.nr)
                      from unnest(v_args) with ordinality as a(arg, nr)));
    execute format('create trigger %I after truncate on %s for each statement execute procedure pgq.sqltriga(%L%s)',
                   v_truncate_name, v_relation, p_queue_name,
                   case when p_node_type = 'leaf' then ', ''deny''' else '' end);

    ret_code := 200;
    ret_note := 'Trigger created: ' || trigger_name;
end;
$$;
