-- Function: londiste.global_remove_table(2)
--
-- Takes the name of a table out of the queue, as far as this node knows it; its triggers go with it.
--
-- Returns: 200; 400 the table is not registered.
create or replace function londiste.global_remove_table(
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
    v_table_name text := londiste.make_fqname(p_table_name);
begin
    delete from londiste.table_info as t
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name;
    if found then
        ret_code := 200;
        ret_note := 'Table removed: ' || v_table_name;
    else
        ret_code := 400;
        ret_note := 'Table not found: ' || v_table_name;
    end if;
end;
$$;
