-- Roles of londiste and who may call what. Safe to repeat. A role that the installer may not create, or a membership
-- that it may not give, is passed over: the owner can do everything.

do $$
declare
    v_role record;
begin
    for v_role in
        select w.role_name,
               w.member_of
          from (values ('londiste_writer', 'pgq_admin'), ('londiste_reader', 'pgq_reader')) as w(role_name, member_of)
    loop
        begin
            if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role.role_name) then
                execute format('create role %I', v_role.role_name);
            end if;
            if exists (select from pg_catalog.pg_roles as r where r.rolname = v_role.member_of)
               and not pg_has_role(v_role.role_name::name, v_role.member_of::name, 'member') then
                execute format('grant %I to %I', v_role.member_of, v_role.role_name);
            end if;
        exception
            -- The roles are the cluster's: another database may be installing at the same moment.
            when insufficient_privilege or duplicate_object or unique_violation then
                raise notice 'role % is not as it should be: %', v_role.role_name, sqlerrm;
        end;
    end loop;
end;
$$;

revoke all on all functions in schema londiste from public;
grant usage on schema londiste to public;
grant select on all tables in schema londiste to public;
grant execute on function londiste.version() to public;

do $$
declare
    v_grant record;
begin
    for v_grant in
        with wanted(role_name, function_name) as (
            select r.role_name,
                   unnest(array['_coordinate_copy', 'get_seq_list', 'get_table_list'])
              from (values ('londiste_reader'), ('londiste_writer')) as r(role_name)
            union all
            select 'londiste_writer',
                   unnest(array['_advance_seq', '_elected_queue', '_partition_ancestors', 'create_partition', 'create_trigger',
                                'drop_obsolete_partitions', 'is_obsolete_partition', 'list_obsolete_partitions',
                                'drop_table_fkey', 'drop_table_triggers', 'execute_finish', 'execute_start',
                                'find_column_types', 'find_rel_oid', 'find_seq_oid', 'find_table_fkeys',
                                'find_table_oid', 'get_table_pending_fkeys', 'get_valid_pending_fkeys',
                                'global_add_table', 'global_remove_seq', 'global_remove_table', 'global_update_seq',
                                'is_replica_func', 'local_add_seq', 'local_add_table', 'local_change_handler',
                                'local_remove_seq', 'local_remove_table', 'local_set_table_attrs',
                                'local_set_table_state', 'local_set_table_struct', 'local_show_missing',
                                'make_fqname', 'quote_fqname', 'restore_table_fkey', 'root_notify_change',
                                'set_session_replication_role', 'split_fqname', 'table_info_trigger'])
            union all
            select r.role_name,
                   unnest(array['_publish_seqs', 'periodic_maintenance', 'root_check_seqs'])
              from (values ('pgq_admin'), ('londiste_writer')) as r(role_name)
        )
        select distinct
               format('grant execute on function %s to %I', p.oid::regprocedure, w.role_name) as statement
          from wanted as w
          join pg_catalog.pg_roles as r
            on r.rolname = w.role_name
          join pg_catalog.pg_proc as p
            on p.proname = w.function_name
           and p.pronamespace = 'londiste'::regnamespace
        union all
        select format('grant select, insert, update, delete on table londiste.%I to pgq_admin', t.table_name)
          from (values ('table_info'), ('seq_info'), ('applied_execute'), ('pending_fkeys')) as t(table_name)
          join pg_catalog.pg_roles as r
            on r.rolname = 'pgq_admin'
        union all
        select format('grant usage on sequence londiste.%I to %I', s.sequence_name, r.rolname)
          from (values ('table_info_nr_seq'), ('seq_info_nr_seq')) as s(sequence_name)
          join pg_catalog.pg_roles as r
            on r.rolname in ('pgq_admin', 'londiste_writer')
    loop
        execute v_grant.statement;
    end loop;
end;
$$;
