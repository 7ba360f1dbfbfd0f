-- Rights on schema pgq: nothing for everybody but what is listed. Grants to roles that are missing are left out.
-- Safe to repeat.

select pgq.upgrade_schema();

do $$
declare
    v_grant  record;
begin
    for v_grant in
        select g.grantee, r.routine
          from (values
                   ('public', array[
                       'version()',
                       'quote_fqname(text)',
                       'seq_getval(text)',
                       -- A trigger that refuses a write, or runs while replication writes, needs no other right.
                       '_urlencode(text)',
                       '_output_text(anyelement)',
                       '_key_literal(text)',
                       '_trigger_signature(regclass)',
                       '_trigger_key(oid)',
                       '_trigger_arguments(text[])',
                       '_make_row_writer(oid, text, text[])',
                       '_row_writer_name(oid, text, text[])',
                       '_row_writer_call(text, oid, text[], integer)',
                       '_write_truncate_event(oid, text, text, text, text, text[])',
                       'get_queue_info()',
                       'get_queue_info(text)',
                       'get_consumer_info()',
                       'get_consumer_info(text)',
                       'get_consumer_info(text, text)'
                   ]),
                   ('pgq_reader', array[
                       'batch_event_sql(bigint)',
                       'batch_event_tables(bigint)',
                       'find_tick_helper(integer, bigint, timestamptz, bigint, bigint, interval)',
                       'register_consumer(text, text)',
                       'register_consumer_at(text, text, bigint)',
                       'unregister_consumer(text, text)',
                       'next_batch(text, text)',
                       'next_batch_info(text, text)',
                       'next_batch_custom(text, text, interval, integer, interval)',
                       'get_batch_events(bigint)',
                       'get_batch_info(bigint)',
                       'get_batch_cursor(bigint, text, integer)',
                       'get_batch_cursor(bigint, text, integer, text)',
                       'event_retry(bigint, bigint, timestamptz)',
                       'event_retry(bigint, bigint, integer)',
                       'batch_retry(bigint, integer)',
                       'force_tick(text)',
                       'finish_batch(bigint)'
                   ]),
                   ('pgq_writer', array[
                       'insert_event(text, text, text)',
                       'insert_event(text, text, text, text, text, text, text)',
                       'current_event_table(text)',
                       'logutriga()',
                       'sqltriga()',
                       'jsontriga()'
                   ]),
                   ('pgq_admin', array[
                       'ticker()',
                       'ticker(text)',
                       'ticker(text, bigint, timestamptz, bigint)',
                       'maint_retry_events()',
                       'maint_rotate_tables_step1(text)',
                       'maint_rotate_tables_step2()',
                       'maint_tables_to_vacuum()',
                       'maint_operations()',
                       'upgrade_schema()',
                       'grant_perms(text)',
                       '_grant_perms_from(text, text, text, text)',
                       'tune_storage(text)',
                       'seq_setval(text, bigint)',
                       'create_queue(text)',
                       'drop_queue(text)',
                       'drop_queue(text, boolean)',
                       'set_queue_config(text, text, text)',
                       '_count_event(text, integer, integer)',
                       '_refuse_event(integer, text)',
                       'insert_event_raw(text, bigint, timestamptz, integer, integer, text, text, text, text, text, text)',
                       'event_retry_raw(text, text, timestamptz, bigint, timestamptz, integer, text, text, text, text, text, text)'
                   ]),
                   -- Called by our own routines only.
                   ('owner', array[
                       '_tick_if_due(integer)',
                       '_make_insert_event()',
                       '_close_table()',
                       '_open_tables()',
                       '_equality_operator(oid)',
                       '_bind_columns(text, text[], text)',
                       '_row_writer_columns(oid, text[], text[], boolean)',
                       '_urlencoded_row(text[], text[], text[], boolean[], text)',
                       '_json_row(text[], text[], text)',
                       '_row_writer_source(regclass, text, text[])',
                       '_row_writer_pattern(text)',
                       '_make_generic_triggers()'
                   ])
               ) as g (grantee, routines)
         cross join lateral pg_catalog.unnest(g.routines) as r (routine)
    loop
        execute 'revoke execute on function pgq.' || v_grant.routine || ' from public';
        if v_grant.grantee = 'public'
           or exists (select from pg_catalog.pg_roles as p where p.rolname = v_grant.grantee)
        then
            execute 'grant execute on function pgq.' || v_grant.routine || ' to ' || v_grant.grantee;
        end if;
    end loop;

    grant usage on schema pgq to public;
    grant select on pgq.consumer, pgq.queue, pgq.tick, pgq.subscription to public;
    if exists (select from pg_catalog.pg_roles as p where p.rolname = 'pgq_reader') then
        grant select on pgq.consumer, pgq.queue, pgq.tick, pgq.subscription, pgq.event_template to pgq_reader;
    end if;
    if exists (select from pg_catalog.pg_roles as p where p.rolname = 'pgq_admin') then
        grant select, insert, update, delete
           on pgq.consumer, pgq.queue, pgq.tick, pgq.subscription, pgq.retry_queue
           to pgq_admin;
        grant select, insert, truncate on pgq.event_template to pgq_admin;
    end if;
end;
$$;
