-- Function: pgq._grant_perms_from(4)
--
-- Gives a table the rights that another one has. Adds only; safe to repeat.
--
-- Returns: integer, how many rights were given.
create or replace function pgq._grant_perms_from(
    src_schema  text,
    src_table   text,
    dst_schema  text,
    dst_table   text
)
returns integer
language plpgsql
as $$
declare
    v_acl    record;
    v_count  integer := 0;
begin
    for v_acl in
        select case
                   when a.grantee = 0 then 'public'
                   else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee))
               end as grantee,
               a.privilege_type,
               a.is_grantable
          from pg_catalog.pg_class as c
          join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         cross join lateral pg_catalog.aclexplode(c.relacl) as a
         where n.nspname = src_schema
           and c.relname = src_table
           and a.grantee <> c.relowner
    loop
        execute pg_catalog.format(
            'grant %s on %I.%I to %s%s',
            v_acl.privilege_type,
            dst_schema,
            dst_table,
            v_acl.grantee,
            case when v_acl.is_grantable then ' with grant option' else '' end
        );
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;

-- Function: pgq.grant_perms(1)
--
-- Gives the event tables of a queue the rights of pgq.event_template, and its sequences the rights that readers and
-- writers need. Roles that are not there are passed over. Safe to repeat.
--
-- Returns: integer, 1.
-- Raises:  'Queue not found'.
create or replace function pgq.grant_perms(
    x_queue_name  text
)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue  pgq.queue%rowtype;
    v_table  text;
begin
    select *
      into v_queue
      from pgq.queue as q
     where q.queue_name = x_queue_name;
    if not found then
        raise exception 'Queue not found';
    end if;

    execute pg_catalog.format(
        'grant select on %s, %s, %s to public',
        pgq.quote_fqname(v_queue.queue_event_seq),
        pgq.quote_fqname(v_queue.queue_tick_seq),
        pgq.quote_fqname(v_queue.queue_data_pfx || '_open_seq')
    );
    if exists (select from pg_catalog.pg_roles where rolname = 'pgq_admin') then
        execute pg_catalog.format('grant usage on %s to pgq_admin', pgq.quote_fqname(v_queue.queue_event_seq));
    end if;

    for v_table in
        select v_queue.queue_data_pfx
         union all
        select v_queue.queue_data_pfx || '_' || i::text
          from pg_catalog.generate_series(0, v_queue.queue_ntables - 1) as i
    loop
        perform pgq._grant_perms_from(
            'pgq',
            'event_template',
            pg_catalog.split_part(v_table, '.', 1),
            pg_catalog.substr(v_table, pg_catalog.strpos(v_table, '.') + 1)
        );
    end loop;
    return 1;
end;
$$;
