-- Function: londiste.global_update_seq(3)
--
-- On a node below the root: takes over a published value, registers the sequence when it is new here, and moves the
-- node's own sequence forward when it takes part. Safe to repeat.
--
-- Returns: 200; 402 this is the root; 404 no node of the queue, or the sequence was added here but is gone.
create or replace function londiste.global_update_seq(
    p_queue_name    text,
    p_seq_name      text,
    p_value         bigint,
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
    v_is_local  boolean;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'Set not found: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_node_type = 'root' then
        ret_code := 402;
        ret_note := 'Must not run on root node: ' || p_queue_name;
        return;
    end if;

    insert into londiste.seq_info as i (queue_name, seq_name, last_value)
    values (p_queue_name, v_seq_name, p_value)
    on conflict on constraint seq_info_pkey do update
       set last_value = excluded.last_value
    returning i.local
         into v_is_local;
    if v_is_local and not londiste._advance_seq(v_seq_name, p_value) then
        ret_code := 404;
        ret_note := 'Sequence not found: ' || v_seq_name;
        return;
    end if;

    ret_code := 200;
    ret_note := 'Sequence updated: ' || v_seq_name;
end;
$$;
