-- Function: pgcascade.set_compare_result(6)
--
-- Records what compare found of a table or sequence. May be repeated: the last one stays.
--
-- Returns: nothing.
-- Raises:  nothing.
-- Locks:   the row in pgcascade.compare_result.
create or replace function pgcascade.set_compare_result(
    p_queue_name   text,
    p_object_name  text,
    p_tick_id      bigint,
    p_verdict      text,
    p_scope        text,
    p_detail       text
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into pgcascade.compare_result as c (queue_name, object_name, tick_id, compared_at, verdict, scope, detail)
    values (p_queue_name, p_object_name, p_tick_id, pg_catalog.clock_timestamp(), p_verdict, p_scope, p_detail)
    on conflict on constraint compare_result_pkey do update
       set tick_id = excluded.tick_id,
           compared_at = excluded.compared_at,
           verdict = excluded.verdict,
           scope = excluded.scope,
           detail = excluded.detail;
$$;


-- Function: pgcascade.compare_results(1)
--
-- The last compare of each table and sequence that is replicated on this node, for status.
--
-- Returns: one row for each that was ever compared.
-- Raises:  nothing.
-- Locks:   none.
create or replace function pgcascade.compare_results(
    p_queue_name     text,
    out object_name  text,
    out tick_id      bigint,
    out compared_at  timestamptz,
    out verdict      text,
    out scope        text,
    out detail       text
)
returns setof record
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select c.object_name, c.tick_id, c.compared_at, c.verdict, c.scope, c.detail
      from pgcascade.compare_result as c
     where c.queue_name = p_queue_name
       and (exists (select
                      from londiste.table_info as t
                     where t.queue_name = p_queue_name
                       and t.table_name = c.object_name
                       and t.local)
            or exists (select
                         from londiste.seq_info as s
                        where s.queue_name = p_queue_name
                          and s.seq_name = c.object_name
                          and s.local))
     order by c.object_name;
$$;
