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
-- remembers them. Triggers that act in replicas only are made to act always. Where one of PgQ in C has closed the table to
-- the application, ours does that as long as it is off. Where the table is captured, its capture takes note.
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
        if v_found.kind = 'trigger' then
            perform pgcascade.begin_stand_in(p_queue_name, p_table_name, p_relation, v_found.object_name);
        end if;
        execute format(
            'alter table only %s %s %s %I', p_relation::regclass,
            case v_found.enabled when 'O' then 'disable' else 'enable always' end, v_found.kind, v_found.object_name
        );
        v_count := v_count + 1;
    end loop;
    if v_count > 0 then
        perform pgcascade.renew_captures(array[p_relation]);
    end if;
    return v_count;
end;
$$;

-- Function: pgcascade.is_of_stock_pgq(2)
--
-- Whether a trigger is one of the stock PgQ, in C: it knows nothing of the marks by which ours tell who writes.
--
-- Returns: boolean; null when there is no such trigger.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.is_of_stock_pgq(
    p_relation  oid,
    p_trigger   text
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select n.nspname = 'pgq' and l.lanname not in ('plpgsql', 'sql')
      from pg_trigger as g
      join pg_proc as f
        on f.oid = g.tgfoid
      join pg_namespace as n
        on n.oid = f.pronamespace
      join pg_language as l
        on l.oid = f.prolang
     where g.tgrelid = p_relation
       and g.tgname = p_trigger;
$$;

-- Function: pgcascade.stand_in_name(1)
--
-- Returns: the name of our trigger that refuses an application's writes as long as that trigger of PgQ is off.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.stand_in_name(
    p_trigger  text
)
returns name
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select ('!pgcascade_for_' || p_trigger)::name;
$$;

-- Function: pgcascade.begin_stand_in(4)
--
-- Where the trigger is one of PgQ in C that refuses writes (`deny`), and no trigger of ours does on that table, makes one.
--
-- Returns: nothing.
-- Raises:  as `create trigger`.
-- Locks:   the table, SHARE ROW EXCLUSIVE until commit, if so. May be repeated.
create or replace function pgcascade.begin_stand_in(
    p_queue_name  text,
    p_table_name  text,
    p_relation    oid,
    p_trigger     text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_truncate  boolean;
    v_other        text;
begin
    if pgcascade.is_of_stock_pgq(p_relation, p_trigger) is not true then
        return;
    end if;
    -- 32: fires on TRUNCATE. Each argument of a trigger ends with a zero byte; the first is the queue.
    select g.tgtype & 32 <> 0 into v_is_truncate
      from pg_trigger as g
      join pg_proc as f
        on f.oid = g.tgfoid
     where g.tgrelid = p_relation
       and g.tgname = p_trigger
       and (position('\x0064656e7900'::bytea in g.tgargs) > 0 or f.proname like 'deny%');
    if v_is_truncate is null
       or exists (
              select
                from pg_trigger as g
               where g.tgrelid = p_relation
                 and g.tgfoid = 'pgcascade.deny_write'::regproc
                 and g.tgenabled <> 'D'
                 and (g.tgtype & 32 <> 0) = v_is_truncate
          )
    then
        return;
    end if;
    perform pgcascade.attach_trigger(
        p_relation, pgcascade.stand_in_name(p_trigger),
        case when v_is_truncate
            then 'before truncate on %s for each statement'
            else 'after insert or update or delete on %s for each row'
        end,
        format('pgcascade.deny_write(%L, %L)', p_table_name, p_queue_name)
    );
end;
$$;

-- Function: pgcascade.end_stand_in(2)
--
-- Takes away what pgcascade.begin_stand_in has made for the trigger, if anything.
--
-- Returns: nothing.
-- Raises:  42501 when the role does not own the table.
-- Locks:   the table, ACCESS EXCLUSIVE until commit, if so. May be repeated.
create or replace function pgcascade.end_stand_in(
    p_relation  oid,
    p_trigger   text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select
          from pg_trigger as g
         where g.tgrelid = p_relation
           and g.tgname = pgcascade.stand_in_name(p_trigger)
           and g.tgfoid = 'pgcascade.deny_write'::regproc
    ) then
        execute format('drop trigger %I on %s', pgcascade.stand_in_name(p_trigger), p_relation::regclass);
    end if;
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

-- Function: pgcascade.take_key_off(2)
--
-- As londiste.drop_table_fkey, which has no place for the comment of a key. Where the table is captured, its capture takes note.
--
-- Returns: 1; 0 when there is no such foreign key.
-- Raises:  42501 when the role does not own the table.
-- Locks:   both tables, ACCESS EXCLUSIVE until commit. May be repeated.
create or replace function pgcascade.take_key_off(
    p_from_table  text,
    p_fkey_name   text
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count  integer;
begin
    insert into pgcascade.foreign_key_comment as s (from_table, fkey_name, comment)
    select p_from_table, p_fkey_name, d.description
      from pg_constraint as k
      join pg_description as d
        on d.classoid = 'pg_constraint'::regclass
       and d.objoid = k.oid
     where k.conrelid = to_regclass(pgq.quote_fqname(p_from_table))::oid
       and k.conname = p_fkey_name
       and k.contype = 'f'
    on conflict on constraint foreign_key_comment_pkey do update
       set comment = excluded.comment;
    v_count := londiste.drop_table_fkey(p_from_table, p_fkey_name);
    if v_count > 0 then
        perform pgcascade.renew_captures(array[to_regclass(pgq.quote_fqname(p_from_table))::oid]);
    end if;
    return v_count;
end;
$$;

-- Function: pgcascade.take_part_off(1)
--
-- For a table that was just made to take rows of a replicated table which it inherits from (p_part, as Londiste names it): where a
-- worker that may not set session_replication_role writes there, takes off what would act on those rows. What it has got from its
-- parent, and as it was kept off there, is remembered too.
--
-- Returns: how many things are off now.
-- Raises:  42501 when the role does not own the part.
-- Locks:   the part, as `alter table`. May be repeated.
create or replace function pgcascade.take_part_off(
    p_part  text
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part   oid := to_regclass(pgq.quote_fqname(p_part))::oid;
    v_above  record;
    v_key    record;
    v_count  integer := 0;
begin
    if v_part is null or not pgcascade.is_kept_off(v_part) then
        return 0;
    end if;
    -- A partition's go with those of its parent.
    insert into pgcascade.taken_off (relation, table_name, kind, object_name, enabled)
    select c.oid, n.nspname || '.' || c.relname, 'trigger', g.tgname, t.enabled
      from pg_class as c
      join pg_namespace as n
        on n.oid = c.relnamespace
      join pg_trigger as g
        on g.tgrelid = c.oid
      join pg_inherits as i
        on i.inhrelid = c.oid
      join pgcascade.taken_off as t
        on t.relation = i.inhparent
       and t.kind = 'trigger'
       and t.object_name = g.tgname
      join pg_trigger as p
        on p.tgrelid = i.inhparent
       and p.tgname = g.tgname
       and p.tgfoid = g.tgfoid
     where c.oid = v_part
       and not c.relispartition
       and g.tgenabled = p.tgenabled
       and g.tgenabled::text = case t.enabled when 'O' then 'D' else 'A' end
    on conflict on constraint taken_off_pkey do nothing;
    get diagnostics v_count = row_count;
    for v_above in
        with recursive above(relation) as (
            select v_part
            union
            select i.inhparent
              from above as a
              join pg_inherits as i
                on i.inhrelid = a.relation
        )
        select u.queue_name, t.table_name
          from above as a
          join pg_class as c
            on c.oid = a.relation
          join pg_namespace as n
            on n.oid = c.relnamespace
          join londiste.table_info as t
            on londiste.make_fqname(coalesce(t.dest_table, t.table_name)) = n.nspname || '.' || c.relname
           and t.local
          join pgcascade.unprivileged_worker as u
            on u.queue_name = t.queue_name
         order by 1, 2
    loop
        v_count := v_count + pgcascade.take_triggers_off(v_above.queue_name, v_above.table_name, v_part);
        for v_key in
            select a.holder, a.object_name
              from pgcascade.acting(v_above.queue_name, array[v_above.table_name]) as a
             where a.kind = 'key'
        loop
            v_count := v_count + pgcascade.take_key_off(v_key.holder, v_key.object_name);
        end loop;
    end loop;
    return v_count;
end;
$$;

-- Function: pgcascade.take_all_off(2)
--
-- Saves and takes off every foreign key, trigger and rule that acts on tables of the queue, in this transaction. p_valid: keys
-- that are to be checked when they come back, whatever they are now. What does not act, as a script has disabled or dropped it, is
-- not remembered.
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
        v_count := v_count + pgcascade.take_key_off(v_found.holder, v_found.object_name);
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
