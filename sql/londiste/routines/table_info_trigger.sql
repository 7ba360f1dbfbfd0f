-- Function: londiste.table_info_trigger(0)
--
-- Trigger on londiste.table_info: a table that leaves the queue, by whatever way, keeps no trigger of it.
create or replace function londiste.table_info_trigger()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' and old.local then
        perform londiste.drop_table_triggers(old.queue_name, old.table_name);
    end if;
    return old;
end;
$$;

do $$
begin
    if not exists (select
                     from pg_catalog.pg_trigger as t
                    where t.tgrelid = 'londiste.table_info'::pg_catalog.regclass
                      and t.tgname = 'table_info_trigger_sync') then
        create trigger table_info_trigger_sync
            before delete on londiste.table_info
            for each row execute procedure londiste.table_info_trigger();
    end if;
end;
$$;
