-- Function: pgq.get_batch_cursor(4)
--
-- Opens a cursor over the events of an open batch, by id, in the caller's transaction, and returns the first rows of
-- it. i_extra_where is an SQL condition over the event columns, run with the caller's rights.
--
-- Returns: setof events, at most i_quick_limit; none when the batch, the name or the limit is null.
-- Raises:  as pgq.batch_event_sql(1); duplicate_cursor.
create or replace function pgq.get_batch_cursor(
    in  i_batch_id     bigint,
    in  i_cursor_name  text,
    in  i_quick_limit  int4,
    in  i_extra_where  text,
    out ev_id          bigint,
    out ev_time        timestamptz,
    out ev_txid        bigint,
    out ev_retry       int4,
    out ev_type        text,
    out ev_data        text,
    out ev_extra1      text,
    out ev_extra2      text,
    out ev_extra3      text,
    out ev_extra4      text
)
returns setof record
language plpgsql
as $$
declare
    v_sql  text;
begin
    if i_batch_id is null or i_cursor_name is null or i_quick_limit is null then
        return;
    end if;

    v_sql := pgq.batch_event_sql(i_batch_id);
    if i_extra_where is not null then
        v_sql := 'select * from (' || v_sql || ') as ev where (' || i_extra_where || ')';
    end if;
    execute 'declare ' || pg_catalog.quote_ident(i_cursor_name) || ' no scroll cursor for ' || v_sql;

    if i_quick_limit > 0 then
        return query execute 'fetch ' || i_quick_limit::text || ' from ' || pg_catalog.quote_ident(i_cursor_name);
    end if;
end;
$$;

-- Function: pgq.get_batch_cursor(3)
--
-- pgq.get_batch_cursor(4) without a condition.
--
-- Returns: setof events, at most i_quick_limit.
create or replace function pgq.get_batch_cursor(
    in  i_batch_id     bigint,
    in  i_cursor_name  text,
    in  i_quick_limit  int4,
    out ev_id          bigint,
    out ev_time        timestamptz,
    out ev_txid        bigint,
    out ev_retry       int4,
    out ev_type        text,
    out ev_data        text,
    out ev_extra1      text,
    out ev_extra2      text,
    out ev_extra3      text,
    out ev_extra4      text
)
returns setof record
language plpgsql
strict
as $$
begin
    return query
    select *
      from pgq.get_batch_cursor(i_batch_id, i_cursor_name, i_quick_limit, null);
end;
$$;
