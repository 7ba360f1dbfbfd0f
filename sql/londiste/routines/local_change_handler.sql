-- Function: londiste.local_change_handler(4)
--
-- Replaces the attributes of a table that this node has, and makes its triggers anew. Safe to repeat. Nothing is
-- changed when the code is 400 or above.
--
-- Returns: 200; 400 no node of the queue, or no trigger functions; 404 the table was not added here.
create or replace function londiste.local_change_handler(
    p_queue_name    text,
    p_table_name    text,
    p_trg_args      text[],
    p_table_attrs   text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name    text := londiste.make_fqname(p_table_name);
    v_node_type     text;
    v_dest_table    text;
    v_trigger       record;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 400;
        ret_note := 'No such set: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    select coalesce(t.dest_table, t.table_name)
      into v_dest_table
      from londiste.table_info as t
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       and t.local
       for update;
    if not found then
        ret_code := 404;
        ret_note := 'Table not found: ' || v_table_name;
        return;
    end if;

    select f.*
      into v_trigger
      from londiste.create_trigger(p_queue_name, v_table_name, p_trg_args, v_dest_table, v_node_type) as f;
    if v_trigger.ret_code >= 300 then
        ret_code := v_trigger.ret_code;
        ret_note := v_trigger.ret_note;
        return;
    end if;

    update londiste.table_info as t
       set table_attrs = p_table_attrs
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name;
    ret_code := 200;
    ret_note := 'Handler changed for table: ' || v_table_name;
end;
$$;
