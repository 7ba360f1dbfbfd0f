-- Function: pgq.finish_batch(1)
--
-- Closes a batch and moves its consumer on to the batch's end. Safe to repeat.
--
-- Returns: integer, 1 when it was closed; 0 and a warning when there is no such open batch.
-- Locks:   the subscription's row.
create or replace function pgq.finish_batch(
    x_batch_id  bigint
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
    update pgq.subscription as s
       set sub_last_tick = s.sub_next_tick,
           sub_next_tick = null,
           sub_batch = null,
           sub_active = pg_catalog.now()
     where s.sub_batch = x_batch_id;
    if not found then
        raise warning 'finish_batch: batch % not found', x_batch_id;
        return 0;
    end if;
    return 1;
end;
$$;
