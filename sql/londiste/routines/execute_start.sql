-- Function: londiste.execute_start(5)
--
-- Asks whether a script is to be executed here, and records it as executed. To be called in the transaction that
-- executes it.
--
-- Returns: 200 go on; 201 it was executed before; 401 it must start on the root and this is not it; 404 no node of
--          the queue.
-- Locks:   the script's row: a second caller waits for the first one's transaction.
create or replace function londiste.execute_start(
    p_queue_name    text,
    p_file_name     text,
    p_sql           text,
    p_expect_root   boolean,
    p_attrs         text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_node_type text;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'No such queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if p_expect_root and v_node_type <> 'root' then
        ret_code := 401;
        ret_note := 'Node is not root node: ' || p_queue_name;
        return;
    end if;

    insert into londiste.applied_execute (queue_name, execute_file, execute_sql, execute_attrs)
    values (p_queue_name, p_file_name, p_sql, p_attrs)
    on conflict on constraint applied_execute_pkey do nothing;
    if found then
        ret_code := 200;
        ret_note := 'Executing: ' || p_file_name;
    else
        ret_code := 201;
        ret_note := format('EXECUTE: "%s" already applied, skipping', p_file_name);
    end if;
end;
$$;

-- Function: londiste.execute_start(4)
--
-- Like execute_start(5) for a script without conditions.
create or replace function londiste.execute_start(
    p_queue_name    text,
    p_file_name     text,
    p_sql           text,
    p_expect_root   boolean,
    out ret_code    integer,
    out ret_note    text
)
returns record
language sql
set search_path = pg_catalog, pg_temp
as $$
    select f.ret_code,
           f.ret_note
      from londiste.execute_start(p_queue_name, p_file_name, p_sql, p_expect_root, null) as f;
$$;
