-- Function: pgq_node.unregister_location(2)
--
-- Forgets a node: its subscription here, if it has one, and its location. On the root all nodes are told by an
-- event, even when nothing was known here.
--
-- Returns: 200 forgotten; 301 not known; 403 it is this node or one that this node reads from.
create or replace function pgq_node.unregister_location(
    p_queue_name    text,
    p_node_name     text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select
                 from pgq_node.node_info as n
                where n.queue_name = p_queue_name
                  and n.node_name = p_node_name) then
        ret_code := 403;
        ret_note := 'Cannot drop location of the node itself: ' || p_node_name;
        return;
    end if;
    if exists (select
                 from pgq_node.local_state as s
                where s.queue_name = p_queue_name
                  and s.provider_node = p_node_name) then
        ret_code := 403;
        ret_note := 'Cannot drop location of the provider node: ' || p_node_name;
        return;
    end if;

    perform pgq_node.unregister_subscriber(p_queue_name, p_node_name);

    delete from pgq_node.node_location as l
     where l.queue_name = p_queue_name
       and l.node_name = p_node_name;
    if found then
        ret_code := 200;
        ret_note := 'Location dropped: ' || p_node_name;
    else
        ret_code := 301;
        ret_note := 'Location not found: ' || p_queue_name || '/' || p_node_name;
    end if;

    if exists (select
                 from pgq_node.node_info as n
                where n.queue_name = p_queue_name
                  and n.node_type = 'root') then
        perform pgq.insert_event(p_queue_name, 'pgq.unregister-location', p_node_name,
                                 p_queue_name, null, null, null);
    end if;
end;
$$;
