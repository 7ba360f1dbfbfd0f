-- Function: pgcascade.undo_ranged_copy(3)
--
-- Ends the copy of a table that was being copied in ranges: the indexes that the copy took off are built again, and the position of
-- its consumer is forgotten. Does nothing when there is no such copy. The table may be gone or have another name now; an index that cannot be
-- built any more, since what it is about is gone, is left out with a warning.
--
-- p_empties: the table is emptied first: what is there is a part of its rows.
--
-- Returns: nothing.
-- Raises:  insufficient privilege when the caller does not own the table; what building an index may raise.
-- Locks:   the table, access exclusive, when there is something to undo. May be repeated.
create or replace function pgcascade.undo_ranged_copy(
    p_queue_name  text,
    p_table_name  text,
    p_empties     boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_copy      pgcascade.ranged_copy;
    v_kind      "char";
    v_name      text;
    v_index     record;
    v_statement text;
begin
    delete from pgcascade.ranged_copy as c
     where c.queue_name = p_queue_name
       and c.table_name = p_table_name
    returning c.*
      into v_copy;
    if not found then
        return;
    end if;
    -- A session of a replica does not cascade.
    delete from pgcascade.copied_range as r
     where r.copy_id = v_copy.copy_id;
    delete from pgq_node.local_state as s
     using pgq_node.node_info as n
     where n.queue_name = p_queue_name
       and s.queue_name = p_queue_name
       and s.consumer_name = n.worker_name || '.copy.' || p_table_name;
    select c.relkind, c.oid::regclass::text
      into v_kind, v_name
      from pg_class as c
     where c.oid = v_copy.dest_oid;
    if not found then
        return;
    end if;
    if p_empties then
        execute format('truncate %s %s', case when v_kind = 'p' then '' else 'only' end, v_name);
    end if;
    for v_index in
        select i.value ->> 'name' as name, i.value ->> 'create' as statement, i.value -> 'finish' as finish
          from jsonb_array_elements(v_copy.dropped_ddl) as i
    loop
        begin
            if to_regclass(v_index.name) is null then
                execute replace(
                    v_index.statement,
                    format(' ON %s USING ', v_copy.dest_name),
                    format(' ON %s USING ', v_name));
            end if;
            for v_statement in select jsonb_array_elements_text(v_index.finish) loop
                execute v_statement;
            end loop;
        exception
            when undefined_column or undefined_table or undefined_function or undefined_object
                 or invalid_schema_name or datatype_mismatch then
                raise warning 'Index % of table % cannot be built again after an interrupted copy: %',
                    v_index.name, v_name, sqlerrm
                    using detail = v_index.statement;
        end;
    end loop;
end;
$$;

-- Function: pgcascade.mark_ranged_copies(2)
--
-- Has the copies in ranges of these tables begin anew, as a script has changed the tables. To be called in the script's transaction.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the rows of these copies until commit. May be repeated.
create or replace function pgcascade.mark_ranged_copies(
    p_queue_name   text,
    p_table_names  text[]
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    update pgcascade.ranged_copy as c
       set is_stale = true
     where c.queue_name = p_queue_name
       and c.table_name = any (p_table_names)
       and not c.is_stale;
$$;

-- Function: pgcascade.ranged_copy_ends(0)
--
-- Trigger of londiste.table_info: a table that is removed here while it is copied in ranges does not keep a part of its rows, and has its
-- indexes again; one that is said to be in sync by somebody has its indexes again.
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
    if tg_op = 'DELETE' then
        perform pgcascade.undo_ranged_copy(old.queue_name, old.table_name, true);
        return old;
    end if;
    perform pgcascade.undo_ranged_copy(old.queue_name, old.table_name, not new.local);
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
for each row when (
    old.local and not new.local
    or new.merge_state = 'ok' and old.merge_state is distinct from 'ok'
)
execute procedure pgcascade.ranged_copy_ends();
alter table londiste.table_info enable always trigger pgcascade_ranged_copy_ends_here;
