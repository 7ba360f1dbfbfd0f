-- Function: pgq._open_tables(0)
--
-- Called at each tick. Says for every open queue in its sequence `..._open_seq` which event table is written, where that is settled: see
-- migration 0003. Does nothing in a transaction that has written, which could be the one that changes the queue, nor in
-- one that sees an old state of it. Safe to repeat.
--
-- Returns: integer, for how many queues it was said.
-- Locks:   the rows of those queues; not waited for.
create or replace function pgq._open_tables()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     pgq.queue%rowtype;
    v_sequence  regclass;
    v_count     integer := 0;
begin
    if txid_current_if_assigned() is not null or current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
        return 0;
    end if;
    for v_queue in
        select q.*
          from pgq.queue as q
         where not q.queue_disable_insert
           and pg_sequence_last_value(to_regclass(q.queue_data_pfx || '_open_seq')) is distinct from q.queue_cur_table
    loop
        v_sequence := to_regclass(v_queue.queue_data_pfx || '_open_seq');
        continue when v_sequence is null;
        -- The lock keeps everybody from changing the row until the sequence is set.
        select q.* into v_queue
          from pgq.queue as q
         where q.queue_id = v_queue.queue_id
           and not q.queue_disable_insert
           for no key update skip locked;
        continue when not found;
        perform setval(v_sequence, v_queue.queue_cur_table);
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
