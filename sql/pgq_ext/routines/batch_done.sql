-- Function: pgq_ext.is_batch_done(3)
--
-- Whether a batch is the one that was done last. Batches come one after the other, so no other batch is offered again.
--
-- Returns: boolean.
create or replace function pgq_ext.is_batch_done(
    a_consumer     text,
    a_subconsumer  text,
    a_batch_id     bigint
)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
          from pgq_ext.completed_batch as b
         where b.consumer_id = a_consumer
           and b.subconsumer_id = a_subconsumer
           and b.last_batch_id = a_batch_id
    );
$$;

-- Function: pgq_ext.is_batch_done(2)
--
-- As pgq_ext.is_batch_done(3), for a consumer without parts.
--
-- Returns: boolean.
create or replace function pgq_ext.is_batch_done(
    a_consumer  text,
    a_batch_id  bigint
)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pgq_ext.is_batch_done(a_consumer, '', a_batch_id);
$$;

-- Function: pgq_ext.set_batch_done(3)
--
-- Records a batch as done, in the transaction that writes what was in it. Of two sessions that do so at the same
-- time one waits for the other and then gets false.
--
-- Returns: boolean, true when it was recorded now, false when it was before: the caller then rolls back.
-- Locks:   the consumer's row.
create or replace function pgq_ext.set_batch_done(
    a_consumer     text,
    a_subconsumer  text,
    a_batch_id     bigint
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into pgq_ext.completed_batch as b (consumer_id, subconsumer_id, last_batch_id)
    values (a_consumer, a_subconsumer, a_batch_id)
        on conflict on constraint completed_batch_pkey
        do update set last_batch_id = excluded.last_batch_id
         where b.last_batch_id <> excluded.last_batch_id;
    return found;
end;
$$;

-- Function: pgq_ext.set_batch_done(2)
--
-- As pgq_ext.set_batch_done(3), for a consumer without parts.
--
-- Returns: boolean.
create or replace function pgq_ext.set_batch_done(
    a_consumer  text,
    a_batch_id  bigint
)
returns boolean
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pgq_ext.set_batch_done(a_consumer, '', a_batch_id);
$$;
