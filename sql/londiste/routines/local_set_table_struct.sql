-- Function: londiste.local_set_table_struct(3)
--
-- Records the statements that bring back what a copy has taken off a table; null when they have been run. To be
-- called in the transaction that takes it off or puts it back. Safe to repeat.
--
-- Returns: 200; 404 the table was not added here.
-- Raises:  check violation when the table is not being copied.
create or replace function londiste.local_set_table_struct(
    p_queue_name    text,
    p_table_name    text,
    p_dropped_ddl   text,
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
       set dropped_ddl = p_dropped_ddl
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       and t.local;
    if found then
        ret_code := 200;
        ret_note := 'Table struct stored: ' || v_table_name;
    else
        ret_code := 404;
        ret_note := 'No such table: ' || v_table_name;
    end if;
end;
$$;
