-- Function: pgq.batch_event_sql(1)
--
-- The query for the events of an open batch: those whose transactions are in the snapshot of its end but not in
-- the snapshot of its start. These are the transactions that began after the start and have ended, read as one range
-- of the index on ev_txid; and the ones that ran at the start and have ended since, looked up one by one, so that a
-- transaction that runs for hours costs each batch one look into the index and not a scan of all that came meanwhile.
--
-- The lookups stand in a lateral subquery with an offset: the tables have no statistics, and as a list of
-- constants or as a join the planner would take them for a reason to read whole tables.
--
-- Returns: text, a select of ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1 ... ev_extra4, ordered by
--          ev_id. It may be used as a subquery, in this transaction.
-- Raises:  'batch not found'; 'Cannot find data for batch ...'; 'could not construct sql for batch ...'.
create or replace function pgq.batch_event_sql(
    x_batch_id  bigint
)
returns text
language plpgsql
set enable_seqscan = off
as $$
declare
    v_columns  constant text := 'e.ev_id, e.ev_time, e.ev_txid, e.ev_retry, e.ev_type, e.ev_data, '
                                'e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4';
    v_sub_id   int4;
    v_prev     txid_snapshot;
    v_next     txid_snapshot;
    v_start    bigint;
    v_end      bigint;
    v_running  boolean;
    v_ended    bigint[];
    v_owner    text;
    v_table    text;
    v_sql      text := '';
begin
    select s.sub_id, p.tick_snapshot, n.tick_snapshot
      into v_sub_id, v_prev, v_next
      from (select * from pgq.subscription as b where b.sub_batch = x_batch_id limit 1) as s
      left join pgq.tick as p on p.tick_queue = s.sub_queue and p.tick_id = s.sub_last_tick
      left join pgq.tick as n on n.tick_queue = s.sub_queue and n.tick_id = s.sub_next_tick;
    if not found then
        raise exception 'batch not found';
    end if;
    if v_prev is null or v_next is null then
        raise exception 'Cannot find data for batch %', x_batch_id;
    end if;

    v_start := pg_catalog.txid_snapshot_xmax(v_prev);
    v_end := pg_catalog.txid_snapshot_xmax(v_next);
    v_running := exists (select from pg_catalog.txid_snapshot_xip(v_next) as x where x >= v_start);
    v_ended := array(
        select x
          from pg_catalog.txid_snapshot_xip(v_prev) as x
         where pg_catalog.txid_visible_in_snapshot(x, v_next)
    );
    v_owner := '(e.ev_owner is null or e.ev_owner = ' || v_sub_id::text || ')';

    for v_table in select t from pgq.batch_event_tables(x_batch_id) as t loop
        v_sql := v_sql
            || case when v_sql = '' then '' else ' union all ' end
            || 'select ' || v_columns || ' from ' || v_table || ' as e'
            || ' where e.ev_txid >= ' || v_start::text || ' and e.ev_txid < ' || v_end::text;
        if v_running then
            v_sql := v_sql || ' and pg_catalog.txid_visible_in_snapshot(e.ev_txid, '
                || pg_catalog.quote_literal(v_next::text) || '::pg_catalog.txid_snapshot)';
        end if;
        v_sql := v_sql || ' and ' || v_owner;
        if v_ended <> '{}' then
            v_sql := v_sql
                || ' union all select ' || v_columns
                || ' from pg_catalog.unnest(' || pg_catalog.quote_literal(v_ended::text) || '::int8[]) as x (txid),'
                || ' lateral (select * from ' || v_table || ' as e where e.ev_txid = x.txid offset 0) as e'
                || ' where ' || v_owner;
        end if;
    end loop;
    if v_sql = '' then
        raise exception 'could not construct sql for batch %', x_batch_id;
    end if;
    return 'select * from (' || v_sql || ') as b order by ev_id';
end;
$$;
