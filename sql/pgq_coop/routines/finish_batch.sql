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
set enable_seqscan = off
as $$
declare
    v_member  record;
begin
    select s.sub_queue, s.sub_id, s.sub_consumer
      into v_member
      from pgq.subscription as s
     where s.sub_batch = i_batch_id;

    update pgq.subscription as s
       set sub_last_tick = null,
           sub_next_tick = null,
           sub_batch = null,
           sub_active = pg_catalog.now()
     where s.sub_batch = i_batch_id
       and exists (
               select
                 from pgq.consumer as c
                cross join pgq.consumer as mc
                cross join lateral (
                          select n.sub_id
                            from pgq.subscription as n
                           where n.sub_queue = v_member.sub_queue
                             and n.sub_consumer = mc.co_id
                           order by n.sub_active desc
                           limit 1
                      ) as m
                where c.co_id = v_member.sub_consumer
                  and pg_catalog.strpos(c.co_name, mc.co_name || '.') = 1
                  and m.sub_id = v_member.sub_id
           );
    if not found then
        raise warning 'coop_finish_batch: batch % not found', i_batch_id;
        return 0;
    end if;
    return 1;
end;
$$;
