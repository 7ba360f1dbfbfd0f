-- Group: rows that are too large for the worker to hold
--
-- The worker writes the row's event, piece by piece, into a temporary table of its batch's transaction, pgc_large_row
-- (event_id, data, old_row), and has the statement that applies it run here.

-- Function: pgcascade.write_large_row(3)
--
-- Runs a statement of apply on a row that stands in the session's pgc_large_row. In the statement $1 is a JSON array of
-- the row; with p_with_old, $1 is that of the old row and $2 that of the new one. With the rights and the search_path of
-- the caller.
--
-- Returns: one row for each row that the statement touched.
-- Raises:  what the statement raises; 42P01 when nothing stands there.
-- Locks:   what the statement locks.
create or replace function pgcascade.write_large_row(
    p_statement  text,
    p_event_id   bigint,
    p_with_old   boolean
)
returns setof integer
language plpgsql
as $$
declare
    v_data     text;
    v_old_row  text;
    v_count    bigint;
begin
    select r.data, r.old_row
      into strict v_data, v_old_row
      from pg_temp.pgc_large_row as r
     where r.event_id = p_event_id;
    if p_with_old then
        execute p_statement using '[' || v_old_row || ']', '[' || v_data || ']';
    else
        execute p_statement using '[' || v_data || ']';
    end if;
    get diagnostics v_count = row_count;
    return query select 1 from pg_catalog.generate_series(1, v_count);
end;
$$;

-- Function: pgcascade.large_row_columns(2)
--
-- The names of the columns that a row in the session's pgc_large_row has.
--
-- Returns: the names, in the row's order, and, with p_with_old, whether there is an old row with the same ones (else true).
-- Raises:  22P02 for data that is not JSON, 42P01 when nothing stands there.
-- Locks:   none.
create or replace function pgcascade.large_row_columns(
    p_event_id   bigint,
    p_with_old   boolean,
    out columns  text[],
    out matches  boolean
)
language plpgsql
as $$
begin
    select array(select pg_catalog.json_object_keys(r.data::pg_catalog.json)),
           case
               when not p_with_old then true
               when r.old_row is null then false
               else array(select pg_catalog.json_object_keys(r.old_row::pg_catalog.json))
                    = array(select pg_catalog.json_object_keys(r.data::pg_catalog.json))
           end
      into strict columns, matches
      from pg_temp.pgc_large_row as r
     where r.event_id = p_event_id;
end;
$$;
