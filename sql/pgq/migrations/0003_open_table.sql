-- Which event table a queue writes to, for those who capture changes: a sequence that a trigger function reads in a
-- microsecond, where a look at the queue's row costs ten times that, a sixth of what capturing one row takes.
--
-- pgq.queue stays the truth. The sequence says one of
--   0, 1, ...  events go into the table of this number
--   -1       look at the queue's row
--   -2       the queue is being closed, or is: look at the row, and do not trust one that is seen by an old snapshot
-- A number is in it only while the row, committed, says the same: whoever changes the row takes it out before, under the
-- row's lock, and it comes back (pgq._open_tables) when the change is committed. A rollback leaves -1 or -2, which is slower
-- and as right.

-- Function: pgq._close_table(0)
--
-- Trigger on pgq.queue: nobody trusts the sequence while the row changes. That is not undone by a rollback.
create function pgq._close_table()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if pg_catalog.to_regclass(new.queue_data_pfx || '_open_seq') is not null then
        perform pg_catalog.setval(
            (new.queue_data_pfx || '_open_seq')::regclass,
            case when new.queue_disable_insert then -2 else -1 end
        );
    end if;
    return new;
end;
$$;

revoke execute on function pgq._close_table() from public;

create trigger close_table
    before update on pgq.queue
    for each row
    when (old.queue_cur_table <> new.queue_cur_table
          or old.queue_disable_insert <> new.queue_disable_insert)
    execute procedure pgq._close_table();

-- Also in sessions that apply replicated changes.
alter table pgq.queue enable always trigger close_table;

do $$
declare
    v_queue  pgq.queue%rowtype;
begin
    for v_queue in select q.* from pgq.queue as q loop
        execute format('create sequence %s_open_seq minvalue -2 start -1', v_queue.queue_data_pfx);
        execute format('grant select on %s_open_seq to public', v_queue.queue_data_pfx);
    end loop;
end;
$$;
