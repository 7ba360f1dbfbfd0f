-- Function: pgq.insert_event(7)
--
-- Writes one event in the caller's transaction. The generic triggers call it too, so its parameter names stay.
--
-- Returns: bigint, the event id.
-- Raises:  as pgq.insert_event_raw(11).
create or replace function pgq.insert_event(
    queue_name  text,
    ev_type     text,
    ev_data     text,
    ev_extra1   text,
    ev_extra2   text,
    ev_extra3   text,
    ev_extra4   text
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return pgq.insert_event_raw(
        queue_name, null, pg_catalog.now(), null, null,
        ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4
    );
end;
$$;

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
