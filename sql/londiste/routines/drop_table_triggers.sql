-- Function: londiste.drop_table_triggers(2)
--
-- Drops the triggers by which a table writes into the queue through the generic trigger functions of pgq. Triggers
-- of other queues and the generated ones of pgcascade stay. Safe to repeat.
--
-- Returns: nothing.
-- Locks:   the table, access exclusive, when there is a trigger to drop.
create or replace function londiste.drop_table_triggers(
    p_queue_name    text,
    p_table_name    text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name    text := londiste.make_fqname(p_table_name);
    v_dest_table    text;
    v_first_arg     bytea := convert_to(p_queue_name, getdatabaseencoding()) || '\x00'::bytea;
    v_trigger       record;
begin
    select coalesce(t.dest_table, t.table_name)
      into v_dest_table
      from londiste.table_info as t
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name;

    for v_trigger in
        select t.tgname,
               t.tgrelid::regclass as relation
          from pg_catalog.pg_trigger as t
          join pg_catalog.pg_proc as p
            on p.oid = t.tgfoid
          join pg_catalog.pg_namespace as n
            on n.oid = p.pronamespace
         where t.tgrelid = londiste.find_table_oid(coalesce(v_dest_table, v_table_name))
           and not t.tgisinternal
           and n.nspname = 'pgq'
           and p.proname in ('sqltriga', 'logutriga', 'jsontriga')
           -- Arguments are stored one after the other, each with a zero byte behind it.
           and substring(t.tgargs for length(v_first_arg)) = v_first_arg
    loop
        execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.relation);
    end loop;
end;
$$;
