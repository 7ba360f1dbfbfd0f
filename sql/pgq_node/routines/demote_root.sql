-- Function: pgq_node.demote_root(3)
--
-- Makes a branch of a root, in three steps that are three transactions. Step 1 refuses further events. Step 2 waits
-- for writers that began before, then makes the last tick. Step 3, when the new root has completed that tick, makes
-- this node a branch that reads from it. Steps 1 and 2 are safe to repeat.
--
-- Returns: 200 with the last tick; 301 not a root; 404 no node of the queue.
-- Raises:  "steps in wrong order".
-- Locks:   step 2: all event tables of the queue, against writers; advisory (1885827445, queue id).
create or replace function pgq_node.demote_root(
    p_queue_name    text,
    p_step          integer,
    p_new_provider  text,
    out ret_code    integer,
    out ret_note    text,
    out last_tick   bigint
)
returns record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_node_type     text;
    v_worker_name   text;
    v_queue         record;
    v_event_seq     bigint;
begin
    select n.node_type,
           n.worker_name
      into v_node_type,
           v_worker_name
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name
       for update;
    if not found then
        ret_code := 404;
        ret_note := 'Unknown queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_node_type <> 'root' then
        ret_code := 301;
        ret_note := 'Node not root: ' || p_queue_name;
        return;
    end if;

    select q.queue_external_ticker and q.queue_disable_insert as is_closed,
           q.queue_id,
           q.queue_data_pfx,
           q.queue_event_seq,
           q.queue_tick_seq
      into v_queue
      from pgq.queue as q
     where q.queue_name = p_queue_name;
    if p_step in (2, 3) and not v_queue.is_closed then
        raise exception 'steps in wrong order';
    end if;

    if p_step = 1 then
        update pgq.queue as q
           set queue_external_ticker = true,
               queue_disable_insert = true
         where q.queue_name = p_queue_name;
        ret_note := 'Step 1: Writing disabled for: ' || p_queue_name;
    elsif p_step = 2 then
        if current_setting('transaction_isolation') <> 'read committed' then
            raise exception 'demote_root step 2 needs a snapshot that is younger than its lock: use read committed';
        end if;
        -- Whoever saw the queue open holds a lock on an event table until his commit. The tick must come after.
        execute format('lock table %s in exclusive mode', pgq.quote_fqname(v_queue.queue_data_pfx));
        -- A copy that saw the queue open may be making a tick: this one has the later snapshot, so it must have the later id.
        perform pg_advisory_xact_lock(1885827445, v_queue.queue_id);
        v_event_seq := pgq.seq_getval(v_queue.queue_event_seq);
        perform pgq.ticker(p_queue_name, nextval(pgq.quote_fqname(v_queue.queue_tick_seq)::regclass),
                           now(), v_event_seq);
        ret_note := 'Step 2: Inserted last tick: ' || p_queue_name;
    elsif p_step = 3 then
        update pgq_node.node_info as n
           set node_type = 'branch'
         where n.queue_name = p_queue_name;
        update pgq_node.local_state as s
           set provider_node = p_new_provider,
               last_tick_id = pgq_node._newest_tick(p_queue_name),
               cur_error = null,
               uptodate = false
         where s.queue_name = p_queue_name
           and s.consumer_name = v_worker_name;
        ret_note := 'Step 3: Demoted root to branch: ' || p_queue_name;
    else
        raise exception 'demote_root has steps 1 to 3, not %', p_step;
    end if;

    last_tick := pgq_node._newest_tick(p_queue_name);
    ret_code := 200;
end;
$$;
