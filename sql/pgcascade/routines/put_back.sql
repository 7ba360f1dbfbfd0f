-- What was taken off tables for workers that may not set session_replication_role acts again.

-- Function: pgcascade.kept_off_tables(1)
--
-- The tables that are written here by workers which may not set session_replication_role, and all that inherits from them.
-- p_queue_name: those of one queue; null means all.
--
-- Returns: oids.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.kept_off_tables(
    p_queue_name  text
)
returns setof oid
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with recursive tree(relation) as (
        select to_regclass(pgq.quote_fqname(coalesce(t.dest_table, t.table_name)))::oid
          from pgcascade.unprivileged_worker as u
          join pgq_node.node_info as n
            on n.queue_name = u.queue_name
           and n.node_type <> 'root'
          join londiste.table_info as t
            on t.queue_name = u.queue_name
           and t.local
         where p_queue_name is null
            or u.queue_name = p_queue_name
        union
        select i.inhrelid
          from tree as t
          join pg_inherits as i
            on i.inhparent = t.relation
    )
    select t.relation from tree as t where t.relation is not null;
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
          join (select s.nspname || '.' || c.relname as name
                  from above as a
                  join pg_class as c
                    on c.oid = a.relation
                  join pg_namespace as s
                    on s.oid = c.relnamespace) as a
            on a.name = londiste.make_fqname(coalesce(t.dest_table, t.table_name))
    );
$$;

-- Function: pgcascade.put_back(2)
--
-- Makes the triggers and rules of one table act again as they did before pgcascade.take_off, unless a worker still writes
-- it that way, and forgets them. Where the table is captured, its capture takes note of them. What somebody has set
-- meanwhile stays.
--
-- p_for_script: also while a worker writes the table that way, for a script, which then finds and changes them as they are on the
-- root; pgcascade.take_all_off ends that. Triggers of PgQ in C stay off: they would take the script's writes for the application's.
--
-- Returns: how many.
-- Raises:  42501 when the role does not own the table.
-- Locks:   as pgcascade.take_off. May be repeated.
drop function if exists pgcascade.put_back(oid, boolean);
create or replace function pgcascade.put_back(
    p_relation    oid,
    p_for_script  boolean default false
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
    if not p_for_script and pgcascade.is_kept_off(p_relation) then
        return 0;
    end if;
    for v_taken in
        select t.kind, t.object_name, t.enabled
          from pgcascade.taken_off as t
         where t.relation = p_relation
           and not (p_for_script and t.kind = 'trigger' and pgcascade.is_of_stock_pgq(p_relation, t.object_name) is true)
         order by t.kind, t.object_name
           for update
    loop
        if v_taken.kind = 'trigger' then
            select g.tgenabled into v_is from pg_trigger as g where g.tgrelid = p_relation and g.tgname = v_taken.object_name;
            perform pgcascade.end_stand_in(p_relation, v_taken.object_name);
        else
            select r.ev_enabled into v_is from pg_rewrite as r where r.ev_class = p_relation and r.rulename = v_taken.object_name;
        end if;
        -- Null when it is gone.
        if v_is = (case v_taken.enabled when 'O' then 'D' else 'A' end) then
            execute format(
                -- Of a partitioned table's those of its partitions too: some may be younger.
                'alter table %s %s %s %I', p_relation::regclass,
                case v_taken.enabled when 'O' then 'enable' else 'enable replica' end, v_taken.kind, v_taken.object_name
            );
            v_count := v_count + 1;
        end if;
        delete from pgcascade.taken_off as t
         where t.relation = p_relation
           and t.kind = v_taken.kind
           and t.object_name = v_taken.object_name;
    end loop;
    if v_count > 0 and not p_for_script then
        perform pgcascade.renew_captures(array[p_relation]);
    end if;
    return v_count;
end;
$$;

-- Function: pgcascade.renew_captures(1)
--
-- Makes the captures of these tables anew where triggers or foreign keys that came back ask for another mode.
--
-- Returns: nothing.
-- Raises:  as pgcascade.renew_capture.
-- Locks:   as pgcascade.renew_capture. May be repeated.
create or replace function pgcascade.renew_captures(
    p_relations  oid[]
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcascade.renew_capture(p.queue_name, p.table_name)
       from pgcascade.capture_plan as p
      where p.purpose = 'capture'
        and p.relation = any (p_relations);
end;
$$;

-- Function: pgcascade.put_comment_back(2)
--
-- Gives a foreign key that is here again the comment that it had. For the transaction that forgets the key.
--
-- Returns: nothing.
-- Raises:  42501 when the role does not own the table.
-- Locks:   the table, as `comment on constraint`. May be repeated.
create or replace function pgcascade.put_comment_back(
    p_from_table  text,
    p_fkey_name   text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_comment  text;
begin
    delete from pgcascade.foreign_key_comment as s
     where s.from_table = p_from_table
       and s.fkey_name = p_fkey_name
    returning s.comment into v_comment;
    if found
       and exists (
               select
                 from pg_constraint as k
                where k.conrelid = to_regclass(pgq.quote_fqname(p_from_table))::oid
                  and k.conname = p_fkey_name
                  and k.contype = 'f'
           )
    then
        execute format('comment on constraint %I on %s is %L', p_fkey_name, pgq.quote_fqname(p_from_table), v_comment);
    end if;
end;
$$;

-- Function: pgcascade.note_put_back_error(4)
--
-- Remembers, for `status`, why something could not be put back. p_kind: triggers (of the table, p_object_name is empty) or key.
--
-- Returns: true when that was not known: then it is to be logged.
-- Raises:  nothing.
-- Locks:   the record. May be repeated.
create or replace function pgcascade.note_put_back_error(
    p_kind         text,
    p_table_name   text,
    p_object_name  text,
    p_message      text
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_known  text;
begin
    select e.message into v_known
      from pgcascade.put_back_error as e
     where e.kind = p_kind
       and e.table_name = p_table_name
       and e.object_name = p_object_name;
    insert into pgcascade.put_back_error as e (kind, table_name, object_name, message)
    values (p_kind, p_table_name, p_object_name, p_message)
    on conflict on constraint put_back_error_pkey do update
       set message = excluded.message,
           last_at = excluded.last_at;
    return v_known is distinct from p_message;
end;
$$;

-- Function: pgcascade.forget_put_back_errors(0)
--
-- Forgets why things could not be put back that have been since, or are to be off now.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   those records. May be repeated.
create or replace function pgcascade.forget_put_back_errors()
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    delete from pgcascade.put_back_error as e
     where e.kind = 'key'
       and not exists (
               select
                 from londiste.pending_fkeys as f
                where f.from_table = e.table_name
                  and f.fkey_name = e.object_name
           )
        or e.kind = 'triggers'
       and not exists (
               select
                 from pgcascade.taken_off as t
                where t.table_name = e.table_name
                  and not pgcascade.is_kept_off(t.relation)
           );
$$;

-- Function: pgcascade.put_all_back(1)
--
-- For the transaction that makes a node the root, after it has: puts back what its worker has kept off the tables, before any
-- application can write there. Foreign keys are put back not valid, so that they hold for what is written from then on;
-- whoever finds them in londiste.pending_fkeys has the rows checked that are there. Those of partitioned tables, which
-- PostgreSQL before 18 cannot make that way, stay there. Captures take note. Nothing of this keeps the node from becoming the root.
--
-- Returns: the number of triggers and rules, and of keys; and what could not be put back yet: `status` tells it, the root's worker
--          tries again.
-- Raises:  nothing of ours.
-- Locks:   the tables, SHARE ROW EXCLUSIVE until commit, ACCESS EXCLUSIVE where the capture changes; waits 5 s at most for each.
--          May be repeated.
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
    for v_found in
        select t.relation, min(t.table_name) as table_name
          from pgcascade.taken_off as t
         group by t.relation
         order by 2
    loop
        begin
            perform set_config('pgcascade.following', 'on', true);
            trigger_count := trigger_count + pgcascade.put_back(v_found.relation);
        exception
            when others then
                late := late || format('triggers of %s (%s)', v_found.table_name, sqlerrm);
                perform pgcascade.note_put_back_error('triggers', v_found.table_name, '', sqlerrm);
        end;
    end loop;
    for v_found in select k.* from pgcascade.restorable_keys() as k loop
        begin
            perform set_config('pgcascade.following', 'on', true);
            v_step := londiste.restore_table_fkey(v_found.from_table, v_found.fkey_name, true);
            if v_step ~* ' not (valid|enforced)$' then
                execute v_step;
                perform pgcascade.renew_captures(array[to_regclass(pgq.quote_fqname(v_found.from_table))::oid]);
                key_count := key_count + 1;
            elsif v_step ilike '% add constraint %' then
                late := late || format('foreign key %s of %s', v_found.fkey_name, v_found.from_table);
                perform pgcascade.note_put_back_error(
                    'key', v_found.from_table, v_found.fkey_name,
                    'PostgreSQL cannot make it here without checking all rows, which the worker of the root does'
                );
            elsif v_step = '' then
                perform pgcascade.put_comment_back(v_found.from_table, v_found.fkey_name);
            end if;
        exception
            when others then
                late := late || format('foreign key %s of %s (%s)', v_found.fkey_name, v_found.from_table, sqlerrm);
                perform pgcascade.note_put_back_error('key', v_found.from_table, v_found.fkey_name, sqlerrm);
        end;
    end loop;
    perform set_config('pgcascade.following', '', true);
end;
$$;

-- Function: pgcascade.tables_to_copy(0)
--
-- The tables that wait for their copy in some queue, or have not caught up with it. Copies take foreign keys off and put them back by themselves.
--
-- Returns: names of tables of this database, as Londiste names them.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.tables_to_copy()
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(t.dest_table, t.table_name)
      from londiste.table_info as t
     where t.local
       and (t.merge_state is distinct from 'ok' or t.custom_snapshot is not null);
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
    with kept(relation) as (
        select k from pgcascade.kept_off_tables(null) as k
    )
    select f.*
      from londiste.pending_fkeys as f
     where f.from_table not in (select w from pgcascade.tables_to_copy() as w)
       and f.to_table not in (select w from pgcascade.tables_to_copy() as w)
       and not exists (select from kept as k where k.relation = to_regclass(pgq.quote_fqname(f.from_table))::oid)
       and not exists (select from kept as k where k.relation = to_regclass(pgq.quote_fqname(f.to_table))::oid)
     order by f.from_table, f.fkey_name;
$$;

-- Function: pgcascade.put_back_for_script(2)
--
-- For a script of the queue, which is to find the queue's tables as they are on the root: puts back the triggers, rules and foreign
-- keys that are kept off them, the keys not valid where PostgreSQL can do that, within this transaction. What is off a table
-- that waits for its copy stays off. p_tables: the tables that the script may touch, as Londiste names them, null for all. pgcascade.take_all_off
-- ends it. A key that cannot be made stays off: one key is not to stop all scripts, and so the queue.
--
-- Returns: the keys' oids; of those that are to be valid again one day, is_valid. For each key that could not be made, and for
--          which that was not known, what it is and why, else null.
-- Raises:  what the enabling of a trigger raises, and errors of the moment: a lock that is not to be had, a deadlock.
-- Locks:   the tables, SHARE ROW EXCLUSIVE until commit.
drop function if exists pgcascade.put_keys_back(text, text[]);
create or replace function pgcascade.put_back_for_script(
    p_queue_name  text,
    p_tables      text[],
    out key       oid,
    out is_valid  boolean,
    out problem   text
)
returns setof record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kept   oid[] := array(select k from pgcascade.kept_off_tables(p_queue_name) as k);
    v_found  record;
    v_step   text;
begin
    perform pgcascade.put_back(r.relation, true)
       from (
                select distinct t.relation::oid as relation
                  from pgcascade.taken_off as t
                 where t.relation = any (v_kept)
                   and (p_tables is null or t.table_name = any (p_tables))
                   and t.table_name not in (select w from pgcascade.tables_to_copy() as w)
                 order by 1
            ) as r;
    for v_found in
        select f.*
          from londiste.pending_fkeys as f
         where (to_regclass(pgq.quote_fqname(f.from_table))::oid = any (v_kept)
                or to_regclass(pgq.quote_fqname(f.to_table))::oid = any (v_kept))
           and (p_tables is null or f.from_table = any (p_tables) or f.to_table = any (p_tables))
           and f.from_table not in (select w from pgcascade.tables_to_copy() as w)
           and f.to_table not in (select w from pgcascade.tables_to_copy() as w)
         order by f.from_table, f.fkey_name
    loop
        begin
            v_step := londiste.restore_table_fkey(v_found.from_table, v_found.fkey_name, true);
            if v_step ilike '% add constraint %' then
                execute v_step;
            end if;
            perform pgcascade.put_comment_back(v_found.from_table, v_found.fkey_name);
            delete from londiste.pending_fkeys as f
             where f.from_table = v_found.from_table
               and f.fkey_name = v_found.fkey_name;
            delete from pgcascade.put_back_error as e
             where e.kind = 'key'
               and e.table_name = v_found.from_table
               and e.object_name = v_found.fkey_name;
            select k.oid into key
              from pg_constraint as k
             where k.conrelid = to_regclass(pgq.quote_fqname(v_found.from_table))::oid
               and k.conname = v_found.fkey_name
               and k.contype = 'f';
            is_valid := v_found.fkey_def !~ ' NOT (VALID|ENFORCED)$';
            problem := null;
            return next;
        exception
            when others then
                if sqlstate ~ '^(08|40|53|55|57|58)' then
                    raise;
                end if;
                if pgcascade.note_put_back_error('key', v_found.from_table, v_found.fkey_name, sqlerrm) then
                    key := null;
                    is_valid := false;
                    problem := format('Foreign key "%s" of %s: %s', v_found.fkey_name, v_found.from_table, sqlerrm);
                    return next;
                end if;
        end;
    end loop;
end;
$$;
