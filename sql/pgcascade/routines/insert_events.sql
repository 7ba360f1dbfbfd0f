-- Function: pgcascade.insert_events(7)
--
-- Writes many events in one statement, in the caller's transaction: event i has the i-th element of each array. An
-- array that is null stands for nulls only. The same checks as in pgq.insert_event, and the same count of events per
-- transaction; all events are written or none.
--
-- With the stock pgq extension, whose count lives in its C code, queue_per_tx_limit counts the events of this routine
-- apart from those of pgq.insert_event.
--
-- Returns: bigint[], the event ids in the order of the arrays; they grow.
-- Raises:  as pgq.insert_event(7); 'Arrays of events differ in length: ...' (22023), 'Event types must not be NULL' (22004)
--          when the array of types is.
-- Locks:   none: writers never wait for each other or for rotation.
create or replace function pgcascade.insert_events(
    p_queue_name  text,
    p_ev_types    text[],
    p_ev_datas    text[],
    p_ev_extra1s  text[] default null,
    p_ev_extra2s  text[] default null,
    p_ev_extra3s  text[] default null,
    p_ev_extra4s  text[] default null
)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue    record;
    v_count    constant integer := pg_catalog.cardinality(p_ev_types);
    v_lengths  constant integer[] := array[
                   pg_catalog.cardinality(p_ev_datas),
                   pg_catalog.cardinality(p_ev_extra1s),
                   pg_catalog.cardinality(p_ev_extra2s),
                   pg_catalog.cardinality(p_ev_extra3s),
                   pg_catalog.cardinality(p_ev_extra4s)
               ];
    v_counter  text;
    v_total    bigint;
    v_ids      bigint[];
begin
    if p_queue_name is null then
        raise exception 'Queue name must not be NULL';
    end if;
    if p_ev_types is null then
        raise exception 'Event types must not be NULL'
            using errcode = 'null_value_not_allowed';
    end if;
    if v_count <> any (v_lengths) then
        raise exception 'Arrays of events differ in length: %',
            pg_catalog.array_to_string(pg_catalog.array_prepend(v_count, v_lengths), ', ', 'NULL')
            using errcode = 'invalid_parameter_value';
    end if;

    select q.queue_id,
           q.queue_data_pfx || '_' || q.queue_cur_table::text as event_table,
           q.queue_event_seq::regclass as event_seq,
           q.queue_disable_insert,
           q.queue_per_tx_limit
      into v_queue
      from pgq.queue as q
     where q.queue_name = p_queue_name;
    if not found then
        raise exception 'No such queue';
    end if;
    if v_queue.queue_disable_insert
       and pg_catalog.current_setting('session_replication_role') <> 'replica'
    then
        raise exception 'Insert into queue disallowed';
    end if;

    if v_queue.queue_per_tx_limit is not null then
        -- A setting that ends with the transaction counts its events; pgq.insert_event_raw counts in the same one.
        v_counter := 'pgq.tx_event_count_' || v_queue.queue_id::text;
        v_total := v_count + coalesce(nullif(pg_catalog.current_setting(v_counter, true), ''), '0')::bigint;
        if v_total > v_queue.queue_per_tx_limit then
            raise exception 'Queue ''%'' allows max % events from one TX', p_queue_name, v_queue.queue_per_tx_limit;
        end if;
        perform pg_catalog.set_config(v_counter, v_total::text, true);
    end if;

    v_ids := array(
        select pg_catalog.nextval(v_queue.event_seq)
          from pg_catalog.generate_series(1, v_count)
    );
    execute 'insert into ' || v_queue.event_table
        || ' (ev_id, ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)'
        || ' select e.ev_id, pg_catalog.now(), e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4'
        || '   from rows from ('
        || '            pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),'
        || '            pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7)'
        || '        ) as e (ev_id, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)'
      using v_ids, p_ev_types, p_ev_datas, p_ev_extra1s, p_ev_extra2s, p_ev_extra3s, p_ev_extra4s;
    return v_ids;
end;
$$;
