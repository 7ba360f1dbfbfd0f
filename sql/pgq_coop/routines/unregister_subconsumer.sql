-- Function: pgq_coop.unregister_subconsumer(4)
--
-- Takes a member off a cooperative consumer. With an open batch it is refused (i_batch_handling 0), or the batch is
-- dropped (1): nobody gets its events any more. Safe to repeat.
--
-- Returns: integer, 1 when it was removed, 0 when it was not there.
-- Raises:  'subconsumer has active batch'; 'unknown batch handling: ...'.
-- Locks:   the subscription rows of the main consumer and of the member.
create or replace function pgq_coop.unregister_subconsumer(
    i_queue_name        text,
    i_consumer_name     text,
    i_subconsumer_name  text,
    i_batch_handling    integer
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name      text := i_consumer_name || '.' || i_subconsumer_name;
    v_queue_id  integer;
    v_sub_id    integer;
    v_batch_id  bigint;
begin
    -- The main row first: next_batch takes batches from members under it.
    select s.sub_queue, s.sub_id
      into v_queue_id, v_sub_id
      from pgq.subscription as s
      join pgq.queue as q on q.queue_id = s.sub_queue
      join pgq.consumer as c on c.co_id = s.sub_consumer
     where q.queue_name = i_queue_name
       and c.co_name = i_consumer_name
       for update of s;
    if not found then
        return 0;
    end if;

    select s.sub_batch
      into v_batch_id
      from pgq.subscription as s
      join pgq.consumer as c on c.co_id = s.sub_consumer
     where s.sub_queue = v_queue_id
       and s.sub_id = v_sub_id
       and c.co_name = v_name
       for update of s;
    if not found then
        return 0;
    end if;

    if v_batch_id is not null then
        if i_batch_handling = 0 then
            raise exception 'subconsumer has active batch';
        elsif i_batch_handling is distinct from 1 then
            raise exception 'unknown batch handling: %', coalesce(i_batch_handling::text, 'NULL');
        end if;
    end if;
    return pgq.unregister_consumer(i_queue_name, v_name);
end;
$$;
