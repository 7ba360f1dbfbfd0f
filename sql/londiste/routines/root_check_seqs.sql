-- Function: londiste._publish_seqs(3)
--
-- Publishes one sequence of the root (p_seq_name) or all of them (null) as londiste.root_check_seqs(2) says. Safe to
-- repeat: nothing is sent when nothing has changed.
--
-- Returns: nothing.
-- Locks:   the rows in londiste.seq_info that it publishes.
create or replace function londiste._publish_seqs(
    p_queue_name    text,
    p_buffer        bigint,
    p_seq_name      text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seq   record;
    v_sign  integer;
    v_real  bigint;
    v_room  numeric;
    v_step  numeric;
    v_ahead bigint;
begin
    for v_seq in
        select i.seq_name,
               i.last_value as published,
               c.oid::regclass as relation,
               s.seqincrement,
               s.seqmin,
               s.seqmax,
               pg_sequence_last_value(c.oid::regclass) as given_out
          from londiste.seq_info as i
          -- As londiste.split_fqname does it, which would be a function call per sequence.
          join pg_catalog.pg_namespace as n
            on n.nspname = left(i.seq_name, strpos(i.seq_name, '.') - 1)::name
          join pg_catalog.pg_class as c
            on c.relnamespace = n.oid
           and c.relname = substr(i.seq_name, strpos(i.seq_name, '.') + 1)::name
           and c.relkind = 'S'
          join pg_catalog.pg_sequence as s
            on s.seqrelid = c.oid
         where i.queue_name = p_queue_name
           and i.local
           and (p_seq_name is null or i.seq_name = p_seq_name)
         order by i.nr, i.seq_name
    loop
        v_real := v_seq.given_out;
        if v_real is null then
            -- Nothing was given out yet: only the relation itself knows where it will begin.
            execute format('select s.last_value from %s as s', v_seq.relation) into v_real;
        end if;

        v_sign := sign(v_seq.seqincrement)::integer;
        v_room := case when v_sign > 0 then v_seq.seqmax::numeric - v_real else v_real::numeric - v_seq.seqmin end;
        v_step := least(greatest(3 * p_buffer::numeric, abs(v_seq.seqincrement::numeric)), floor(v_room / 2));
        -- Whole increments only: sequences that share a range by their remainder must keep it.
        v_step := greatest(0, v_step - v_step % abs(v_seq.seqincrement::numeric));
        v_ahead := (v_real + v_sign * v_step)::bigint;

        if (v_seq.published::numeric - v_real) * v_sign <= least(p_buffer, floor(v_step / 3))
           and (v_ahead > v_seq.published) = (v_sign > 0)
           and v_ahead <> v_seq.published then
            -- Another session may have published meanwhile: only one of the two sends.
            update londiste.seq_info as i
               set last_value = v_ahead
             where i.queue_name = p_queue_name
               and i.seq_name = v_seq.seq_name
               and i.last_value = v_seq.published;
            if found then
                perform pgq.insert_event(p_queue_name, 'londiste.update-seq', v_ahead::text,
                                         v_seq.seq_name, null, null, null);
            end if;
        end if;
    end loop;
end;
$$;

-- Function: londiste.root_check_seqs(2)
--
-- Publishes sequences of the root whose real value has come within p_buffer of the value that was published last.
-- What is published lies three buffers ahead in the direction of the sequence, so that a node that takes over gives
-- out no value twice. Near the end of its range a sequence is published at most half way to the end, and a value is
-- never published backwards: a sequence that began a new cycle is left where it was. A sequence that is not there
-- any more is passed over. Safe to repeat: nothing is sent when nothing has changed.
--
-- Returns: 100; 402 not the root; 404 this database is no node of the queue.
-- Locks:   the rows in londiste.seq_info that it publishes.
create or replace function londiste.root_check_seqs(
    p_queue_name    text,
    p_buffer        bigint,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_node_type text;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 404;
        ret_note := 'Queue not found: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_node_type <> 'root' then
        ret_code := 402;
        ret_note := 'Not a root node: ' || p_queue_name;
        return;
    end if;

    perform londiste._publish_seqs(p_queue_name, greatest(coalesce(p_buffer, 10000), 10000), null);
    ret_code := 100;
    ret_note := 'Sequences updated';
end;
$$;

-- Function: londiste.root_check_seqs(1)
--
-- Like root_check_seqs(2) with the default buffer.
create or replace function londiste.root_check_seqs(
    p_queue_name    text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language sql
set search_path = pg_catalog, pg_temp
as $$
    select f.ret_code,
           f.ret_note
      from londiste.root_check_seqs(p_queue_name, 10000) as f;
$$;
