-- A worker whose role may not set session_replication_role: what would act on the rows that it writes is taken off its tables.

-- Function: pgcascade.acts(1)
--
-- Whether pgcascade.acting has something to tell of these tables, as Londiste names them here: what a worker asks at the end of
-- each batch, so its plan is kept and looks nothing up but by index.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.acts(
    p_dest_tables  text[]
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
as $$
declare
    v_relations  oid[];
begin
    with recursive tree(relation) as (
        select to_regclass(pgq.quote_fqname(d.name))::oid from unnest(p_dest_tables) as d(name)
        union
        select i.inhrelid
          from tree as t
          join pg_inherits as i
            on i.inhparent = t.relation
    )
    select array_agg(t.relation) into v_relations from tree as t where t.relation is not null;
    return exists (
               select
                 from pg_trigger as g
                where g.tgrelid = any (v_relations)
                  and g.tgenabled in ('O', 'R')
                  and (g.tgconstraint = 0
                       or exists (select from pg_constraint as k where k.oid = g.tgconstraint and k.contype in ('t', 'f')))
                  and not exists (
                          select
                            from pg_proc as f
                            join pg_namespace as n
                              on n.oid = f.pronamespace
                            join pg_language as l
                              on l.oid = f.prolang
                           where f.oid = g.tgfoid
                             and (n.nspname = 'pgcascade' or n.nspname = 'pgq' and l.lanname = 'plpgsql')
                      )
           )
        or exists (
               select
                 from pg_rewrite as r
                where r.ev_class = any (v_relations)
                  and r.ev_enabled in ('O', 'R')
                  and r.ev_type <> '1'
           );
end;
$$;

-- Function: pgcascade.acting(2)
--
-- What would act on rows that replication writes into tables of a queue on this node, and does not in a session whose
-- session_replication_role is replica: the triggers (those that act in replicas only are told too, as they would not), rules and foreign
-- keys of the tables and of what inherits from them. p_tables: names in the queue; null means all tables.
--
-- Returns: one row each: the table in the queue; the table that has it, as oid and as Londiste names it; trigger, rule or key, its
--          name, how it is enabled; and why this role may not take it off, or null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.acting(
    p_queue_name     text,
    p_tables         text[],
    out table_name   text,
    out relation     oid,
    out holder       text,
    out kind         text,
    out object_name  text,
    out enabled      text,
    out refusal      text
)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive tree(table_name, relation) as (
        select t.table_name,
               to_regclass(pgq.quote_fqname(coalesce(t.dest_table, t.table_name)))::oid
          from londiste.table_info as t
         where t.queue_name = p_queue_name
           and t.local
           and (p_tables is null or t.table_name = any (p_tables))
        union
        select t.table_name,
               i.inhrelid
          from tree as t
          join pg_inherits as i
            on i.inhparent = t.relation
    ), fired as (
        select t.table_name,
               g.tgrelid,
               g.tgname,
               g.tgenabled,
               g.tgisinternal,
               -- Kept by a trigger of its own on each side, found by the index of triggers: there is none of the tables that a key refers to.
               case when k.contype = 'f' then k.oid end as key
          from tree as t
          join pg_trigger as g
            on g.tgrelid = t.relation
          join pg_proc as f
            on f.oid = g.tgfoid
          left join pg_constraint as k
            on k.oid = g.tgconstraint
         where g.tgenabled in ('O', 'R')
           -- Not what keeps deferrable unique keys.
           and (g.tgconstraint = 0 or k.contype in ('t', 'f'))
           -- Ours know the worker by its mark; those of the stock PgQ, in C, do not.
           and f.pronamespace is distinct from to_regnamespace('pgcascade')::oid
           and (f.pronamespace is distinct from to_regnamespace('pgq')::oid
                or f.prolang <> (select l.oid from pg_language as l where l.lanname = 'plpgsql'))
    ), keys(table_name, key) as (
        select f.table_name, f.key
          from fired as f
         where f.key is not null
        union
        -- A partition's share goes with the key of the table above it.
        select s.table_name, (to_jsonb(k) ->> 'conparentid')::oid
          from keys as s
          join pg_constraint as k
            on k.oid = s.key
         where coalesce(to_jsonb(k) ->> 'conparentid', '0') <> '0'
    ), found as (
        select f.table_name, f.tgrelid as relation, 'trigger' as kind, f.tgname::text as object_name, f.tgenabled::text as enabled,
               f.tgisinternal and current_setting('server_version_num')::integer < 130000 as is_fixed
          from fired as f
         where f.key is null
        union
        select t.table_name, r.ev_class, 'rule', r.rulename::text, r.ev_enabled::text, false
          from tree as t
          join pg_rewrite as r
            on r.ev_class = t.relation
         where r.ev_enabled in ('O', 'R')
           and r.ev_type <> '1'
        union
        select s.table_name, k.conrelid, 'key', k.conname::text, 'O', false
          from keys as s
          join pg_constraint as k
            on k.oid = s.key
         where coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0'
    )
    select f.table_name,
           f.relation,
           n.nspname || '.' || c.relname,
           f.kind,
           f.object_name,
           f.enabled,
           case
               when not pg_has_role(c.relowner, 'usage') then 'it belongs to ' || pg_get_userbyid(c.relowner)
               when f.is_fixed then 'PostgreSQL 11 and 12 let only superusers disable a trigger that partitions have from their table'
           end
      from found as f
      join pg_class as c
        on c.oid = f.relation
      join pg_namespace as n
        on n.oid = c.relnamespace
     order by 3, f.kind, f.object_name;
$$;

-- Function: pgcascade.take_triggers_off(3)
--
-- Takes the triggers and rules off one table, p_relation, that holds rows of the table p_table_name of a queue, and
-- remembers them. Triggers that act in replicas only are made to act always.
--
-- Returns: how many.
-- Raises:  42501 when the role does not own the table.
-- Locks:   the table as `alter table`: SHARE ROW EXCLUSIVE, for a rule ACCESS EXCLUSIVE. May be repeated.
create or replace function pgcascade.take_triggers_off(
    p_queue_name  text,
    p_table_name  text,
    p_relation    oid
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found  record;
    v_count  integer := 0;
begin
    for v_found in
        select a.*
          from pgcascade.acting(p_queue_name, array[p_table_name]) as a
         where a.relation = p_relation
           and a.kind <> 'key'
    loop
        insert into pgcascade.taken_off as t (relation, table_name, kind, object_name, enabled)
        values (v_found.relation, v_found.holder, v_found.kind, v_found.object_name, v_found.enabled)
        on conflict on constraint taken_off_pkey do update
           set table_name = excluded.table_name,
               enabled = excluded.enabled,
               taken_at = excluded.taken_at;
        execute format(
            'alter table only %s %s %s %I', p_relation::regclass,
            case v_found.enabled when 'O' then 'disable' else 'enable always' end, v_found.kind, v_found.object_name
        );
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;

-- Function: pgcascade.keeps_off(2)
--
-- Whether this node writes a table of the queue as a subscriber, locked against a change of that until the transaction ends.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   the node's row, in share mode. May be repeated.
create or replace function pgcascade.keeps_off(
    p_queue_name  text,
    p_table_name  text
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
       from pgq_node.node_info as n
      where n.queue_name = p_queue_name
        and n.node_type <> 'root'
        for share;
    return found
       and exists (
               select
                 from londiste.table_info as t
                where t.queue_name = p_queue_name
                  and t.table_name = p_table_name
                  and t.local
           );
end;
$$;

-- Function: pgcascade.take_off(3)
--
-- As pgcascade.take_triggers_off, for a worker: nothing happens when this node is the root by now, whose tables the application
-- writes, or does not replicate the table any more.
--
-- Returns: how many.
-- Raises:  42501 when the role does not own the table.
-- Locks:   the node's row against a change of its role, the table. May be repeated.
create or replace function pgcascade.take_off(
    p_queue_name  text,
    p_table_name  text,
    p_relation    oid
)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
    select case
        when pgcascade.keeps_off(p_queue_name, p_table_name)
        then pgcascade.take_triggers_off(p_queue_name, p_table_name, p_relation)
        else 0
    end;
$$;

-- Function: pgcascade.is_kept_off(1)
--
-- Whether a worker that may not set session_replication_role writes this table, or one that it inherits from.
--
-- Returns: boolean; false for null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.is_kept_off(
    p_relation  oid
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive above(relation) as (
        select p_relation
        union
        select i.inhparent
          from above as a
          join pg_inherits as i
            on i.inhrelid = a.relation
    )
    select exists (
        select
          from pgcascade.unprivileged_worker as u
          join pgq_node.node_info as n
            on n.queue_name = u.queue_name
           and n.node_type <> 'root'
          join londiste.table_info as t
            on t.queue_name = u.queue_name
           and t.local
          join above as a
            on a.relation = to_regclass(pgq.quote_fqname(coalesce(t.dest_table, t.table_name)))::oid
    );
$$;

-- Function: pgcascade.put_back(2)
--
-- Makes the triggers and rules of one table act again as they did before pgcascade.take_off, unless a worker still writes
-- it that way; with p_always also then, for a time within this transaction, and they stay remembered. Where the
-- table is captured, its capture takes note of them.
--
-- Returns: how many.
-- Raises:  42501 when the role does not own the table.
-- Locks:   as pgcascade.take_off. May be repeated.
create or replace function pgcascade.put_back(
    p_relation  oid,
    p_always    boolean default false
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_taken  record;
    v_is     text;
    v_count  integer := 0;
begin
    for v_taken in
        select t.*
          from pgcascade.taken_off as t
         where t.relation = p_relation
         order by t.kind, t.object_name
           for update
    loop
        if not p_always and pgcascade.is_kept_off(p_relation) then
            return v_count;
        end if;
        if v_taken.kind = 'trigger' then
            select g.tgenabled into v_is from pg_trigger as g where g.tgrelid = p_relation and g.tgname = v_taken.object_name;
        else
            select r.ev_enabled into v_is from pg_rewrite as r where r.ev_class = p_relation and r.rulename = v_taken.object_name;
        end if;
        -- Null when it is gone; and what somebody has set meanwhile stays.
        if v_is = (case v_taken.enabled when 'O' then 'D' else 'A' end) then
            execute format(
                -- Of a partitioned table's those of its partitions too: some may be younger.
                'alter table %s %s %s %I', p_relation::regclass,
                case v_taken.enabled when 'O' then 'enable' else 'enable replica' end, v_taken.kind, v_taken.object_name
            );
            v_count := v_count + 1;
        end if;
        if not p_always then
            delete from pgcascade.taken_off as t
             where t.relation = v_taken.relation
               and t.kind = v_taken.kind
               and t.object_name = v_taken.object_name;
        end if;
    end loop;
    if v_count > 0 and not p_always then
        perform pgcascade.renew_capture(p.queue_name, p.table_name)
           from pgcascade.capture_plan as p
          where p.purpose = 'capture'
            and p.relation = p_relation;
    end if;
    return v_count;
end;
$$;

-- Function: pgcascade.put_all_back(1)
--
-- For the transaction that makes a node the root, after it has: puts back what its worker has kept off the tables, before any
-- application can write there. Foreign keys are put back not valid, so that they hold for what is written from then on;
-- whoever finds them in londiste.pending_fkeys has the rows checked that are there. Those of partitioned tables, which
-- PostgreSQL before 18 cannot make that way, stay there. Nothing of this keeps the node from becoming the root.
--
-- Returns: the number of triggers and rules, and of keys; and what could not be put back yet, the root's worker tries again.
-- Raises:  nothing of ours.
-- Locks:   the tables, SHARE ROW EXCLUSIVE until commit; waits 5 s at most for each. May be repeated.
create or replace function pgcascade.put_all_back(
    p_queue_name       text,
    out trigger_count  integer,
    out key_count      integer,
    out late           text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_found  record;
    v_step   text;
begin
    trigger_count := 0;
    key_count := 0;
    late := '{}';
    delete from pgcascade.unprivileged_worker as u where u.queue_name = p_queue_name;
    perform set_config('pgcascade.following', 'on', true);
    for v_found in
        select t.relation, min(t.table_name) as table_name
          from pgcascade.taken_off as t
         group by t.relation
         order by 2
    loop
        begin
            trigger_count := trigger_count + pgcascade.put_back(v_found.relation);
        exception
            when others then
                late := late || format('triggers of %s (%s)', v_found.table_name, sqlerrm);
        end;
    end loop;
    for v_found in select k.* from pgcascade.restorable_keys() as k loop
        begin
            v_step := londiste.restore_table_fkey(v_found.from_table, v_found.fkey_name, true);
            if v_step ~* ' not (valid|enforced)$' then
                execute v_step;
                key_count := key_count + 1;
            elsif v_step ilike '% add constraint %' then
                late := late || format('foreign key %s of %s', v_found.fkey_name, v_found.from_table);
            end if;
        exception
            when others then
                late := late || format('foreign key %s of %s (%s)', v_found.fkey_name, v_found.from_table, sqlerrm);
        end;
    end loop;
    perform set_config('pgcascade.following', '', true);
end;
$$;

-- Function: pgcascade.restorable_keys(0)
--
-- The saved foreign keys that may be put back: none of their tables waits for its copy (in sync, or not replicated any
-- more), and none is written by a worker that needs its keys kept off.
--
-- Returns: rows of londiste.pending_fkeys.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.restorable_keys()
returns setof londiste.pending_fkeys
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select f.*
      from londiste.pending_fkeys as f
     where not exists (
               select
                 from londiste.table_info as t
                where t.local
                  and coalesce(t.dest_table, t.table_name) in (f.from_table, f.to_table)
                  and (t.merge_state is distinct from 'ok' or t.custom_snapshot is not null)
           )
       and not pgcascade.is_kept_off(to_regclass(pgq.quote_fqname(f.from_table))::oid)
       and not pgcascade.is_kept_off(to_regclass(pgq.quote_fqname(f.to_table))::oid)
     order by f.from_table, f.fkey_name;
$$;

-- Function: pgcascade.put_keys_back(2)
--
-- For a script of the queue, which is to find the tables as they are on the root: puts back the foreign keys that are kept off, not
-- valid where PostgreSQL can do that, within this transaction. p_tables: those that the script may touch, as Londiste names
-- them, null for all. pgcascade.take_all_off ends it.
--
-- Returns: the keys' oids; of those that are to be valid again one day, is_valid.
-- Raises:  what the creation of a key raises.
-- Locks:   the tables, SHARE ROW EXCLUSIVE until commit.
create or replace function pgcascade.put_keys_back(
    p_queue_name  text,
    p_tables      text[],
    out key       oid,
    out is_valid  boolean
)
returns setof record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key   record;
    v_step  text;
begin
    for v_key in
        select f.*
          from londiste.pending_fkeys as f
         where (pgcascade.is_kept_off(to_regclass(pgq.quote_fqname(f.from_table))::oid)
                or pgcascade.is_kept_off(to_regclass(pgq.quote_fqname(f.to_table))::oid))
           and (p_tables is null or f.from_table = any (p_tables) or f.to_table = any (p_tables))
         order by f.from_table, f.fkey_name
    loop
        v_step := londiste.restore_table_fkey(v_key.from_table, v_key.fkey_name, true);
        if v_step ilike '% add constraint %' then
            execute v_step;
        end if;
        delete from londiste.pending_fkeys as f where f.from_table = v_key.from_table and f.fkey_name = v_key.fkey_name;
        select k.oid into key
          from pg_constraint as k
         where k.conrelid = to_regclass(pgq.quote_fqname(v_key.from_table))::oid
           and k.conname = v_key.fkey_name
           and k.contype = 'f';
        is_valid := v_key.fkey_def !~ ' NOT (VALID|ENFORCED)$';
        return next;
    end loop;
end;
$$;

-- Function: pgcascade.take_all_off(2)
--
-- Saves and takes off every foreign key, trigger and rule that acts on tables of the queue, in this transaction. p_valid: keys
-- that are to be checked when they come back, whatever they are now.
--
-- Returns: how many.
-- Raises:  42501 when the role does not own a table.
-- Locks:   the tables, ACCESS EXCLUSIVE until commit. May be repeated.
create or replace function pgcascade.take_all_off(
    p_queue_name  text,
    p_valid       oid[]
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found  record;
    v_count  integer := 0;
begin
    for v_found in
        select distinct a.holder, a.object_name, k.oid
          from pgcascade.acting(p_queue_name, null) as a
          join pg_constraint as k
            on k.conrelid = a.relation
           and k.conname = a.object_name
           and k.contype = 'f'
         where a.kind = 'key'
         order by 1, 2
    loop
        v_count := v_count + londiste.drop_table_fkey(v_found.holder, v_found.object_name);
        if v_found.oid = any (p_valid) then
            update londiste.pending_fkeys as f
               set fkey_def = regexp_replace(f.fkey_def, ' NOT VALID$', '')
             where f.from_table = v_found.holder
               and f.fkey_name = v_found.object_name;
        end if;
    end loop;
    for v_found in
        select distinct on (a.relation) a.table_name, a.relation
          from pgcascade.acting(p_queue_name, null) as a
         where a.kind <> 'key'
         order by a.relation, a.table_name
    loop
        v_count := v_count + pgcascade.take_triggers_off(p_queue_name, v_found.table_name, v_found.relation);
    end loop;
    return v_count;
end;
$$;
