-- Function: londiste.local_remove_table(2)
--
-- Ends this node's part in the replication of a table: its triggers of the queue go, sequences that its columns own
-- go too, and a copy that was under way is undone (the table is emptied and what the copy took off is put back).
-- On the root the table leaves the queue, and all nodes are told. The rows of a table in sync stay.
--
-- The search path is the caller's: the statements that bring back what a copy took off were written for it.
--
-- Returns: 200; 400 the table is not registered, or not added on this node.
-- Locks:   the table, access exclusive, when there is something to drop or put back.
create or replace function londiste.local_remove_table(
    p_queue_name    text,
    p_table_name    text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
as $$
declare
    v_table_name    text := londiste.make_fqname(p_table_name);
    v_table         record;
    v_table_oid     oid;
    v_is_root       boolean;
begin
    select t.local,
           t.dropped_ddl,
           coalesce(t.dest_table, t.table_name) as dest_table
      into v_table
      from londiste.table_info as t
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       for update;
    if not found then
        ret_code := 400;
        ret_note := 'Table not found: ' || v_table_name;
        return;
    end if;
    v_is_root := pgq_node.is_root_node(p_queue_name);
    if not v_table.local and not v_is_root then
        ret_code := 400;
        ret_note := 'Table not registered locally: ' || v_table_name;
        return;
    end if;

    v_table_oid := londiste.find_table_oid(v_table.dest_table);
    if v_table.local then
        perform londiste.drop_table_triggers(p_queue_name, v_table_name);
        if v_table.dropped_ddl is not null then
            execute pg_catalog.format(
                'truncate %s %s',
                (select case when c.relkind = 'p' then '' else 'only' end
                   from pg_catalog.pg_class as c
                  where c.oid = v_table_oid),
                londiste.quote_fqname(v_table.dest_table));
            execute v_table.dropped_ddl;
        end if;
        update londiste.table_info as t
           set local = false,
               merge_state = null,
               custom_snapshot = null,
               table_attrs = null,
               dropped_ddl = null,
               dest_table = null
         where t.queue_name = p_queue_name
           and t.table_name = v_table_name;

        perform londiste.local_remove_seq(p_queue_name, s.seq_name)
           from londiste.seq_info as s
           join pg_catalog.pg_depend as d
             on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and d.objid = londiste.find_seq_oid(s.seq_name)
            and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and d.refobjid = v_table_oid
            and d.refobjsubid > 0
            and d.deptype in ('a', 'i')
          where s.queue_name = p_queue_name
            and s.local;
    end if;

    if v_is_root then
        perform londiste.global_remove_table(p_queue_name, v_table_name);
        perform londiste.root_notify_change(p_queue_name, 'londiste.remove-table', v_table_name);
    end if;
    ret_code := 200;
    ret_note := 'Table removed: ' || v_table_name;
end;
$$;
