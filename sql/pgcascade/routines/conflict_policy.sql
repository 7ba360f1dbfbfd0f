drop trigger if exists pgcascade_registry_changed on pgcascade.conflict_policy;
create trigger pgcascade_registry_changed
after insert or update or delete on pgcascade.conflict_policy
for each row execute procedure pgcascade.registry_changed();
alter table pgcascade.conflict_policy enable always trigger pgcascade_registry_changed;

-- Function: pgcascade.conflict_policy_ends(0)
--
-- Trigger function: a table that is not replicated here any more, whichever way, is told anew when it comes again.
--
-- Returns: null (after trigger).
-- Raises:  nothing.
-- Locks:   the table's rows in pgcascade.conflict_policy and left_out until commit.
create or replace function pgcascade.conflict_policy_ends()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        if new.local or not old.local then
            return null;
        end if;
    end if;
    delete from pgcascade.conflict_policy as c
     where c.queue_name = old.queue_name
       and c.table_name = old.table_name;
    delete from pgcascade.left_out as l
     where l.queue_name = old.queue_name
       and l.table_name = old.table_name;
    delete from pgcascade.written_again as w
     where w.queue_name = old.queue_name
       and w.table_name = old.table_name;
    return null;
end;
$$;

drop trigger if exists pgcascade_conflict_policy_ends on londiste.table_info;
create trigger pgcascade_conflict_policy_ends
after update of local or delete on londiste.table_info
for each row execute procedure pgcascade.conflict_policy_ends();
-- Replication events remove tables too, and they are applied with session_replication_role = replica.
alter table londiste.table_info enable always trigger pgcascade_conflict_policy_ends;

-- Function: pgcascade.set_conflict_policy(3)
--
-- Says what the worker of this node does when an event of a table cannot be applied; null takes that back. The worker
-- goes by it from its next batch on.
--
-- Returns: nothing.
-- Raises:  PC400 when the table is not replicated here, 23514 for another word than park, stop and ignore-missing.
-- Locks:   the table's row in pgcascade.conflict_policy. May be repeated.
create or replace function pgcascade.set_conflict_policy(
    p_queue_name  text,
    p_table_name  text,
    p_policy      text
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not to be removed meanwhile, which would leave the row behind.
    perform
       from londiste.table_info as t
      where t.queue_name = p_queue_name
        and t.table_name = p_table_name
        and t.local
        for share;
    if not found then
        raise exception using
            errcode = 'PC400',
            message = format('Table %s is not replicated here.', p_table_name);
    end if;
    if p_policy is null then
        delete from pgcascade.conflict_policy as c
         where c.queue_name = p_queue_name
           and c.table_name = p_table_name;
        return;
    end if;
    insert into pgcascade.conflict_policy as c (queue_name, table_name, policy)
    values (p_queue_name, p_table_name, p_policy)
    on conflict on constraint conflict_policy_pkey do update set policy = excluded.policy;
end;
$$;

-- Function: pgcascade.count_left_out(3)
--
-- Counts changes of a table that were left out because their rows are not here.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the table's row in pgcascade.left_out until commit. Not to be repeated for the same batch.
create or replace function pgcascade.count_left_out(
    p_queue_name  text,
    p_table_name  text,
    p_changes     bigint
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.left_out as l (queue_name, table_name, changes, last_at)
    values (p_queue_name, p_table_name, p_changes, clock_timestamp())
    on conflict on constraint left_out_pkey do update
       set changes = l.changes + excluded.changes,
           last_at = excluded.last_at;
$$;
