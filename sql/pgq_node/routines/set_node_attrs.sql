-- Function: pgq_node.set_node_attrs(2)
--
-- Replaces the URL-encoded settings of this node; null removes them. Safe to repeat.
--
-- Returns: 200; 404 this database is no node of the queue.
create or replace function pgq_node.set_node_attrs(
    p_queue_name    text,
    p_node_attrs    text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgq_node.node_info as n
       set node_attrs = p_node_attrs
     where n.queue_name = p_queue_name;
    if found then
        ret_code := 200;
        ret_note := 'Node attributes updated';
    else
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
    end if;
end;
$$;
