-- Function: pgq.current_event_table(1)
--
-- The event table to write to, for COPY. The answer holds for the current transaction only. That gets its id before
-- the table is looked up: by that rotation knows that it may still write to this table.
--
-- Returns: text, `schema.table`, ready for use in SQL.
-- Raises:  'Event queue not found', 'Writing to queue disabled'.
create or replace function pgq.current_event_table(
    x_queue_name  text
)
returns text
language plpgsql
as $$
declare
    v_table     text;
    v_disabled  boolean;
begin
    perform pg_catalog.txid_current();
    select q.queue_data_pfx || '_' || q.queue_cur_table::text,
           q.queue_disable_insert
      into v_table, v_disabled
      from pgq.queue as q
     where q.queue_name = x_queue_name;
    if not found then
        raise exception 'Event queue not found';
    end if;
    if v_disabled and pg_catalog.current_setting('session_replication_role') <> 'replica' then
        raise exception 'Writing to queue disabled';
    end if;
    return v_table;
end;
$$;
