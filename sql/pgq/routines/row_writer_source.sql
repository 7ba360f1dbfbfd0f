-- Function: pgq._row_writer_source(3)
--
-- The body of the function that writes the events of one table for one generic trigger: static PL/pgSQL over the
-- table's columns. Its parameters are the operation, the row that the event is about, the old row.
-- It returns 0 when the table has changed since (nothing was written), 2 when the trigger has to suppress the write,
-- else 1.
--
-- Returns: text.
-- Raises:  as pgq._trigger_arguments(1) and pgq._row_writer_columns(3).
create or replace function pgq._row_writer_source(
    i_table  regclass,
    i_kind   text,
    i_args   text[]
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_args        record;
    v_columns     record;
    v_name        record;
    v_key         text[];
    v_key_list    text;
    v_has_key     boolean;
    v_type        text;
    v_data        text;
    v_backup      text;
    v_text        text := '';
    v_field       text;
    v_expression  text;
begin
    v_args := pgq._trigger_arguments(i_args);
    select n.nspname as schema_name,
           c.relname as table_name
      into v_name
      from pg_class as c
      join pg_namespace as n
        on n.oid = c.relnamespace
     where c.oid = i_table;
    v_key := case when v_args.pkey is null then pgq._trigger_key(i_table) else string_to_array(v_args.pkey, ',') end;
    if v_args.pkey = '' then
        v_key := array[''];
    end if;
    v_key_list := array_to_string(v_key, ',');
    v_has_key := v_key_list <> '';

    select array_agg(c.column_name) as names,
           string_agg(c.differs, ' or ') filter (where c.is_key) as key_differs,
           string_agg(c.differs, ' or ') filter (where c.is_ignored) as ignored_differs,
           string_agg(c.differs, ' or ') filter (where not c.is_ignored) as other_differs,
           pgq._urlencoded_row(array_agg(c.column_name) filter (where c.is_data),
                               array_agg(c.plain) filter (where c.is_data),
                               array_agg(c.url_part) filter (where c.is_data),
                               array_agg(c.is_free) filter (where c.is_data), 'pgq_data') as url_row,
           pgq._urlencoded_row(array_agg(c.column_name) filter (where c.is_data),
                               array_agg(c.old_plain) filter (where c.is_data),
                               array_agg(c.old_url_part) filter (where c.is_data),
                               array_agg(c.is_free) filter (where c.is_data), 'pgq_extra2') as old_url_row,
           pgq._json_row(array_agg(c.column_name) filter (where c.is_data),
                         array_agg(c.json_part) filter (where c.is_data), 'pgq_data') as json_row,
           pgq._json_row(array_agg(c.column_name) filter (where c.is_data),
                         array_agg(c.old_json_part) filter (where c.is_data), 'pgq_extra2') as old_json_row,
           string_agg(quote_ident(c.column_name), ',') filter (where c.is_data) as insert_columns,
           string_agg(format('coalesce(pg_catalog.quote_literal(%s), ''null'')', c.plain), ' || '','' || ')
               filter (where c.is_data) as insert_values,
           string_agg(format($code$
        if (%s) then
            pgq_data := pgq_data || %L || coalesce(pg_catalog.quote_literal(%s), 'NULL') || ',';
        end if;$code$, c.differs, quote_ident(c.column_name) || '=', c.plain), '')
               filter (where c.is_data and not c.is_key) as update_steps,
           string_agg(c.key_part, ' || '' and '' || ') filter (where c.is_key) as key_parts,
           (array_agg(c.key_part) filter (where c.is_key))[1] as first_key,
           array_agg(c.magic_field) filter (where c.magic_field is not null) as magic_fields,
           array_agg(c.plain) filter (where c.magic_field is not null) as magic_values
      into v_columns
      from (
               select r.*,
                      r.magic_field is null and not r.is_ignored as is_data,
                      format('%L || pgq._key_literal(%s)', quote_ident(r.column_name) || '=', r.old_plain) as key_part
                 from pgq._row_writer_columns(i_table, v_key, v_args.ignored,
                                              i_kind = 'sqltriga' or v_args.ignored is not null) as r
                order by r.column_nr
           ) as c;

    if i_kind = 'jsontriga' then
        v_type := format('''{"op":"'' || pgq_operation || %L',
            format('","table":[%s,%s],"pkey":%s}', to_json(v_name.schema_name), to_json(v_name.table_name),
                   (select coalesce('[' || string_agg(to_json(k.name)::text, ',' order by k.nr) || ']', '[]')
                      from unnest(v_key) with ordinality as k (name, nr))));
        v_data := v_columns.json_row;
        v_backup := v_columns.old_json_row;
    else
        v_type := case i_kind
            when 'logutriga' then format('pg_catalog."left"(pgq_operation, 1) || %L', ':' || v_key_list)
            else 'pg_catalog."left"(pgq_operation, 1)'
        end;
        v_data := v_columns.url_row;
        v_backup := v_columns.old_url_row;
    end if;

    -- What is checked before anything is computed, in PgQ's order.
    if v_args.is_denied then
        v_text := v_text || format($code$
    raise exception using message = %L || pgq_operation || ')', errcode = 'XX000';$code$,
            format('Table ''%s.%s'' to queue ''%s'': change not allowed (', v_name.schema_name, v_name.table_name,
                   v_args.queue_name));
    end if;
    if not v_has_key then
        v_text := v_text || $code$
    if pgq_operation <> 'INSERT' then
        raise exception using message = 'Update/Delete on table without pkey', errcode = 'XX000';
    end if;$code$;
    elsif v_columns.key_differs is not null then
        v_text := v_text || format($code$
    if pgq_operation = 'UPDATE' and (%s) then
        raise exception using message = 'primary key update not allowed', errcode = 'XX000';
    end if;$code$, v_columns.key_differs);
    end if;
    if v_columns.ignored_differs is not null then
        v_text := v_text || format($code$
    if pgq_operation = 'UPDATE' and (%s) and not (%s) then
        return %s;
    end if;$code$, v_columns.ignored_differs, coalesce(v_columns.other_differs, 'false'),
            case when v_args.is_skipped then 2 else 1 end);
    end if;

    for v_field, v_expression in
        select f.name, f.value
          from unnest(v_args.field_names, v_args.field_values) as f (name, value)
         where f.name = 'when'
    loop
        if v_expression = '' then
            v_text := v_text || $code$
    raise exception using message = 'when= query result must be boolean, got=0', errcode = 'XX000';$code$;
            continue;
        end if;
        v_text := v_text || format($code$
    select pg_catalog.pg_typeof(x.c)::pg_catalog.oid, pgq._output_text(x.c)
      into pgq_result_type, pgq_result
      from (select %s) as x (c);
    if pgq_result_type <> 16 then
        raise exception using message = 'when= query result must be boolean, got=' || pgq_result_type, errcode = 'XX000';
    elsif pgq_result is null then
        raise exception using message = 'when= should not be NULL', errcode = 'XX000';
    elsif pgq_result = 'f' then
        return %s;
    end if;$code$, pgq._bind_columns(v_expression, v_columns.names, 'pgq_new'),
            case when v_args.is_skipped then 2 else 1 end);
    end loop;

    v_text := v_text || format($code$
    pgq_type := %s;$code$, v_type);
    if i_kind = 'sqltriga' then
        v_text := v_text || format($code$
    if pgq_operation = 'INSERT' then
        pgq_data := %L || %s || ')';
    elsif pgq_operation = 'UPDATE' then
        pgq_data := '';%s
        pgq_data := case when pgq_data = '' then %s else pg_catalog.rtrim(pgq_data, ',') end || ' where ' || %s;
    else
        pgq_data := %s;
    end if;$code$,
            format('(%s) values (', coalesce(v_columns.insert_columns, '')), coalesce(v_columns.insert_values, ''''''),
            coalesce(v_columns.update_steps, ''),
            coalesce(v_columns.first_key, 'pgq._key_literal(null)'),
            coalesce(v_columns.key_parts, ''''''),
            coalesce(v_columns.key_parts, ''''''));
    else
        v_text := v_text || v_data;
    end if;
    if v_args.has_backup then
        v_text := v_text || format($code$
    if pgq_operation = 'UPDATE' then%s
    end if;$code$, v_backup);
    end if;

    for v_field, v_expression in
        select m.name, m.value
          from unnest(v_columns.magic_fields, v_columns.magic_values) as m (name, value)
    loop
        v_text := v_text || format($code$
    pgq_%s := %s;$code$, substr(v_field, 4), v_expression);
    end loop;
    for v_field, v_expression in
        select f.name, f.value
          from unnest(v_args.field_names, v_args.field_values) as f (name, value)
         where f.name <> 'when'
    loop
        v_text := v_text || case
            when v_expression = '' then format($code$
    pgq_%s := null;$code$, substr(v_field, 4))
            else format($code$
    select pgq._output_text(x.c)
      into pgq_%s
      from (select %s) as x (c);
    if not found then
        raise exception using message = 'Expect 1 row from override query, got 0', errcode = 'XX000';
    end if;$code$, substr(v_field, 4), pgq._bind_columns(v_expression, v_columns.names, 'pgq_new'))
        end;
    end loop;

    return format($code$
declare
    pgq_operation    alias for $1;
    pgq_new          alias for $2;
    pgq_old          alias for $3;
    pgq_result       text;
    pgq_result_type  oid;
    pgq_type         text;
    pgq_data         text;
    pgq_extra1       text := %L;
    pgq_extra2       text;
    pgq_extra3       text;
    pgq_extra4       text;
    pgq_event_id     bigint;
begin
    if pgq._trigger_signature(%L::pg_catalog.regclass) is distinct from %L then
        return 0;
    end if;%s
    pgq_event_id := pgq.insert_event(%L, pgq_type, pgq_data, pgq_extra1, pgq_extra2, pgq_extra3, pgq_extra4);
    return %s;
end;
$code$, v_name.schema_name || '.' || v_name.table_name, i_table::oid::text, pgq._trigger_signature(i_table), v_text,
        v_args.queue_name, case when v_args.is_skipped then 2 else 1 end);
end;
$$;
