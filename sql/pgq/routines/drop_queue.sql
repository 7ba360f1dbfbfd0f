-- Function: pgq.drop_queue(2)
--
-- Drops a queue with all its events.
--
-- Returns: integer, 1.
-- Raises:  'No such event queue'; 'cannot drop queue, consumers still attached' unless x_force.
-- Locks:   the queue's row and event tables: waits for transactions that have written events.
create or replace function pgq.drop_queue(
    x_queue_name  text,
    x_force       bool
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue     pgq.queue%rowtype;
    v_consumer  text;
begin
    select *
      into v_queue
      from pgq.queue as q
     where q.queue_name = x_queue_name
       for update;
    if not found then
        raise exception 'No such event queue';
    end if;

    if x_force then
        for v_consumer in
            select c.co_name
              from pgq.subscription as s
              join pgq.consumer as c on c.co_id = s.sub_consumer
             where s.sub_queue = v_queue.queue_id
             order by c.co_name
        loop
            perform pgq.unregister_consumer(x_queue_name, v_consumer);
        end loop;
    elsif exists (select from pgq.subscription as s where s.sub_queue = v_queue.queue_id) then
        raise exception 'cannot drop queue, consumers still attached';
    end if;

    for i in 0 .. v_queue.queue_ntables - 1 loop
        execute 'drop table ' || pgq.quote_fqname(v_queue.queue_data_pfx || '_' || i::text);
    end loop;
    execute 'drop table ' || pgq.quote_fqname(v_queue.queue_data_pfx);

    delete from pgq.retry_queue as r
     where r.ev_queue = v_queue.queue_id;
    delete from pgq.tick as t
     where t.tick_queue = v_queue.queue_id;

    execute 'drop sequence ' || pgq.quote_fqname(v_queue.queue_tick_seq);
    execute 'drop sequence ' || pgq.quote_fqname(v_queue.queue_event_seq);
    execute 'drop sequence if exists ' || pgq.quote_fqname(v_queue.queue_data_pfx || '_open_seq');

    delete from pgq.queue as q
     where q.queue_id = v_queue.queue_id;
    perform pgq._make_insert_event();
    return 1;
end;
$$;

-- Function: pgq.drop_queue(1)
--
-- Drops a queue that nobody reads: pgq.drop_queue(2) without force.
--
-- Returns: integer, 1; null for null.
create or replace function pgq.drop_queue(
    x_queue_name  text
)
returns integer
language sql
strict
as $$
    select pgq.drop_queue(x_queue_name, false);
$$;
