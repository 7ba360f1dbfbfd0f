-- Function: pgcascade.other_parts(2)
--
-- The other queues that feed the same table of this database: leaves of theirs that replicate it too. The leaf of a
-- queue that is merged into a branch only follows and feeds nothing. A table of the handler multimaster is not made of
-- parts: each queue has all of its rows.
--
-- p_table_name: the table in the queue; null for all tables of the queue.
--
-- Returns: one row per part, in order of the queues; none for a table that one queue feeds alone. own_table is the
--          table in the queue of the call.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.other_parts(
    p_queue_name     text,
    p_table_name     text,
    out own_table    text,
    out queue_name   text,
    out table_name   text,
    out merge_state  text,
    out is_parked    boolean
)
returns setof record
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Most databases have one queue only, and this is asked for each of its tables.
    if not exists (select
                     from pgq_node.node_info as n
                    where n.queue_name <> p_queue_name
                      and n.node_type = 'leaf') then
        return;
    end if;
    return query
    with feeding as (
        select t.queue_name,
               t.table_name,
               t.merge_state,
               coalesce(t.dest_table, t.table_name) as dest_table
          from londiste.table_info as t
          join pgq_node.node_info as n
            on n.queue_name = t.queue_name
           and n.node_type = 'leaf'
          left join pgq_node.node_info as c
            on c.queue_name = n.combined_queue
         where t.local
           and c.node_type is distinct from 'branch'
           and (t.queue_name <> p_queue_name or p_table_name is null or t.table_name = p_table_name)
           and coalesce(t.table_attrs, '') !~ '(^|&)handlers?=multimaster'
    )
    select own.table_name,
           f.queue_name,
           f.table_name,
           f.merge_state,
           exists (select
                     from pgcascade.table_error as e
                    where e.queue_name = f.queue_name
                      and e.table_name = f.table_name)
      from feeding as own
      join feeding as f
        on f.dest_table = own.dest_table
       and f.queue_name <> own.queue_name
     where own.queue_name = p_queue_name
       and (p_table_name is null or own.table_name = p_table_name)
     order by own.table_name, f.queue_name;
end;
$$;

-- Function: pgcascade.prepare_part(2)
--
-- Says how the copy of a table has to begin. The caller holds the table's access exclusive lock, so that nobody
-- writes to it and no other part can be added. When the answer is "empty the table" the caller does that in the same
-- transaction; from then on no part has rows in the table, and those that had some wait for their copy again.
--
-- Returns: alone  no other queue feeds the table;
--          add    other queues do, and this part has no row in it: its rows are added to theirs;
--          empty  other queues do, and rows of this part may be there: the caller empties the table.
-- Raises:  nothing.
-- Locks:   the registrations and states of all parts, when the answer is "empty". May be repeated.
create or replace function pgcascade.prepare_part(
    p_queue_name  text,
    p_table_name  text
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part  record;
begin
    if not exists (select from pgcascade.other_parts(p_queue_name, p_table_name)) then
        return 'alone';
    end if;
    if exists (select
                 from pgcascade.empty_part as e
                where e.queue_name = p_queue_name
                  and e.table_name = p_table_name) then
        return 'add';
    end if;
    for v_part in
        select o.queue_name,
               o.table_name
          from pgcascade.other_parts(p_queue_name, p_table_name) as o
        union all
        select p_queue_name,
               p_table_name
         order by 1
    loop
        insert into pgcascade.empty_part (queue_name, table_name)
        values (v_part.queue_name, v_part.table_name)
        on conflict on constraint empty_part_pkey do nothing;
        -- A copy that has begun needs no other state: it finds its rows to be added.
        update londiste.table_info as t
           set merge_state = null,
               custom_snapshot = null,
               dropped_ddl = null
         where t.queue_name = v_part.queue_name
           and t.table_name = v_part.table_name
           and t.merge_state is distinct from 'in-copy'
           and t.merge_state is not null;
    end loop;
    return 'empty';
end;
$$;

-- Function: pgcascade.take_part(2)
--
-- Called in the transaction that adds the rows of one part to a merged table.
--
-- Returns: true; false when rows of the part may be there already: the caller gives up, nothing was added.
-- Raises:  nothing.
-- Locks:   the part's row until commit, so that a resync waits for it.
create or replace function pgcascade.take_part(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from pgcascade.empty_part as e
     where e.queue_name = p_queue_name
       and e.table_name = p_table_name;
    return found;
end;
$$;

-- Function: pgcascade.add_part(3)
--
-- Called in the transaction that adds a part to a table which other queues feed already, under a lock of the table
-- that keeps writers out. The rows of the others stay where a key can tell that a row comes twice; else all parts
-- are copied anew. Nothing for a queue whose leaf only follows: its rows are here already, by the combined queue.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the registrations and states of all parts. May be repeated.
create or replace function pgcascade.add_part(
    p_queue_name  text,
    p_table_name  text,
    p_has_key     boolean
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select
                 from pgq_node.node_info as n
                 join pgq_node.node_info as c
                   on c.queue_name = n.combined_queue
                where n.queue_name = p_queue_name
                  and c.node_type = 'branch') then
        return;
    end if;
    if not p_has_key then
        perform pgcascade.reset_parts(p_queue_name, p_table_name);
        return;
    end if;
    insert into pgcascade.empty_part (queue_name, table_name)
    values (p_queue_name, p_table_name)
    on conflict on constraint empty_part_pkey do nothing;
end;
$$;

-- Function: pgcascade.reset_parts(2)
--
-- Has a table copied anew from all queues that feed it, also those parts that are parked.
--
-- Returns: the queues whose parts are copied, this one first.
-- Raises:  nothing.
-- Locks:   the registrations and states of all parts; waits for copies that are just ending. May be repeated.
create or replace function pgcascade.reset_parts(
    p_queue_name  text,
    p_table_name  text
)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part    record;
    v_queues  text[] := array[p_queue_name];
begin
    for v_part in
        select o.queue_name,
               o.table_name
          from pgcascade.other_parts(p_queue_name, p_table_name) as o
        union all
        select p_queue_name,
               p_table_name
         order by 1
    loop
        perform pgcascade.clear_table_state(v_part.queue_name, v_part.table_name);
        update londiste.table_info as t
           set merge_state = null,
               custom_snapshot = null,
               dropped_ddl = null
         where t.queue_name = v_part.queue_name
           and t.table_name = v_part.table_name
           and t.local;
        if v_part.queue_name <> p_queue_name then
            v_queues := v_queues || v_part.queue_name;
        end if;
    end loop;
    return v_queues;
end;
$$;
