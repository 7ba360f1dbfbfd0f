-- Function: londiste.global_remove_seq(2)
--
-- Takes a sequence out of the queue, as far as this node knows it; the root tells all nodes.
--
-- Returns: 200; 400 no node of the queue; 404 the sequence is not registered.
create or replace function londiste.global_remove_seq(
    p_queue_name    text,
    p_seq_name      text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seq_name  text := londiste.make_fqname(p_seq_name);
    v_node_type text;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 400;
        ret_note := 'No such queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    delete from londiste.seq_info as i
     where i.queue_name = p_queue_name
       and i.seq_name = v_seq_name;
    if not found then
        ret_code := 404;
        ret_note := 'Sequence not found: ' || v_seq_name;
        return;
    end if;

    if v_node_type = 'root' then
        perform londiste.root_notify_change(p_queue_name, 'londiste.remove-seq', v_seq_name);
    end if;
    ret_code := 200;
    ret_note := 'Sequence removed: ' || v_seq_name;
end;
$$;
