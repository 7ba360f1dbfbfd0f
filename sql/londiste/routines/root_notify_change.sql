-- Function: londiste.root_notify_change(3)
--
-- Tells all nodes of a change by an event of the queue.
--
-- Returns: 1.
-- Raises:  when this node is not the root of the queue.
create or replace function londiste.root_notify_change(
    p_queue_name    text,
    p_ev_type       text,
    p_ev_data       text
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if not pgq_node.is_root_node(p_queue_name) then
        raise exception 'only root node can send events: %', p_queue_name;
    end if;
    perform pgq.insert_event(p_queue_name, p_ev_type, p_ev_data);
    return 1;
end;
$$;
