-- Function: pgcascade.note_change(4)
--
-- Records what was changed on a captured table, for the ticker's log and for people.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.note_change(
    p_queue_name  text,
    p_table_name  text,
    p_outcome     text,
    p_message     text
)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.schema_change (queue_name, table_name, outcome, message)
    values (p_queue_name, p_table_name, p_outcome, p_message);
    delete from pgcascade.schema_change as c where c.happened_at < now() - interval '30 days';
$$;

-- Function: pgcascade.leaf_partitions(1)
--
-- Returns: one row for each partition of a partitioned table that holds rows, at any depth; none for other tables.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.leaf_partitions(
    p_relation  oid
)
returns setof oid
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive tree as (
        select i.inhrelid as relation
          from pg_inherits as i
          join pg_class as p
            on p.oid = i.inhparent
           and p.relkind = 'p'
         where i.inhparent = p_relation
        union all
        select i.inhrelid
          from tree as t
          join pg_inherits as i
            on i.inhparent = t.relation
    )
    select t.relation
      from tree as t
      join pg_class as c
        on c.oid = t.relation
     where c.relkind = 'r';
$$;
