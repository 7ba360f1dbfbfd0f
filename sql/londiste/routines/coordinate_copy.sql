-- Function: londiste._coordinate_copy(2)
--
-- The part a table's copy plays where several queues feed one table. Copies are tasks of one worker per queue here
-- and none waits for another, so there is no part to play.
--
-- Returns: a null role at position 0.
create or replace function londiste._coordinate_copy(
    p_queue_name    text,
    p_table_name    text,
    out copy_role   text,
    out copy_pos    integer
)
returns record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select null::text, 0;
$$;
