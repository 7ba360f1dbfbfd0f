-- Function: londiste.local_add_seq(2)
--
-- Lets this node take part in the replication of a sequence. The root registers it and publishes a value; any other
-- node must know it from the root and moves its own forward to the published value. Safe to repeat.
--
-- Returns: 200 added; 201 it was added before; 400 no node of the queue, or no such sequence in the database;
--          404 the root has not registered it.
create or replace function londiste.local_add_seq(
    p_queue_name    text,
    p_seq_name      text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seq_name      text := londiste.make_fqname(p_seq_name);
    v_seq_oid       oid := londiste.find_seq_oid(p_seq_name);
    v_node_type     text;
    v_known         record;
    v_real          bigint;
    v_behind        bigint;
begin
    select n.node_type
      into v_node_type
      from pgq_node.node_info as n
     where n.queue_name = p_queue_name;
    if not found then
        ret_code := 400;
        ret_note := 'No such queue: ' || coalesce(p_queue_name, 'null');
        return;
    end if;
    if v_seq_oid is null then
        ret_code := 400;
        ret_note := 'Sequence not found: ' || coalesce(v_seq_name, 'null');
        return;
    end if;

    select i.local,
           i.last_value
      into v_known
      from londiste.seq_info as i
     where i.queue_name = p_queue_name
       and i.seq_name = v_seq_name
       for update;
    if found and v_known.local then
        ret_code := 201;
        ret_note := 'Sequence already added: ' || v_seq_name;
        return;
    end if;

    if v_node_type = 'root' then
        -- One value behind the real one, so that _publish_seqs has something to publish in any case. Where there
        -- is no value behind, there is so much room ahead that it has too.
        execute format('select s.last_value from %s as s', v_seq_oid::regclass) into v_real;
        select case when s.seqincrement > 0
                    then v_real - (v_real > -9223372036854775808)::integer
                    else v_real + (v_real < 9223372036854775807)::integer
               end
          into v_behind
          from pg_catalog.pg_sequence as s
         where s.seqrelid = v_seq_oid;

        insert into londiste.seq_info (queue_name, seq_name, local, last_value)
        values (p_queue_name, v_seq_name, true, v_behind)
        on conflict on constraint seq_info_pkey do update
           set local = true,
               last_value = excluded.last_value;
        perform londiste._publish_seqs(p_queue_name, 10000, v_seq_name);
    else
        if v_known.local is null then
            ret_code := 404;
            ret_note := 'Sequence not available on queue: ' || v_seq_name;
            return;
        end if;
        update londiste.seq_info as i
           set local = true
         where i.queue_name = p_queue_name
           and i.seq_name = v_seq_name;
        perform londiste._advance_seq(v_seq_name, v_known.last_value);
    end if;

    ret_code := 200;
    ret_note := 'Sequence added: ' || v_seq_name;
end;
$$;
