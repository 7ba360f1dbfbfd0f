-- Function: londiste.local_set_table_state(4)
--
-- Records the state of a table that this node has, and the snapshot of its copy. Safe to repeat.
--
-- Returns: 200; 404 the table was not added here.
-- Raises:  check violation when statements that a copy owes would be forgotten by the new state.
create or replace function londiste.local_set_table_state(
    p_queue_name    text,
    p_table_name    text,
    p_snapshot      text,
    p_merge_state   text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table_name text := londiste.make_fqname(p_table_name);
begin
    update londiste.table_info as t
       set custom_snapshot = p_snapshot,
           merge_state = p_merge_state
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       and t.local;
    if found then
        ret_code := 200;
        ret_note := format('Table %s state set to %s', v_table_name, coalesce(quote_literal(p_merge_state), 'NULL'));
    else
        ret_code := 404;
        ret_note := 'No such table: ' || v_table_name;
    end if;
end;
$$;
