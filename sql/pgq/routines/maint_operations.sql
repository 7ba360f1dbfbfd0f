-- Function: pgq.maint_operations(0)
--
-- What a maintenance program has to call now, in this order, each in a transaction of its own. `vacuum` is the
-- command, not a function; it comes last because PgQ's own daemon stops at it.
--
-- Returns: setof (function name, its argument or null). A function that returns other than 0 wants to be called
--          again at once.
create or replace function pgq.maint_operations(
    out func_name  text,
    out func_arg   text
)
returns setof record
language plpgsql
as $$
declare
    v_rotates  boolean := false;
begin
    for func_name, func_arg in
        select 'pgq.maint_rotate_tables_step1', q.queue_name
          from pgq.queue as q
         where q.queue_rotation_period is not null
           and q.queue_switch_step2 is not null
           and (q.queue_switch_time + q.queue_rotation_period < pg_catalog.now()
                or q.queue_switch_time > pg_catalog.clock_timestamp())
         order by q.queue_name
    loop
        v_rotates := true;
        return next;
    end loop;

    if v_rotates or exists (select from pgq.queue as q where q.queue_switch_step2 is null) then
        func_name := 'pgq.maint_rotate_tables_step2';
        func_arg := null;
        return next;
    end if;

    return query
    select e.name, q.queue_name
      from pgq.queue as q
     cross join lateral pg_catalog.unnest(q.queue_extra_maint) with ordinality as e (name, nr)
     order by q.queue_name, e.nr;

    if pg_catalog.to_regprocedure('pgq_node.maint_watermark(text)') is not null then
        return query execute
            'select ''pgq_node.maint_watermark''::text, n.queue_name'
            ' from pgq_node.node_info as n'
            ' where n.node_type = ''root'''
            ' order by n.queue_name';
    end if;
    if pg_catalog.to_regprocedure('londiste.root_check_seqs(text)') is not null then
        return query execute
            'select ''londiste.root_check_seqs''::text, n.queue_name'
            ' from pgq_node.node_info as n'
            ' where n.node_type = ''root'''
            ' and exists (select from londiste.seq_info as s where s.queue_name = n.queue_name and s.local)'
            ' order by n.queue_name';
    end if;
    if pg_catalog.to_regprocedure('londiste.periodic_maintenance()') is not null then
        func_name := 'londiste.periodic_maintenance';
        func_arg := null;
        return next;
    end if;

    return query
    select 'vacuum'::text, t
      from pgq.maint_tables_to_vacuum() as t;
end;
$$;
