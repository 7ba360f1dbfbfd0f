-- Function: pgq.maint_tables_to_vacuum(0)
--
-- The small tables that change with every batch, for servers whose autovacuum is off.
--
-- Returns: setof text, `schema.table`; none when autovacuum is on.
create or replace function pgq.maint_tables_to_vacuum()
returns setof text
language plpgsql
as $$
begin
    if pg_catalog.current_setting('autovacuum') = 'on' then
        return;
    end if;
    return query
    select t.name
      from pg_catalog.unnest(array[
               'pgq.subscription',
               'pgq.consumer',
               'pgq.queue',
               'pgq.tick',
               'pgq.retry_queue',
               'pgq_ext.completed_tick',
               'pgq_ext.completed_batch',
               'pgq_ext.completed_event',
               'pgq_ext.partial_batch',
               'pgq_node.local_state',
               'londiste.seq_info',
               'londiste.completed',
               'txid.epoch'
           ]) with ordinality as t (name, nr)
     where pg_catalog.to_regclass(t.name) is not null
     order by t.nr;
end;
$$;
