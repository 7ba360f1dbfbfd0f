-- Function: londiste.local_set_table_attrs(3)
--
-- Replaces the URL-encoded attributes of a table that this node has; null removes them. Safe to repeat.
--
-- Returns: 200; 404 the table was not added here.
create or replace function londiste.local_set_table_attrs(
    p_queue_name    text,
    p_table_name    text,
    p_table_attrs   text,
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
       set table_attrs = p_table_attrs
     where t.queue_name = p_queue_name
       and t.table_name = v_table_name
       and t.local;
    if found then
        ret_code := 200;
        ret_note := format('Table %s attributes set to %s', v_table_name,
                           coalesce(quote_literal(p_table_attrs), 'NULL'));
    else
        ret_code := 404;
        ret_note := 'No such table: ' || v_table_name;
    end if;
end;
$$;
