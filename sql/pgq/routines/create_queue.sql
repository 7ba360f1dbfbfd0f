-- Function: pgq.create_queue(1)
--
-- Creates a queue: its row, sequences, event tables, rights and first tick. Safe to repeat.
--
-- Returns: integer, 1 when it was created, 0 when it was there.
-- Raises:  'Invalid NULL value'.
create or replace function pgq.create_queue(
    i_queue_name  text
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue_id   int4;
    v_table      text;
    v_event_seq  text;
    v_tick_seq   text;
    v_ntables    integer;
begin
    if i_queue_name is null then
        raise exception 'Invalid NULL value';
    end if;
    if exists (select from pgq.queue as q where q.queue_name = i_queue_name) then
        return 0;
    end if;

    v_queue_id := pg_catalog.nextval('pgq.queue_queue_id_seq');
    v_table := 'pgq.event_' || v_queue_id::text;
    v_event_seq := v_table || '_id_seq';
    v_tick_seq := v_table || '_tick_seq';

    insert into pgq.queue (queue_id, queue_name, queue_data_pfx, queue_event_seq, queue_tick_seq)
    values (v_queue_id, i_queue_name, v_table, v_event_seq, v_tick_seq)
        on conflict on constraint queue_name_uq do nothing
    returning queue_ntables into v_ntables;
    if not found then
        return 0;
    end if;

    execute 'create sequence ' || v_tick_seq;
    execute 'create sequence ' || v_event_seq;
    execute 'create sequence ' || v_table || '_open_seq minvalue -2 start -1';
    execute 'create table ' || v_table || ' () inherits (pgq.event_template)';
    for i in 0 .. v_ntables - 1 loop
        execute pg_catalog.format('create table %s_%s () inherits (%s)', v_table, i, v_table);
        execute pg_catalog.format(
            'alter table %s_%s alter column ev_id set default nextval(%L)',
            v_table,
            i,
            v_event_seq
        );
        execute pg_catalog.format('create index event_%s_%s_txid_idx on %s_%s (ev_txid)', v_queue_id, i, v_table, i);
    end loop;

    perform pgq._make_insert_event();
    perform pgq.grant_perms(i_queue_name);
    perform pgq.tune_storage(i_queue_name);
    perform pgq.ticker(i_queue_name);
    return 1;
end;
$$;
