-- Function: pgq.set_queue_config(3)
--
-- Sets one setting of a queue. Its name is that of the column without `queue_`. When it returns for ticker_paused or
-- external_ticker, no tick is being made by the old setting any more. Safe to repeat.
--
-- Returns: integer, 1.
-- Raises:  'Invalid NULL value'; 'No such event queue'; 'cannot change parameter "...s"' for a setting that is not
--          there to be changed (the text with its stray s is known to clients).
-- Locks:   the queue's row; for the two settings of the ticker before that advisory (1885827445, queue id), as whoever
--          makes a tick.
create or replace function pgq.set_queue_config(
    x_queue_name   text,
    x_param_name   text,
    x_param_value  text
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id  int4;
begin
    if x_queue_name is null or x_param_name is null then
        raise exception 'Invalid NULL value';
    end if;
    select q.queue_id
      into v_queue_id
      from pgq.queue as q
     where q.queue_name = x_queue_name;
    if not found then
        raise exception 'No such event queue';
    end if;
    if x_param_name not in (
        'ticker_max_count',
        'ticker_max_lag',
        'ticker_idle_period',
        'ticker_paused',
        'rotation_period',
        'external_ticker',
        'disable_insert',
        'per_tx_limit',
        'extra_maint'
    ) then
        raise exception 'cannot change parameter "%s"', x_param_name;
    end if;

    if x_param_name in ('ticker_paused', 'external_ticker') then
        perform pg_catalog.pg_advisory_xact_lock(1885827445, v_queue_id);
    end if;
    execute pg_catalog.format(
        'update pgq.queue set %I = %L where queue_name = %L',
        'queue_' || x_param_name,
        x_param_value,
        x_queue_name
    );
    return 1;
end;
$$;
