-- Function: londiste.get_table_list(1)
--
-- Returns: all tables of the queue in the order of their registration.
create or replace function londiste.get_table_list(
    p_queue_name        text,
    out table_name      text,
    out local           boolean,
    out merge_state     text,
    out custom_snapshot text,
    out table_attrs     text,
    out dropped_ddl     text,
    out copy_role       text,
    out copy_pos        integer,
    out dest_table      text
)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select t.table_name,
           t.local,
           t.merge_state,
           t.custom_snapshot,
           t.table_attrs,
           t.dropped_ddl,
           r.copy_role,
           coalesce(r.copy_pos, 0),
           t.dest_table
      from londiste.table_info as t
      left join lateral londiste._coordinate_copy(t.queue_name, t.table_name) as r
        on t.merge_state in ('in-copy', 'catching-up')
     where t.queue_name = p_queue_name
     order by t.nr, t.table_name;
$$;
