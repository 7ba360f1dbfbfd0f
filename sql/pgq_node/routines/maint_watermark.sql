-- Function: pgq_node.maint_watermark(1)
--
-- On a root: publishes the global watermark when it is five minutes old or more. Called by the ticker's
-- maintenance. Safe to repeat.
--
-- Returns: 0, nothing more to do now.
create or replace function pgq_node.maint_watermark(
    p_queue_name text
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select
                 from pgq_node.node_info as n
                where n.queue_name = p_queue_name
                  and n.node_type = 'root')
       and exists (select
                     from pgq.get_consumer_info(p_queue_name, '.global_watermark') as c
                    where c.lag >= interval '5 minutes') then
        perform pgq_node.set_global_watermark(p_queue_name, null);
    end if;
    return 0;
end;
$$;
