-- Function: pgcascade.runs_script(1)
--
-- Whether this transaction's writes are none of the application's: it runs a script of the queue, says so in pgcascade.script and has
-- recorded the script; or a worker that may not set session_replication_role replicates in it. An application that only says so is
-- not believed.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.runs_script(
    p_queue_name  text
)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select case
        when current_setting('pgcascade.script', true) like 'replication %' then pgcascade.is_replication()
        else coalesce(current_setting('pgcascade.script', true) = p_queue_name, false)
             and exists (
                     select
                       from londiste.applied_execute as e
                      where e.queue_name = p_queue_name
                        and e.xmin::text::bigint = txid_current_if_assigned() & 4294967295
                 )
    end;
$$;

-- Function: pgcascade.begin_script(1)
--
-- From here to the end of the transaction, what it writes to tables of the queue becomes no events: every node runs the
-- script by itself. Functions that an older version has generated, which know no scripts, get their new source first.
--
-- Returns: nothing.
-- Raises:  nothing of ours.
-- Locks:   none on user tables. May be repeated.
create or replace function pgcascade.begin_script(
    p_queue_name  text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcascade.renew_functions(p)
       from pgcascade.capture_plan as p
       join pg_proc as f
         on f.pronamespace = 'pgcascade'::regnamespace
        and f.proname = format('capture_%s_truncate', p.plan_no)
        and strpos(f.prosrc, 'pgcascade.script') = 0
      where p.purpose = 'capture';
    perform set_config('pgcascade.script', p_queue_name, true);
end;
$$;

-- Function: pgcascade.script_locks(1)
--
-- The tables of the queue that this transaction has locked so far in any mode: what a script has read, written or altered.
-- A lock on a partition counts for the table above it too.
--
-- Returns: one row for each: name in the queue and here, its state (null for a parked one too), whether rows of it were
--          written (ROW EXCLUSIVE), and whether the lock on the table itself keeps other writers out (SHARE and stronger).
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.script_locks(
    p_queue_name     text,
    out table_name   text,
    out dest_table   text,
    out merge_state  text,
    out is_written   boolean,
    out is_closed    boolean
)
returns setof record
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    with recursive own as (
        select l.relation,
               bool_or(l.mode = 'RowExclusiveLock') as is_written,
               bool_or(l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) as is_closed
          from pg_locks as l
         where l.locktype = 'relation'
           and l.pid = pg_backend_pid()
           and l.granted
           and l.database = (select d.oid from pg_database as d where d.datname = current_database())
         group by l.relation
    ), reached as (
        select o.relation, o.is_written, o.is_closed
          from own as o
        union
        select i.inhparent, r.is_written, false
          from reached as r
          join pg_inherits as i
            on i.inhrelid = r.relation
    )
    select t.table_name,
           coalesce(t.dest_table, t.table_name),
           case when e.table_name is null then t.merge_state end,
           bool_or(r.is_written),
           bool_or(r.is_closed)
      from reached as r
      join pg_class as c
        on c.oid = r.relation
      join pg_namespace as n
        on n.oid = c.relnamespace
      join londiste.table_info as t
        on coalesce(t.dest_table, t.table_name) = n.nspname || '.' || c.relname
      left join pgcascade.table_error as e
        on e.queue_name = t.queue_name
       and e.table_name = t.table_name
     where t.queue_name = p_queue_name
       and t.local
     group by 1, 2, 3
     order by 1;
$$;

-- Function: pgcascade.follow_script(2)
--
-- Brings what this database knows of its replicated tables in line with what a script has done to them, in the script's
-- transaction: captures are generated anew, a table that was renamed stays replicated under its name in the queue, one
-- that took another's name takes its place, and a table or sequence that was dropped on the root leaves the queue.
-- Looks at the tables that this transaction has locked, or with p_all at all of them. Tables of other queues of this
-- database too.
--
-- Returns: one row for each change: queue, name in the queue, and renewed, renamed, replaced, removed.
-- Raises:  as pgcascade.create_capture.
-- Locks:   the tables that have changed, ACCESS EXCLUSIVE until commit. May be repeated.
create or replace function pgcascade.follow_script(
    p_queue_name     text,
    p_all            boolean,
    out queue_name   text,
    out object_name  text,
    out outcome      text
)
returns setof record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_plan  record;
    v_name  text;
begin
    for v_plan in
        select p.queue_name, p.table_name
          from pgcascade.capture_plan as p
         where p_all
            or pgcascade.relation_named(p.dest_table, p.relation) is distinct from p.relation
            or p.relation in (
                   select l.relation
                     from pg_locks as l
                    where l.locktype = 'relation'
                      and l.pid = pg_backend_pid()
                      and l.granted
                      and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
                      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
               )
         order by p.queue_name, p.table_name
    loop
        queue_name := v_plan.queue_name;
        object_name := v_plan.table_name;
        outcome := pgcascade.follow_table(v_plan.queue_name, v_plan.table_name, true, false);
        if outcome is not null then
            return next;
        end if;
    end loop;

    if pgq_node.is_root_node(p_queue_name) then
        for v_name in
            select s.seq_name
              from londiste.seq_info as s
             where s.queue_name = p_queue_name
               and s.local
               and to_regclass(pgq.quote_fqname(s.seq_name)) is null
             order by s.seq_name
        loop
            perform londiste.local_remove_seq(p_queue_name, v_name);
            queue_name := p_queue_name;
            object_name := v_name;
            outcome := 'removed';
            return next;
        end loop;
    end if;
end;
$$;
