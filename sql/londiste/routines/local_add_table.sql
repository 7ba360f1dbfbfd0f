-- Function: londiste.local_add_table(5)
--
-- Lets this node take part in the replication of a table. The root registers it and tells all nodes; any other node
-- must know it from the root, and copies it unless told that it is in sync. Safe to repeat.
--
-- p_trg_args: arguments of the trigger (see londiste.create_trigger), and among them
--   expect_sync      the rows are the same already, no copy
--   no_triggers      make no trigger; no primary key is demanded then
--   virtual_table    the table need not exist: no check, no trigger, no copy
--   merge_all        take the table from all sibling queues of this database that have it
--   no_merge         take it from this queue only
--   skip_truncate    for the copy, of no meaning here
-- p_dest_table: name of the table in this database, null when it is p_table_name.
-- Nothing is changed when the code is 400 or above.
--
-- Returns: 200 added, or added before in the same way; 301 added, but another trigger of the table fires before
--          ours; 400 no node of the queue, no primary key, or no trigger functions; 404 no such table, or the root
--          has not registered it; 403, 405 conflict with another queue; 410 added before with other attributes.
-- Raises:  what the creation of the trigger raises.
-- Locks:   the registration's row, and the table as londiste.create_trigger says.
create or replace function londiste.local_add_table(
    p_queue_name    text,
    p_table_name    text,
    p_trg_args      text[],
    p_table_attrs   text,
    p_dest_table    text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name    text := londiste.make_fqname(p_table_name);
    v_dest_table    text := londiste.make_fqname(coalesce(p_dest_table, p_table_name));
    v_trg_args      text[] := coalesce(p_trg_args, '{}');
    v_is_virtual    boolean := 'virtual_table' = any (v_trg_args);
    v_no_triggers   boolean := v_is_virtual or 'no_triggers' = any (v_trg_args);
    v_node          record;
    v_known         record;
    v_siblings      text[] := '{}';
    v_sibling       record;
    v_column_types  text;
    v_new_state     text;
    v_trigger       record;
begin
    select n.node_type,
           n.combined_queue,
           c.node_type as combined_type
      into v_node
      from pgq_node.node_info as n
      left join pgq_node.node_info as c
        on c.queue_name = n.combined_queue
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 400;
        ret_note := 'No such set: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    select t.local,
           t.table_attrs,
           coalesce(t.dest_table, t.table_name) as dest_table
      into v_known
      from londiste.table_info as t
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       for update;
    if not found and v_node.node_type <> 'root' then
        ret_code := 404;
        ret_note := 'Table not available on queue: ' || v_table_name;
        return;
    end if;
    if v_known.local then
        if v_known.table_attrs is distinct from p_table_attrs or v_known.dest_table <> v_dest_table then
            ret_code := 410;
            ret_note := 'Table already added, but with different attributes: ' || v_table_name;
        else
            ret_code := 200;
            ret_note := 'Table already added: ' || v_table_name;
        end if;
        return;
    end if;

    if not v_is_virtual then
        v_column_types := londiste.find_column_types(v_dest_table);
        if londiste.find_table_oid(v_dest_table) is null then
            ret_code := 404;
            ret_note := 'Table does not exist: ' || v_dest_table;
            return;
        end if;
        if not v_no_triggers
           and coalesce(strpos(v_column_types, 'k'), 0) = 0
           -- A copy that several queues feed has taken the key off for its time.
           and not exists (select
                             from londiste.table_info as t
                            where coalesce(t.dest_table, t.table_name) = v_dest_table
                              and t.queue_name <> p_queue_name
                              and t.dropped_ddl is not null) then
            ret_code := 400;
            ret_note := 'Primary key missing on table: ' || v_dest_table;
            return;
        end if;
    end if;

    if v_node.node_type = 'root'
       or v_node.combined_type = 'branch'
       or v_is_virtual
       or 'expect_sync' = any (v_trg_args) then
        v_new_state := 'ok';
    end if;

    if v_node.node_type = 'leaf' and not 'no_merge' = any (v_trg_args) then
        for v_sibling in
            select t.queue_name,
                   t.local
              from londiste.table_info as t
              join pgq_node.node_info as n
                on n.queue_name = t.queue_name
             where coalesce(t.dest_table, t.table_name) = v_dest_table
               and t.queue_name <> p_queue_name
               and n.node_type = 'leaf'
               and n.combined_queue is not distinct from v_node.combined_queue
             order by t.queue_name
               for update of t
        loop
            if v_new_state is null and (v_sibling.local or not 'merge_all' = any (v_trg_args)) then
                ret_code := 405;
                ret_note := format('Multiple source queues for table %s: %s', v_dest_table, v_sibling.queue_name);
                return;
            end if;
            v_siblings := v_siblings || v_sibling.queue_name;
        end loop;
    end if;

    if not v_no_triggers then
        select f.*
          into v_trigger
          from londiste.create_trigger(p_queue_name, v_table_name, v_trg_args, v_dest_table, v_node.node_type) as f;
        if v_trigger.ret_code >= 300 then
            ret_code := v_trigger.ret_code;
            ret_note := v_trigger.ret_note;
            return;
        end if;
    end if;

    if v_known.local is null then
        perform londiste.global_add_table(p_queue_name, v_table_name);
    end if;
    update londiste.table_info as t
       set local = true,
           merge_state = v_new_state,
           table_attrs = p_table_attrs,
           dest_table = nullif(v_dest_table, t.table_name)
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       and not t.local;
    if not found then
        -- Another session added it while this one waited for the new row.
        ret_code := 200;
        ret_note := 'Table already added: ' || v_table_name;
        return;
    end if;
    update londiste.table_info as t
       set local = true,
           merge_state = v_new_state,
           table_attrs = p_table_attrs
     where t.queue_name = any (v_siblings)
       and coalesce(t.dest_table, t.table_name) = v_dest_table
       and not t.local;
    if v_node.combined_queue is not null then
        -- The worker writes into the combined queue itself, a trigger would do it again.
        perform londiste.local_add_table(v_node.combined_queue, v_table_name, array['no_triggers', 'expect_sync'],
                                         p_table_attrs, v_dest_table);
    end if;

    if v_node.node_type = 'root' then
        perform londiste.root_notify_change(p_queue_name, 'londiste.add-table', v_table_name);
    end if;

    ret_code := 200;
    ret_note := 'Table added: ' || v_table_name;
    if v_no_triggers then
        ret_note := 'Table added with no triggers: ' || v_table_name;
    elsif exists (select
                    from pg_catalog.pg_trigger as t
                   where t.tgrelid = londiste.find_table_oid(v_dest_table)
                     and not t.tgisinternal
                     and t.tgenabled <> 'D'
                     -- Row trigger (bit 1), neither before (2) nor instead of (64).
                     and t.tgtype & 1 = 1
                     and t.tgtype & 66 = 0
                     and t.tgname < v_trigger.trigger_name::name) then
        ret_code := 301;
        ret_note := format('Table added: %s, but another AFTER trigger fires before %s',
                           v_table_name, v_trigger.trigger_name);
    end if;
end;
$$;

-- Function: londiste.local_add_table(4)
--
-- Like local_add_table(5) for a table that has the same name here as in the queue.
create or replace function londiste.local_add_table(
    p_queue_name    text,
    p_table_name    text,
    p_trg_args      text[],
    p_table_attrs   text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language sql
set search_path = pg_catalog, pg_temp
as $$
    select f.ret_code,
           f.ret_note
      from londiste.local_add_table(p_queue_name, p_table_name, p_trg_args, p_table_attrs, null) as f;
$$;

-- Function: londiste.local_add_table(3)
--
-- Like local_add_table(5) without attributes.
create or replace function londiste.local_add_table(
    p_queue_name    text,
    p_table_name    text,
    p_trg_args      text[],
    out ret_code    integer,
    out ret_note    text
)
returns record
language sql
set search_path = pg_catalog, pg_temp
as $$
    select f.ret_code,
           f.ret_note
      from londiste.local_add_table(p_queue_name, p_table_name, p_trg_args, null, null) as f;
$$;

-- Function: londiste.local_add_table(2)
--
-- Like local_add_table(5) without arguments and attributes.
create or replace function londiste.local_add_table(
    p_queue_name    text,
    p_table_name    text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language sql
set search_path = pg_catalog, pg_temp
as $$
    select f.ret_code,
           f.ret_note
      from londiste.local_add_table(p_queue_name, p_table_name, null, null, null) as f;
$$;
