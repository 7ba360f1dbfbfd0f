-- Function: pgq_node.create_node(7)
--
-- Makes this database a node of the queue. The locations of the node and of its provider must be registered.
-- A root gets the queue with its own ticker; a branch gets the queue, which only the worker may fill; a leaf gets
-- no queue. Root: provider, watermark and combined queue are null. Branch and leaf start at the global watermark
-- of the provider. Nothing is changed when the code is 401.
--
-- Returns: 200 made; 401 the node exists, or arguments that do not fit the type.
create or replace function pgq_node.create_node(
    p_queue_name        text,
    p_node_type         text,
    p_node_name         text,
    p_worker_name       text,
    p_provider_name     text,
    p_global_watermark  bigint,
    p_combined_queue    text,
    out ret_code        integer,
    out ret_note        text
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_start_tick    bigint := p_global_watermark;
    v_provider      text := p_provider_name;
begin
    ret_code := 401;
    if exists (select
                 from pgq_node.node_info as n
                where n.queue_name = p_queue_name) then
        ret_note := 'Node already initialized: ' || p_queue_name;
        return;
    end if;
    if p_node_type is null or p_node_type not in ('root', 'branch', 'leaf') then
        ret_note := 'Unknown node type: ' || coalesce(p_node_type, 'null');
        return;
    end if;
    if p_queue_name is null or p_node_name is null or p_worker_name is null then
        ret_note := 'Queue, node and worker must be named';
        return;
    end if;

    if p_node_type = 'root' then
        if p_provider_name is not null or p_global_watermark is not null or p_combined_queue is not null then
            ret_note := 'A root has no provider, no start position and no combined queue';
            return;
        end if;
        v_provider := p_node_name;
    else
        if p_provider_name is null or p_global_watermark is null then
            ret_note := 'Provider and its global watermark must be given for a ' || p_node_type;
            return;
        end if;
        if p_node_type = 'branch' and p_combined_queue is not null then
            ret_note := 'A branch has no combined queue';
            return;
        end if;
        if p_combined_queue is not null
           and not exists (select
                             from pgq_node.node_info as n
                            where n.queue_name = p_combined_queue) then
            ret_note := 'Combined queue not found: ' || p_combined_queue;
            return;
        end if;
    end if;

    if not exists (select
                     from pgq_node.node_location as l
                    where l.queue_name = p_queue_name
                      and l.node_name = p_node_name) then
        ret_note := 'Location not registered: ' || p_queue_name || '/' || p_node_name;
        return;
    end if;
    if not exists (select
                     from pgq_node.node_location as l
                    where l.queue_name = p_queue_name
                      and l.node_name = v_provider) then
        ret_note := 'Location not registered: ' || p_queue_name || '/' || v_provider;
        return;
    end if;

    if p_node_type = 'root' then
        perform pgq.create_queue(p_queue_name);
        perform pgq.register_consumer(p_queue_name, '.global_watermark');
        v_start_tick := pgq_node._newest_tick(p_queue_name);
    elsif p_node_type = 'branch' then
        perform pgq.create_queue(p_queue_name);
        update pgq.queue as q
           set queue_external_ticker = true,
               queue_disable_insert = true
         where q.queue_name = p_queue_name;
        -- A new queue has tick 1. Every other tick comes from the provider, the first one here.
        if p_global_watermark > 1 then
            perform pgq.ticker(p_queue_name, p_global_watermark, now(), 1);
        end if;
        perform pgq.register_consumer_at(p_queue_name, '.global_watermark', p_global_watermark);
    end if;

    insert into pgq_node.node_info (queue_name, node_type, node_name, worker_name, combined_queue)
    values (p_queue_name, p_node_type, p_node_name, p_worker_name, p_combined_queue);

    perform pgq_node.register_consumer(p_queue_name, p_worker_name, v_provider, v_start_tick);

    ret_code := 200;
    ret_note := format('Node "%s" initialized for queue "%s" with type "%s"',
                       p_node_name, p_queue_name, p_node_type);
end;
$$;
