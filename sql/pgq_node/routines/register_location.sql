-- Function: pgq_node.register_location(4)
--
-- Tells this node where a node of the queue is and whether it is dead; on the root all nodes are told by an event.
-- A null location keeps the known one; for a node that is not known here nothing is stored then. Safe to repeat.
--
-- Returns: 200.
-- Locks:   the node's row in pgq_node.node_location.
create or replace function pgq_node.register_location(
    p_queue_name    text,
    p_node_name     text,
    p_node_location text,
    p_dead          boolean,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_node_location is null then
        update pgq_node.node_location as l
           set dead = coalesce(p_dead, l.dead)
         where l.queue_name = p_queue_name
           and l.node_name = p_node_name;
    else
        insert into pgq_node.node_location as l (queue_name, node_name, node_location, dead)
        values (p_queue_name, p_node_name, p_node_location, coalesce(p_dead, false))
        on conflict on constraint node_location_pkey do update
           set node_location = excluded.node_location,
               dead = coalesce(p_dead, l.dead);
    end if;

    if exists (select
                 from pgq_node.node_info as n
                where n.queue_name = p_queue_name
                  and n.node_type = 'root') then
        perform pgq.insert_event(p_queue_name, 'pgq.location-info', p_node_name,
                                 p_queue_name, p_node_location, coalesce(p_dead, false)::text, null);
    end if;

    ret_code := 200;
    ret_note := 'Location registered';
end;
$$;
