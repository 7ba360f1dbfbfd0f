-- Function: pgq._write_truncate_event(6)
--
-- Writes the event of a TRUNCATE trigger, or refuses the truncate.
--
-- Raises:  XX000 for arguments that only row triggers know.
create or replace function pgq._write_truncate_event(
    i_table   oid,
    i_kind    text,
    i_timing  text,
    i_schema  text,
    i_name    text,
    i_args    text[]
)
returns void
language plpgsql
as $$
declare
    v_args   record;
    v_error  text;
begin
    v_args := pgq._trigger_arguments(i_args);
    v_error := case
        when v_args.is_skipped and i_timing = 'AFTER' then 'SKIP does not work in AFTER trigger.'
        when v_args.pkey is not null then 'Custom pkey_list does not make sense for truncate trigger'
        when v_args.ignored is not null then 'Column ignore does not make sense for truncate trigger'
        when v_args.has_backup then 'Backup does not make sense for truncate trigger'
        when v_args.field_names <> '{}' then 'Custom expressions do not make sense for truncater trigger'
        when v_args.is_denied then pg_catalog.format('Table ''%s.%s'' to queue ''%s'': change not allowed (TRUNCATE)',
                                                     i_schema, i_name, v_args.queue_name)
    end;
    if v_error is not null then
        raise exception using message = v_error, errcode = 'XX000';
    end if;
    if i_kind = 'jsontriga' then
        perform pgq.insert_event(
            v_args.queue_name,
            pg_catalog.format('{"op":"TRUNCATE","table":[%s,%s],"pkey":[%s]}',
                pg_catalog.to_json(i_schema), pg_catalog.to_json(i_name),
                (select pg_catalog.string_agg(pg_catalog.to_json(k.name)::text, ',' order by k.nr)
                   from pg_catalog.unnest(pgq._trigger_key(i_table)) with ordinality as k (name, nr))),
            '{}', i_schema || '.' || i_name, null, null, null);
    else
        perform pgq.insert_event(v_args.queue_name, 'R', '', i_schema || '.' || i_name, null, null, null);
    end if;
end;
$$;
