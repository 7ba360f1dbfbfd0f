-- Function: pgcascade.undo_ranged_copy(3)
--
-- Ends the copy of a table that was being copied in ranges: the table is emptied, and the indexes that the copy took off are
-- built again. Does nothing when there is no such copy. The table may be gone.
--
-- Returns: nothing.
-- Raises:  insufficient privilege when the caller does not own the table; what building an index may raise.
-- Locks:   the table, access exclusive, when there is something to undo. May be repeated.
create or replace function pgcascade.undo_ranged_copy(
    p_queue_name  text,
    p_table_name  text,
    p_dest_table  text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_dropped   jsonb;
    v_table     oid := londiste.find_table_oid(p_dest_table);
    v_index     record;
begin
    delete from pgcascade.ranged_copy as c
     where c.queue_name = p_queue_name
       and c.table_name = p_table_name
    returning c.dropped_ddl
      into v_dropped;
    if not found or v_table is null then
        return;
    end if;
    execute format(
        'truncate %s %s',
        (select case when c.relkind = 'p' then '' else 'only' end from pg_class as c where c.oid = v_table),
        v_table::regclass);
    for v_index in
        select i.value ->> 'name' as name, i.value ->> 'create' as statement, i.value -> 'finish' as finish
          from jsonb_array_elements(v_dropped) as i
    loop
        continue when to_regclass(v_index.name) is not null;
        execute v_index.statement;
        perform pgcascade.run_statements(array(select jsonb_array_elements_text(v_index.finish)));
    end loop;
end;
$$;

-- Function: pgcascade.run_statements(1)
--
-- Runs statements, one after the other.
--
-- Returns: nothing.
-- Raises:  what a statement raises.
-- Locks:   those of the statements.
create or replace function pgcascade.run_statements(
    p_statements  text[]
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_statement text;
begin
    foreach v_statement in array p_statements loop
        execute v_statement;
    end loop;
end;
$$;

-- Function: pgcascade.ranged_copy_ends(0)
--
-- Trigger of londiste.table_info: a table that is removed here while it is copied in ranges does not keep a part of its rows, and has its
-- indexes again.
--
-- Returns: the row.
-- Raises:  as pgcascade.undo_ranged_copy.
-- Locks:   as pgcascade.undo_ranged_copy.
create or replace function pgcascade.ranged_copy_ends()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcascade.undo_ranged_copy(old.queue_name, old.table_name, coalesce(old.dest_table, old.table_name));
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end;
$$;

drop trigger if exists pgcascade_ranged_copy_ends on londiste.table_info;
create trigger pgcascade_ranged_copy_ends
before delete on londiste.table_info
for each row execute procedure pgcascade.ranged_copy_ends();
alter table londiste.table_info enable always trigger pgcascade_ranged_copy_ends;

drop trigger if exists pgcascade_ranged_copy_ends_here on londiste.table_info;
create trigger pgcascade_ranged_copy_ends_here
before update on londiste.table_info
for each row when (old.local and not new.local)
execute procedure pgcascade.ranged_copy_ends();
alter table londiste.table_info enable always trigger pgcascade_ranged_copy_ends_here;
