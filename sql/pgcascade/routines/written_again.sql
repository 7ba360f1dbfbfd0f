-- Function: pgcascade.count_written_again(4)
--
-- Counts blocks of a table that were refused the quick way and written again in another.
--
-- Returns: how many there are since the start of the worker.
-- Raises:  nothing.
-- Locks:   the table's row in pgcascade.written_again until commit. Not to be repeated for the same batch.
create or replace function pgcascade.count_written_again(
    p_queue_name  text,
    p_table_name  text,
    p_blocks      bigint,
    p_reason      text
)
returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.written_again as w (queue_name, table_name, blocks, reason, last_at)
    values (p_queue_name, p_table_name, p_blocks, p_reason, clock_timestamp())
    on conflict on constraint written_again_pkey do update
       set blocks = w.blocks + excluded.blocks,
           reason = excluded.reason,
           last_at = excluded.last_at
    returning w.blocks;
$$;
