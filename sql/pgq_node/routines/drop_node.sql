-- Function: pgq_node.drop_node(2)
--
-- Takes a node out of this database's part of the queue. For the local node (or when this database is no node of
-- the queue) everything about the queue goes: consumers, the queue with its events, locations. For another node
-- its subscription and location go. Safe to repeat.
--
-- Returns: 200; 405 it is the provider of this node.
create or replace function pgq_node.drop_node(
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
declare
    v_local_name    text;
    v_local_type    text;
begin
    select n.node_name,
           n.node_type
      into v_local_name,
           v_local_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name
       for update;

    if v_local_name is null or v_local_name = p_node_name then
        delete from pgq_node.subscriber_info as s
         where s.queue_name = p_queue_name;
        delete from pgq_node.local_state as s
         where s.queue_name = p_queue_name;
        delete from pgq_node.node_info as n
         where n.queue_name = p_queue_name;
        -- A leaf has no queue of its own: one of that name in this database is somebody else's.
        if v_local_type is distinct from 'leaf'
           and exists (select
                         from pgq.queue as q
                        where q.queue_name = p_queue_name) then
            perform pgq.drop_queue(p_queue_name, true);
        end if;
        delete from pgq_node.node_location as l
         where l.queue_name = p_queue_name;
    elsif exists (select
                    from pgq_node.local_state as s
                   where s.queue_name = p_queue_name
                     and s.provider_node = p_node_name) then
        ret_code := 405;
        ret_note := 'Cannot drop provider node: ' || p_node_name;
        return;
    else
        perform pgq_node.unregister_subscriber(p_queue_name, p_node_name);
        delete from pgq_node.node_location as l
         where l.queue_name = p_queue_name
           and l.node_name = p_node_name;
    end if;

    ret_code := 200;
    ret_note := 'Node dropped: ' || p_node_name;
end;
$$;
