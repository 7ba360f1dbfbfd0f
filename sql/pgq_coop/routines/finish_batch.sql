-- Function: pgq_coop.finish_batch(1)
--
-- Closes the batch of a member; the main consumer stands behind it already. The batch of a consumer that is no member
-- is left alone. Safe to repeat.
--
-- Returns: integer, 1 when it was closed; 0 and a warning when no member has that batch open.
-- Locks:   the member's subscription row.
create or replace function pgq_coop.finish_batch(
    i_batch_id  bigint
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update pgq.subscription as s
       set sub_last_tick = null,
           sub_next_tick = null,
           sub_batch = null,
           sub_active = pg_catalog.now()
      from pgq.consumer as c
     where s.sub_batch = i_batch_id
       and c.co_id = s.sub_consumer
       and exists (
               select
                 from pgq.subscription as m
                 join pgq.consumer as mc on mc.co_id = m.sub_consumer
                where m.sub_queue = s.sub_queue
                  and m.sub_id = s.sub_id
                  and pg_catalog.strpos(c.co_name, mc.co_name || '.') = 1
           );
    if not found then
        raise warning 'coop_finish_batch: batch % not found', i_batch_id;
        return 0;
    end if;
    return 1;
end;
$$;
