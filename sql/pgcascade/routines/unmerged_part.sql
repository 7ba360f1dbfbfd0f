-- Function: pgcascade.first_copy_changes(0)
--
-- Trigger function: notes that a table was added to a queue which is merged into another one here, until its rows have
-- been copied. A later copy is none of its business: the nodes below the other queue have rows of the table then.
--
-- Returns: null (after trigger).
-- Raises:  nothing.
-- Locks:   the table's row in pgcascade.unmerged_part until commit.
create or replace function pgcascade.first_copy_changes()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        delete from pgcascade.unmerged_part as u
         where u.queue_name = old.queue_name
           and u.table_name = old.table_name;
        return null;
    end if;
    if not new.local or coalesce(new.merge_state, 'in-copy') <> 'in-copy' then
        delete from pgcascade.unmerged_part as u
         where u.queue_name = new.queue_name
           and u.table_name = new.table_name;
        return null;
    end if;
    if tg_op = 'UPDATE' then
        if old.local then
            return null;
        end if;
    end if;
    insert into pgcascade.unmerged_part (queue_name, table_name)
    select new.queue_name,
           new.table_name
      from pgq_node.node_info as n
      join pgq_node.node_info as c
        on c.queue_name = n.combined_queue
     where n.queue_name = new.queue_name
       and c.node_type = 'root'
    on conflict on constraint unmerged_part_pkey do nothing;
    return null;
end;
$$;

drop trigger if exists pgcascade_first_copy_changes on londiste.table_info;
create trigger pgcascade_first_copy_changes
after insert or update of local, merge_state or delete on londiste.table_info
for each row execute procedure pgcascade.first_copy_changes();
-- Replication events add and remove tables too, and they are applied with session_replication_role = replica.
alter table londiste.table_info enable always trigger pgcascade_first_copy_changes;
