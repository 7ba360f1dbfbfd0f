-- Function: londiste.execute_finish(2)
--
-- Ends what londiste.execute_start began; on the root all nodes get the script by an event. Settings that the script
-- was run under and that nodes are to use too stand in pgcascade.script_settings, urlencoded; they become ev_extra3.
--
-- Returns: 200; 404 the script was not started.
create or replace function londiste.execute_finish(
    p_queue_name    text,
    p_file_name     text,
    out ret_code    integer,
    out ret_note    text
)
returns record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sql   text;
    v_attrs text;
begin
    select e.execute_sql,
           e.execute_attrs
      into v_sql,
           v_attrs
      from londiste.applied_execute as e
     where e.queue_name = p_queue_name
       and e.execute_file = p_file_name;
    if not found then
        ret_code := 404;
        ret_note := 'Execute was not started: ' || p_file_name;
        return;
    end if;

    if pgq_node.is_root_node(p_queue_name) then
        perform pgq.insert_event(p_queue_name, 'EXECUTE', v_sql, p_file_name, coalesce(v_attrs, ''),
                                 nullif(current_setting('pgcascade.script_settings', true), ''), null);
    end if;
    ret_code := 200;
    ret_note := 'Execute finished: ' || p_file_name;
end;
$$;
