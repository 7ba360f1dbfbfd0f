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
    delete from pgcascade.schema_change as c
     where c.change_no in (
               select o.change_no
                 from pgcascade.schema_change as o
                where o.happened_at < now() - interval '30 days'
                  for update skip locked
           );
$$;

-- Function: pgcascade.changed_message(0)
--
-- What pgcascade.schema_change says of a table whose triggers do after the change as before.
--
-- Returns: text.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.changed_message()
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'The table has changed: make the same change on the nodes below, they wait for it where they must.'::text;
$$;

-- Function: pgcascade.relation_named(2)
--
-- The relation that a name of the queue (schema and table, cut at the first dot) means, where it most often is p_guess: then it
-- takes a fifth of what looking it up does, which counts where it is asked of ten thousand tables. It has no search_path of its
-- own, so that it becomes a part of the query that calls it; p_name and p_guess are columns there.
--
-- Returns: an oid; null when there is no such relation.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.relation_named(
    p_name   text,
    p_guess  oid
)
returns oid
language sql
stable
as $$
    select case
        when pg_catalog.strpos(p_name, '.') operator(pg_catalog.>) 0
             and p_guess::pg_catalog.regclass::pg_catalog.text operator(pg_catalog.=) (
                 pg_catalog.quote_ident(pg_catalog.left(p_name, pg_catalog.strpos(p_name, '.') operator(pg_catalog.-) 1))
                 operator(pg_catalog.||) '.'
                 operator(pg_catalog.||) pg_catalog.quote_ident(pg_catalog.substr(p_name, pg_catalog.strpos(p_name, '.') operator(pg_catalog.+) 1))
             )
        then p_guess
        else pg_catalog.to_regclass(pgq.quote_fqname(p_name))::pg_catalog.oid
    end;
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
