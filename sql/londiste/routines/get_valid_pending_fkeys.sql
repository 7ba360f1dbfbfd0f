-- Function: londiste._elected_queue(1)
--
-- Of several queues that feed tables of one foreign key, names the one whose worker puts it back: the branch that
-- the others are merged into; where they are merged into a root, the first leaf; else the first queue.
create or replace function londiste._elected_queue(
    p_queue_names text[]
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with candidate as (
        select n.queue_name,
               n.node_type,
               c.queue_name as combined_queue,
               c.node_type as combined_type
          from pgq_node.node_info as n
          left join pgq_node.node_info as c
            on c.queue_name = n.combined_queue
         where n.queue_name = any (p_queue_names)
    )
    select coalesce(
        (select min(c.combined_queue) from candidate as c where c.combined_type = 'branch'),
        (select min(c.queue_name) from candidate as c where c.combined_type = 'root'),
        (select min(c.queue_name) from candidate as c));
$$;

-- Function: londiste.get_valid_pending_fkeys(1)
--
-- Lists the foreign keys that are taken off and that the queue's worker may put back now: every registration of
-- both tables on this node, in any queue, is in sync with no snapshot left, and this queue is the one of those that
-- is responsible. A table that no queue replicates does not hold its keys up; one of the two must be replicated.
-- A partition counts as registered when a table above it is.
--
-- Returns: rows of londiste.pending_fkeys.
create or replace function londiste.get_valid_pending_fkeys(
    p_queue_name text
)
returns setof londiste.pending_fkeys
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Workers ask at every batch; nearly always there is nothing.
    if not exists (select from londiste.pending_fkeys) then
        return;
    end if;

    return query
    with registration as (
        select f.from_table,
               f.fkey_name,
               t.queue_name,
               t.custom_snapshot is null and coalesce(t.merge_state in ('ok', '?'), false) as in_sync
          from londiste.pending_fkeys as f
         cross join lateral (select a from londiste._partition_ancestors(f.from_table) as a
                             union
                             select a from londiste._partition_ancestors(f.to_table) as a) as side(name)
          join londiste.table_info as t
            on coalesce(t.dest_table, t.table_name) = side.name
           and t.local
    ),
    restorable as (
        select r.from_table,
               r.fkey_name
          from registration as r
         group by r.from_table, r.fkey_name
        having bool_and(r.in_sync)
           and londiste._elected_queue(array_agg(distinct r.queue_name)) = p_queue_name
    )
    select f.*
      from londiste.pending_fkeys as f
      join restorable as r
        on r.from_table = f.from_table
       and r.fkey_name = f.fkey_name
     where londiste.find_table_oid(f.from_table) is not null
       and londiste.find_table_oid(f.to_table) is not null
     order by f.from_table, f.fkey_name;
end;
$$;
