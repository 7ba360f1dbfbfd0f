-- Function: pgcascade.table_shape(1)
--
-- Everything about a table that decides which rows it can take: columns and their types, enums and domains, checks,
-- partitions and tables that inherit, unique indexes, triggers. Two calls that return the same text between which a row
-- did not fit say that it would not fit now either.
--
-- p_dest_table: the table in this database, schema.name.
--
-- Returns: text, the table's oid first; empty when there is no such table.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.table_shape(
    p_dest_table  text
)
returns text
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    with recursive tree as (
        select c.oid, c.oid::text as path
          from (values (to_regclass(pgq.quote_fqname(p_dest_table))::oid)) as c(oid)
         where c.oid is not null
         union
        select i.inhrelid, i.inhparent::text || '>' || i.inhrelid::text
          from tree as t
          join pg_inherits as i
            on i.inhparent = t.oid
    ), typed as (
        select distinct a.atttypid as oid
          from tree as t
          join pg_attribute as a
            on a.attrelid = t.oid
           and a.attnum > 0
           and not a.attisdropped
    ), below as (
        -- Domains, arrays and composites rest on other types.
        select t.oid
          from typed as t
         union
        select part.oid
          from below as b
          join pg_type as y
            on y.oid = b.oid
         cross join lateral (
                   select y.typbasetype
                    union
                   select y.typelem
                    union
                   select a.atttypid
                     from pg_attribute as a
                    where y.typtype = 'c'
                      and a.attrelid = y.typrelid
                      and a.attnum > 0
                      and not a.attisdropped
               ) as part(oid)
         where part.oid <> 0
    ), fact as (
        select concat_ws(' ', 'relation', t.path, c.relkind, c.relispartition, pg_get_expr(c.relpartbound, c.oid)) as line
          from tree as t
          join pg_class as c
            on c.oid = t.oid
         union all
        select concat_ws(
                   ' ', 'column', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef,
                   a.attidentity, a.attcollation, to_jsonb(a) ->> 'attgenerated',
                   (select pg_get_expr(d.adbin, d.adrelid)
                      from pg_attrdef as d
                     where d.adrelid = a.attrelid
                       and d.adnum = a.attnum)
               )
          from tree as t
          join pg_attribute as a
            on a.attrelid = t.oid
           and a.attnum > 0
           and not a.attisdropped
         union all
        select concat_ws(' ', 'constraint', n.conrelid, n.conname, pg_get_constraintdef(n.oid))
          from tree as t
          join pg_constraint as n
            on n.conrelid = t.oid
         union all
        select concat_ws(' ', 'index', i.indexrelid, i.indisvalid)
          from tree as t
          join pg_index as i
            on i.indrelid = t.oid
           and i.indisunique
         union all
        select concat_ws(' ', 'trigger', g.oid, g.tgenabled)
          from tree as t
          join pg_trigger as g
            on g.tgrelid = t.oid
           and not g.tgisinternal
         union all
        select concat_ws(' ', 'label', e.enumtypid, e.enumlabel)
          from below as b
          join pg_enum as e
            on e.enumtypid = b.oid
         union all
        select concat_ws(' ', 'type', y.oid, y.typname, y.typnotnull, y.typtypmod)
          from below as b
          join pg_type as y
            on y.oid = b.oid
         union all
        select concat_ws(' ', 'domain', n.contypid, n.conname, pg_get_constraintdef(n.oid))
          from below as b
          join pg_constraint as n
            on n.contypid = b.oid
           and b.oid <> 0
    )
    select coalesce(
               to_regclass(pgq.quote_fqname(p_dest_table))::oid::text || ' ' || md5(string_agg(f.line, e'\n' order by f.line collate "C")),
               ''
           )
      from fact as f;
$$;

-- Function: pgcascade.wait_for_shape(10)
--
-- Has a table wait that did not fit an event: it is parked with PC403, and where it has to go on is recorded. To be called
-- in the transaction in which all of its events before that one have been applied, and none from it on.
--
-- p_consumer_name:  the consumer of the table's copy, which must hold the events on the provider from p_tick_id on.
-- p_provider_node:  whom it reads from; null when it stands here already, at p_tick_id.
-- p_tick_id:        start tick of the batch. p_event_id: the first event that is not applied.
-- p_error_event_id: the event that did not fit.
-- p_shape:          pgcascade.table_shape from before the event was tried.
--
-- Returns: true; false when the table is not the worker's any more (removed, reset, parked): nothing is changed then.
-- Raises:  foreign key violation when the provider's location is not registered.
-- Locks:   the table's registration until commit. May be repeated.
create or replace function pgcascade.wait_for_shape(
    p_queue_name      text,
    p_table_name      text,
    p_consumer_name   text,
    p_provider_node   text,
    p_tick_id         bigint,
    p_event_id        bigint,
    p_error_tick_id   bigint,
    p_error_event_id  bigint,
    p_message         text,
    p_shape           text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update londiste.table_info as t
       set merge_state = 'catching-up',
           custom_snapshot = null
     where t.queue_name = p_queue_name
       and t.table_name = p_table_name
       and t.local
       and t.merge_state is not null
       and t.merge_state <> 'in-copy'
       and not exists (
               select from pgcascade.table_error as e
                where e.queue_name = p_queue_name
                  and e.table_name = p_table_name
           );
    if not found then
        return false;
    end if;
    insert into pgcascade.waiting_table as w (queue_name, table_name, tick_id, event_id, shape)
    values (p_queue_name, p_table_name, p_tick_id, p_event_id, p_shape)
    on conflict on constraint waiting_table_pkey do update
       set tick_id = excluded.tick_id,
           event_id = excluded.event_id,
           shape = excluded.shape;
    perform pgcascade.park_table(p_queue_name, p_table_name, p_error_tick_id, p_error_event_id, 'PC403', p_message);
    if p_provider_node is not null then
        perform pgq_node.register_consumer(p_queue_name, p_consumer_name, p_provider_node, p_tick_id);
    end if;
    return true;
end;
$$;

-- Function: pgcascade.take_up_changed(1)
--
-- Takes up the waiting tables of a queue that have changed since they did not fit: from then on they catch up. A table
-- that is another one under the same name, or was not there, is copied anew: its rows may be gone.
--
-- Returns: their names in the queue, and whether they are copied anew.
-- Raises:  nothing.
-- Locks:   the rows of those tables in pgcascade.table_error until commit. May be repeated.
create or replace function pgcascade.take_up_changed(
    p_queue_name    text,
    out table_name  text,
    out is_anew     boolean
)
returns setof record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wait  record;
begin
    for v_wait in
        select w.table_name,
               w.shape,
               pgcascade.table_shape(coalesce(t.dest_table, t.table_name)) as new_shape
          from pgcascade.waiting_table as w
          join pgcascade.table_error as e
            on e.queue_name = w.queue_name
           and e.table_name = w.table_name
           and e.error_code = 'PC403'
          join londiste.table_info as t
            on t.queue_name = w.queue_name
           and t.table_name = w.table_name
         where w.queue_name = p_queue_name
    loop
        continue when v_wait.new_shape = v_wait.shape or v_wait.new_shape = '';
        table_name := v_wait.table_name;
        is_anew := split_part(v_wait.new_shape, ' ', 1) <> split_part(v_wait.shape, ' ', 1);
        if is_anew then
            perform pgcascade.copy_waiting_anew(p_queue_name, v_wait.table_name);
        else
            delete from pgcascade.table_error as e
             where e.queue_name = p_queue_name
               and e.table_name = v_wait.table_name
               and e.error_code = 'PC403';
        end if;
        return next;
    end loop;
end;
$$;

-- Function: pgcascade.waiting_columns(1)
--
-- The columns of the tables that wait, to be compared before and after a script.
--
-- Returns: one row per column: table in the queue, all that decides its values as text, and whether rows that do not name
--          it get null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.waiting_columns(
    p_queue_name    text,
    out table_name  text,
    out definition  text,
    out is_plain    boolean
)
returns setof record
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.table_name,
           concat_ws(
               ' ', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attidentity,
               to_jsonb(a) ->> 'attgenerated', pg_get_expr(d.adbin, d.adrelid)
           ),
           d.oid is null and a.attidentity = '' and y.typdefault is null
      from pgcascade.table_error as e
      join pgcascade.waiting_table as w
        on w.queue_name = e.queue_name
       and w.table_name = e.table_name
      join londiste.table_info as t
        on t.queue_name = e.queue_name
       and t.table_name = e.table_name
      join pg_attribute as a
        on a.attrelid = to_regclass(pgq.quote_fqname(coalesce(t.dest_table, t.table_name)))
       and a.attnum > 0
       and not a.attisdropped
      join pg_type as y
        on y.oid = a.atttypid
      left join pg_attrdef as d
        on d.adrelid = a.attrelid
       and d.adnum = a.attnum
     where e.queue_name = p_queue_name
       and e.error_code = 'PC403'
     order by 1, a.attnum;
$$;

-- Function: pgcascade.copy_waiting_anew(2)
--
-- Has a waiting table copied anew instead of going on where it stands, because its events alone would not make it equal
-- to the provider's any more.
--
-- Returns: true when it waited.
-- Raises:  nothing.
-- Locks:   the table's registration and its row in pgcascade.table_error until commit. May be repeated.
create or replace function pgcascade.copy_waiting_anew(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select
                     from pgcascade.waiting_table as w
                    where w.queue_name = p_queue_name
                      and w.table_name = p_table_name) then
        return false;
    end if;
    update londiste.table_info as t
       set merge_state = null,
           custom_snapshot = null
     where t.queue_name = p_queue_name
       and t.table_name = p_table_name
       and t.local;
    delete from pgcascade.waiting_table as w
     where w.queue_name = p_queue_name
       and w.table_name = p_table_name;
    delete from pgcascade.table_error as e
     where e.queue_name = p_queue_name
       and e.table_name = p_table_name;
    return true;
end;
$$;
