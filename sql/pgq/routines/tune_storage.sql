-- Function: pgq.tune_storage(1)
--
-- Sets the storage of a queue's event tables: they are only appended to and truncated, so they need neither free
-- space in their pages nor autovacuum. Safe to repeat.
--
-- Returns: integer, 1.
-- Raises:  'no such queue'.
create or replace function pgq.tune_storage(
    i_queue_name  text
)
returns integer
language plpgsql
as $$
declare
    v_queue  pgq.queue%rowtype;
begin
    if i_queue_name is null then
        return null;
    end if;
    select *
      into v_queue
      from pgq.queue as q
     where q.queue_name = i_queue_name;
    if not found then
        return 0;
    end if;
    for i in 0 .. v_queue.queue_ntables - 1 loop
        execute pg_catalog.format(
            'alter table %s set (fillfactor = 100, autovacuum_enabled = off, toast.autovacuum_enabled = off)',
            pgq.quote_fqname(v_queue.queue_data_pfx || '_' || i::text)
        );
    end loop;
    return 1;
end;
$$;
