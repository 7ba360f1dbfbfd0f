-- Function: londiste.global_add_table(2)
--
-- Registers the name of a table in the queue, and in the queue that this node merges it into. Safe to repeat.
--
-- Returns: 200; 400 no node of the queue.
create or replace function londiste.global_add_table(
    p_queue_name    text,
    p_table_name    text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name        text := londiste.make_fqname(p_table_name);
    v_combined_queue    text;
begin
    select n.combined_queue
      into v_combined_queue
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 400;
        ret_note := 'No such queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;

    insert into londiste.table_info (queue_name, table_name)
    values (p_queue_name, v_table_name)
    on conflict on constraint table_info_pkey do nothing;
    ret_code := 200;
    ret_note := (case when found then 'Table added: ' else 'Table already added: ' end) || v_table_name;

    if v_combined_queue is not null then
        perform londiste.global_add_table(v_combined_queue, v_table_name);
    end if;
end;
$$;
