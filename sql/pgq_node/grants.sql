-- Who may call what in pgq_node. Safe to repeat. A role that is not there (the installer may not have been allowed
-- to create it) is passed over: the owner can do everything.

revoke all on all functions in schema pgq_node from public;
grant usage on schema pgq_node to public;
grant execute on function pgq_node.is_root_node(text) to public;
grant execute on function pgq_node.is_leaf_node(text) to public;
grant execute on function pgq_node.version() to public;

do $$
declare
    v_grant record;
begin
    for v_grant in
        with wanted(group_no, function_name) as (
            -- 1: what a reading node calls on its provider, 2: what a consumer calls on its own node, 3: administration
            select 1, unnest(array['get_consumer_info', 'get_consumer_state', 'get_node_info', 'get_queue_locations',
                                   'get_subscriber_info', 'register_subscriber', 'set_subscriber_watermark',
                                   'unregister_subscriber'])
            union all
            select 2, unnest(array['change_consumer_provider', 'register_consumer', 'set_consumer_completed',
                                   'set_consumer_error', 'set_consumer_paused', 'set_consumer_uptodate',
                                   'unregister_consumer'])
            union all
            select 3, unnest(array['create_node', 'demote_root', 'drop_node', 'get_worker_state', 'maint_watermark',
                                   'promote_branch', 'register_location', 'set_global_watermark', 'set_node_attrs',
                                   'set_partition_watermark', 'unregister_location', 'upgrade_schema'])
        ),
        holder(role_name, group_no) as (
            values ('pgq_reader', 1), ('pgq_writer', 1), ('pgq_admin', 1),
                   ('pgq_writer', 2), ('pgq_admin', 2), ('pgq_admin', 3)
        )
        select format('grant execute on function %s to %I', p.oid::regprocedure, h.role_name) as statement
          from wanted as w
          join holder as h
            on h.group_no = w.group_no
          join pg_catalog.pg_roles as r
            on r.rolname = h.role_name
          join pg_catalog.pg_proc as p
            on p.proname = w.function_name
           and p.pronamespace = 'pgq_node'::regnamespace
        union all
        select format('grant %s on table pgq_node.%I to %I', a.privileges, t.table_name, r.rolname)
          from (values ('pgq_reader', 'select'), ('pgq_writer', 'select'),
                       ('pgq_admin', 'select, insert, update, delete')) as a(role_name, privileges)
          join pg_catalog.pg_roles as r
            on r.rolname = a.role_name
         cross join (values ('node_location'), ('node_info'), ('local_state'), ('subscriber_info')) as t(table_name)
    loop
        execute v_grant.statement;
    end loop;
end;
$$;
