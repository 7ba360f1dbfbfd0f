-- Function: pgq_node.is_root_node(1)
--
-- Returns: true when this database is the root of the queue.
-- Raises:  "queue does not exist" when it is no node of the queue.
create or replace function pgq_node.is_root_node(
    p_queue_name text
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_root boolean;
begin
    select n.node_type = 'root'
      into v_is_root
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        raise exception 'queue does not exist: %', p_queue_name;
    end if;
    return v_is_root;
end;
$$;

-- Function: pgq_node.is_leaf_node(1)
--
-- Returns: true when this database is a leaf of the queue.
-- Raises:  "queue does not exist" when it is no node of the queue.
create or replace function pgq_node.is_leaf_node(
    p_queue_name text
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_leaf boolean;
begin
    select n.node_type = 'leaf'
      into v_is_leaf
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        raise exception 'queue does not exist: %', p_queue_name;
    end if;
    return v_is_leaf;
end;
$$;
