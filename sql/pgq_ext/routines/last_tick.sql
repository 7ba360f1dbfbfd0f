-- Function: pgq_ext.get_last_tick(2)
--
-- How far this database is with a consumer's queue.
--
-- Returns: bigint, the tick; null when none was recorded.
create or replace function pgq_ext.get_last_tick(
    a_consumer     text,
    a_subconsumer  text
)
returns int8
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.last_tick_id
      from pgq_ext.completed_tick as t
     where t.consumer_id = a_consumer
       and t.subconsumer_id = a_subconsumer;
$$;

-- Function: pgq_ext.get_last_tick(1)
--
-- How far this database is with the queue of a consumer without parts.
--
-- Returns: bigint, the tick; null when none was recorded.
create or replace function pgq_ext.get_last_tick(
    a_consumer  text
)
returns int8
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pgq_ext.get_last_tick(a_consumer, '');
$$;

-- Function: pgq_ext.set_last_tick(3)
--
-- Records how far this database is with a consumer's queue, in the transaction that writes what came from it. A null
-- tick forgets the position. Safe to repeat.
--
-- Returns: integer, 1.
-- Locks:   the consumer's row.
create or replace function pgq_ext.set_last_tick(
    a_consumer     text,
    a_subconsumer  text,
    a_tick_id      bigint
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if a_tick_id is null then
        delete from pgq_ext.completed_tick as t
         where t.consumer_id = a_consumer
           and t.subconsumer_id = a_subconsumer;
    else
        insert into pgq_ext.completed_tick (consumer_id, subconsumer_id, last_tick_id)
        values (a_consumer, a_subconsumer, a_tick_id)
            on conflict on constraint completed_tick_pkey
            do update set last_tick_id = excluded.last_tick_id;
    end if;
    return 1;
end;
$$;

-- Function: pgq_ext.set_last_tick(2)
--
-- As pgq_ext.set_last_tick(3), for a consumer without parts.
--
-- Returns: integer, 1.
create or replace function pgq_ext.set_last_tick(
    a_consumer  text,
    a_tick_id   bigint
)
returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select pgq_ext.set_last_tick(a_consumer, '', a_tick_id);
$$;
