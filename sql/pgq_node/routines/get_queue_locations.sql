-- Function: pgq_node.get_queue_locations(1)
--
-- Returns: every node of the queue that is known here.
create or replace function pgq_node.get_queue_locations(
    p_queue_name        text,
    out node_name       text,
    out node_location   text,
    out dead            boolean
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.node_name,
           l.node_location,
           l.dead
      from pgq_node.node_location as l
     where l.queue_name = p_queue_name
     order by l.node_name;
$$;
