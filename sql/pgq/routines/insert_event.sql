-- Function: pgq._make_insert_event(0)
--
-- Makes pgq.insert_event(7) and pgq.insert_event_raw(11), through which every event goes that does not come from a
-- generated capture trigger. They are made of the queues that there are, so that their inserts are static statements
-- whose plans a session keeps: run by EXECUTE, the insert took longer than all the rest. The first 32 queues get static
-- statements; others, and those whose row was changed by hand, are written by EXECUTE.
--
-- Called when a queue is created or dropped and by every install.
--
-- Locks:   advisory (1885827448, 0) until the end of the transaction: two makers take turns.
--
--
-- Function: pgq.insert_event(7)
--
-- Writes one event in the caller's transaction. The generic triggers call it too, so its parameter names stay.
--
-- Returns: bigint, the event id.
-- Raises:  'Queue name must not be NULL', 'No such queue', 'Insert into queue disallowed',
--          'Queue ''...'' allows max ... events from one TX'.
-- Locks:   none: writers never wait for each other or for rotation.
--
--
-- Function: pgq.insert_event_raw(11)
--
-- Writes one event with everything that can be said of it, with the caller's rights. A missing ev_id is taken from the
-- queue's sequence, which moves in any case; a missing ev_time is the transaction's.
--
-- Returns, raises, locks: as pgq.insert_event(7).
create or replace function pgq._make_insert_event()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $make$
declare
    v_inserts  text;
    v_body     text;
begin
    perform pg_advisory_xact_lock(1885827448, 0);

    -- What differs between the two functions is left as a word in brackets.
    select string_agg(format($branch$
    if v_queue_id = %s then
        v_id := pg_catalog.nextval(%L::pg_catalog.regclass);
        v_id := coalesce([ev_id], v_id);%s
    end if;$branch$, q.queue_id, q.queue_event_seq, t.inserts), '' order by q.queue_id)
      into v_inserts
      from (
               select * from pgq.queue order by queue_id limit 32
           ) as q
     cross join lateral (
               select string_agg(format($insert$
        if v_table_nr = %s then
            insert into %s ([columns])
            values (v_id, coalesce([ev_time], pg_catalog.now()), [ev_owner], [ev_retry],
                    ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4);
            return v_id;
        end if;$insert$, n.nr, pgq.quote_fqname(q.queue_data_pfx || '_' || n.nr::text)), '' order by n.nr)
                 from generate_series(0, q.queue_ntables - 1) as n (nr)
           ) as t (inserts);

    v_body := replace($body$
-- Made by pgq._make_insert_event(0).
declare
    v_queue_id     integer;
    v_table_nr     integer;
    v_is_disabled  boolean;
    v_limit        integer;
    v_id           bigint;
    v_table        text;
begin
    select q.queue_id, q.queue_cur_table, q.queue_disable_insert, q.queue_per_tx_limit
      into v_queue_id, v_table_nr, v_is_disabled, v_limit
      from pgq.queue as q
     where q.queue_name = $1;
    if v_queue_id is null then
        if $1 is null then
            raise exception 'Queue name must not be NULL';
        end if;
        raise exception 'No such queue';
    end if;
    if v_is_disabled and pg_catalog.current_setting('session_replication_role') <> 'replica' then
        perform pgq._refuse_event(v_queue_id, 'Insert into queue disallowed');
    end if;
    if v_limit is not null then
        perform pgq._count_event($1, v_queue_id, v_limit);
    end if;
[inserts]
    -- Not among the static statements.
    select q.queue_data_pfx || '_' || q.queue_cur_table::text, pg_catalog.nextval(q.queue_event_seq::regclass)
      into v_table, v_id
      from pgq.queue as q
     where q.queue_id = v_queue_id;
    v_id := coalesce([ev_id], v_id);
    execute 'insert into ' || v_table || ' ([columns]) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'
      using v_id, coalesce([ev_time], pg_catalog.now()), [ev_owner], [ev_retry],
            ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4;
    return v_id;
end;
$body$, '[inserts]', coalesce(v_inserts, ''));
    v_body := replace(v_body, '[columns]',
        'ev_id, ev_time, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4');

    execute format($create$
create or replace function pgq.insert_event(
    queue_name text, ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as %L$create$,
        replace(replace(replace(replace(v_body,
            '[ev_id]', 'null'), '[ev_time]', 'null'), '[ev_owner]', 'null::integer'), '[ev_retry]', 'null::integer'));
    execute format($create$
create or replace function pgq.insert_event_raw(
    queue_name text, ev_id bigint, ev_time timestamptz, ev_owner integer, ev_retry integer,
    ev_type text, ev_data text, ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text
) returns bigint language plpgsql as %L$create$,
        replace(replace(replace(replace(v_body,
            '[ev_id]', '$2'), '[ev_time]', '$3'), '[ev_owner]', '$4'), '[ev_retry]', '$5'));
end;
$make$;

-- Function: pgq._count_event(3)
--
-- Counts an event of this transaction against queue_per_tx_limit, in a setting that ends with the transaction. A
-- savepoint that is rolled back takes its count with it.
--
-- Raises:  'Queue ''...'' allows max ... events from one TX'.
create or replace function pgq._count_event(
    i_queue_name  text,
    i_queue_id    integer,
    i_limit       integer
)
returns void
language plpgsql
as $$
declare
    v_counter  text := 'pgq.tx_event_count_' || i_queue_id::text;
    v_count    bigint := 1 + coalesce(nullif(pg_catalog.current_setting(v_counter, true), ''), '0')::bigint;
begin
    if v_count > i_limit then
        perform pgq._refuse_event(i_queue_id,
            pg_catalog.format('Queue ''%s'' allows max %s events from one TX', i_queue_name, i_limit));
    end if;
    perform pg_catalog.set_config(v_counter, v_count::text, true);
end;
$$;

-- Function: pgq._refuse_event(2)
--
-- Refuses an event. It uses up an event id, as in PgQ.
--
-- Raises:  the message.
create or replace function pgq._refuse_event(
    i_queue_id  integer,
    i_message   text
)
returns void
language plpgsql
as $$
begin
    perform pg_catalog.nextval(q.queue_event_seq::regclass)
       from pgq.queue as q
      where q.queue_id = i_queue_id;
    raise exception using message = i_message;
end;
$$;

select pgq._make_insert_event();

-- Function: pgq.insert_event(3)
--
-- Writes one event without extra columns: pgq.insert_event(7).
--
-- Returns: bigint, the event id.
create or replace function pgq.insert_event(
    queue_name  text,
    ev_type     text,
    ev_data     text
)
returns bigint
language plpgsql
as $$
begin
    return pgq.insert_event(queue_name, ev_type, ev_data, null, null, null, null);
end;
$$;
