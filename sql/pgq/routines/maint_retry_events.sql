-- Function: pgq.maint_retry_events(0)
--
-- Puts up to ten events whose time has come from the retry queue back into their queues, for their consumer only.
-- Call it until it returns 0. Events of queues that take no events wait.
--
-- Returns: integer, how many events were put back.
-- Locks:   pgq.retry_queue against a second call, until the end of the transaction.
create or replace function pgq.maint_retry_events()
returns integer
language plpgsql
as $$
declare
    v_event  record;
    v_count  integer := 0;
begin
    lock table pgq.retry_queue in share update exclusive mode;

    for v_event in
        select q.queue_name, r.*
          from pgq.retry_queue as r
          join pgq.queue as q on q.queue_id = r.ev_queue
         where r.ev_retry_after <= pg_catalog.now()
           and (not q.queue_disable_insert
                or pg_catalog.current_setting('session_replication_role') = 'replica')
         order by r.ev_retry_after
         limit 10
    loop
        perform pgq.insert_event_raw(
            v_event.queue_name, v_event.ev_id, v_event.ev_time, v_event.ev_owner, v_event.ev_retry,
            v_event.ev_type, v_event.ev_data,
            v_event.ev_extra1, v_event.ev_extra2, v_event.ev_extra3, v_event.ev_extra4
        );
        delete from pgq.retry_queue as r
         where r.ev_owner = v_event.ev_owner
           and r.ev_id = v_event.ev_id;
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
