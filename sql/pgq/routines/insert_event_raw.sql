-- Function: pgq.insert_event_raw(11)
--
-- Writes one event row: the one way in for every event that does not come from a generated trigger. A missing
-- ev_id is taken from the queue's sequence, which moves in any case; a missing ev_time is the transaction's.
--
-- Returns: bigint, the event id.
-- Raises:  'Queue name must not be NULL', 'No such queue', 'Insert into queue disallowed',
--          'Queue ''…'' allows max … events from one TX'.
-- Locks:   none: writers never wait for each other or for rotation.
create or replace function pgq.insert_event_raw(
    queue_name  text,
    ev_id       bigint,
    ev_time     timestamptz,
    ev_owner    integer,
    ev_retry    integer,
    ev_type     text,
    ev_data     text,
    ev_extra1   text,
    ev_extra2   text,
    ev_extra3   text,
    ev_extra4   text
)
returns int8
language plpgsql
as $$
declare
    v_queue    record;
    v_id       bigint;
    v_counter  text;
    v_count    bigint;
begin
    if insert_event_raw.queue_name is null then
        raise exception 'Queue name must not be NULL';
    end if;

    select q.queue_id,
           q.queue_data_pfx || '_' || q.queue_cur_table::text as event_table,
           q.queue_disable_insert,
           q.queue_per_tx_limit,
           pg_catalog.nextval(q.queue_event_seq::regclass) as next_id
      into v_queue
      from pgq.queue as q
     where q.queue_name = insert_event_raw.queue_name;
    if not found then
        raise exception 'No such queue';
    end if;
    if v_queue.queue_disable_insert
       and pg_catalog.current_setting('session_replication_role') <> 'replica'
    then
        raise exception 'Insert into queue disallowed';
    end if;

    if v_queue.queue_per_tx_limit is not null then
        -- A setting that ends with the transaction counts its events.
        v_counter := 'pgq.tx_event_count_' || v_queue.queue_id::text;
        v_count := 1 + coalesce(nullif(pg_catalog.current_setting(v_counter, true), ''), '0')::bigint;
        if v_count > v_queue.queue_per_tx_limit then
            raise exception 'Queue ''%'' allows max % events from one TX',
                insert_event_raw.queue_name, v_queue.queue_per_tx_limit;
        end if;
        perform pg_catalog.set_config(v_counter, v_count::text, true);
    end if;

    v_id := coalesce(insert_event_raw.ev_id, v_queue.next_id);
    execute 'insert into ' || v_queue.event_table
        || ' (ev_id, ev_time, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)'
        || ' values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'
      using v_id,
            coalesce(insert_event_raw.ev_time, pg_catalog.now()),
            insert_event_raw.ev_owner,
            insert_event_raw.ev_retry,
            insert_event_raw.ev_type,
            insert_event_raw.ev_data,
            insert_event_raw.ev_extra1,
            insert_event_raw.ev_extra2,
            insert_event_raw.ev_extra3,
            insert_event_raw.ev_extra4;
    return v_id;
end;
$$;
