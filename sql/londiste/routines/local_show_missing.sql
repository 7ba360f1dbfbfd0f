-- Function: londiste.local_show_missing(1)
--
-- Lists what could be added on this node: on the root the tables and sequences of the database that are not
-- registered, on any other node those that the root has registered and this node has not added. Partitions are not
-- listed, their parent stands for them; nor are temporary objects and those of replication itself.
--
-- Returns: obj_kind r (table, plain or partitioned) or S (sequence), and the name; tables first.
-- Raises:  when this database is no node of the queue.
create or replace function londiste.local_show_missing(
    p_queue_name    text,
    out obj_kind    text,
    out obj_name    text
)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if pgq_node.is_root_node(p_queue_name) then
        return query
        select o.kind,
               o.name
          from (select case when c.relkind = 'S' then 'S' else 'r' end as kind,
                       n.nspname || '.' || c.relname as name
                  from pg_catalog.pg_class as c
                  join pg_catalog.pg_namespace as n
                    on n.oid = c.relnamespace
                 where c.relkind in ('r', 'p', 'S')
                   and not c.relispartition
                   and c.relpersistence <> 't'
                   and n.nspname not in ('pgq', 'pgq_ext', 'pgq_coop', 'pgq_node', 'londiste', 'pgcascade',
                                         'pg_catalog', 'information_schema', 'pg_toast')
                   and n.nspname !~ '^pg_(temp|toast_temp)_') as o
         where not exists (select
                             from londiste.table_info as t
                            where o.kind = 'r'
                              and t.queue_name = p_queue_name
                              and t.local
                              and coalesce(t.dest_table, t.table_name) = o.name)
           and not exists (select
                             from londiste.seq_info as s
                            where o.kind = 'S'
                              and s.queue_name = p_queue_name
                              and s.local
                              and s.seq_name = o.name)
         order by o.kind = 'S', o.name collate "C";
    else
        return query
        select 'r'::text,
               t.table_name
          from londiste.table_info as t
         where t.queue_name = p_queue_name
           and not t.local
         order by t.table_name collate "C";
        return query
        select 'S'::text,
               s.seq_name
          from londiste.seq_info as s
         where s.queue_name = p_queue_name
           and not s.local
         order by s.seq_name collate "C";
    end if;
end;
$$;
