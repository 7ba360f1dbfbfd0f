-- Function: pgcascade.capture_pair(4)
--
-- The SQL of one column in urlencoded data, as PgQ's logutriga writes it: `name=value`, `name` alone for null.
--
-- Returns: an expression of type text over the column of the lateral subquery p_as.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_pair(
    p_follows   boolean,
    p_column    text,
    p_relation  oid,
    p_as        text
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $q$%L || coalesce('=' || %s(%s), '')$q$,
        case when p_follows then '&' else '' end || pgcascade.urlencode(p_column),
        -- That of our own pgq is the faster one; a stock PgQ has none.
        case when to_regprocedure('pgq._urlencode(text)') is null then 'pgcascade.urlencode' else 'pgq._urlencode' end,
        format(
            -- The casts to text of these two are not what the types write.
            case b.oid
                when 'bool'::regtype then $q$case when %1$I.%2$I then 't' when not %1$I.%2$I then 'f' end$q$
                when 'bpchar'::regtype then 'textin(bpcharout(%1$I.%2$I))'
                else '%1$I.%2$I::text'
            end,
            p_as, p_column
        )
    )
      from pg_attribute as a
     cross join lateral pgcascade.base_type(a.atttypid) as b
     where a.attrelid = p_relation
       and a.attname = p_column;
$$;

-- Function: pgcascade.capture_row(5)
--
-- The SQL of one row as an event's data in a capture format, in two parts that belong together: a lateral subquery with
-- the columns as they travel, and the expression that turns it into text.
--
-- Returns: one row: `source`, to be used as `cross join lateral (<source>) as <p_as>`, and `row_text`, of type text.
--          Only the columns p_only when that is not null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_row(
    p_format    text,
    p_relation  oid,
    p_alias     text,
    p_as        text,
    p_only      text[],
    out source    text,
    out row_text  text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'select ' || coalesce(string_agg(format('%s as %I', c.expression, c.column_name), ', ' order by c.position), ''),
           case
               when p_format = 'urlenc'
               then coalesce(
                   string_agg(
                       pgcascade.capture_pair(c.position > 1, c.column_name, p_relation, p_as), ' || ' order by c.position
                   ),
                   quote_literal('')
               )
               when count(*) = 0 then $q$'{}'$q$
               else format('row_to_json(%I.*)::text', p_as)
           end
      from (
          select column_name, expression, row_number() over () as position
            from pgcascade.capture_columns(p_relation, p_alias)
           where p_only is null
              or column_name = any (p_only)
      ) as c;
$$;

-- Function: pgcascade.capture_key(3)
--
-- The SQL expression of a row's key as one canonical text: the value's text, or that of a row of the values.
--
-- Returns: an expression of type text over the row alias p_alias; `null::text` without a key.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_key(
    p_relation     oid,
    p_alias        text,
    p_key_columns  text[]
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case cardinality(p_key_columns)
               when 0 then 'null::text'
               when 1 then max(c.expression) || '::text'
               else format('row(%s)::text', string_agg(c.expression, ', ' order by array_position(p_key_columns, c.column_name)))
           end
      from pgcascade.capture_columns(p_relation, p_alias) as c
     where c.column_name = any (p_key_columns);
$$;

-- Function: pgcascade.capture_changed(3)
--
-- The SQL condition that two rows of a table differ in a column that is replicated, byte for byte.
--
-- Returns: an expression of type boolean over the two row aliases.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_changed(
    p_relation  oid,
    p_one       text,
    p_other     text
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The cast keeps the parser from comparing column by column, for which json and others have no operator.
    select format(
        'row(%s)::record operator(pg_catalog.*<>) row(%s)::record',
        coalesce(string_agg(format('%s.%I', p_one, c.column_name), ', '), 'null'),
        coalesce(string_agg(format('%s.%I', p_other, c.column_name), ', '), 'null')
    )
      from pgcascade.capture_columns(p_relation, p_one) as c;
$$;

-- Function: pgcascade.capture_event_type(4)
--
-- The ev_type of an event in a capture format: the operation, the table and its key as compact JSON, as PgQ's jsontriga
-- writes it, or the operation's letter and the key, as its logutriga does.
--
-- Returns: text.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_event_type(
    p_format       text,
    p_operation    text,
    p_table_name   text,
    p_key_columns  text[]
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_format = 'urlenc' and p_operation = 'TRUNCATE' then 'R'
        when p_format = 'urlenc' then left(p_operation, 1) || ':' || array_to_string(p_key_columns, ',')
        else format(
            '{"op":"%s","table":[%s,%s],"pkey":[%s]}',
            p_operation,
            to_json(split_part(p_table_name, '.', 1)),
            to_json(substr(p_table_name, strpos(p_table_name, '.') + 1)),
            (select coalesce(string_agg(to_json(k.name)::text, ',' order by k.position), '')
               from unnest(p_key_columns) with ordinality as k(name, position))
        )
    end;
$$;

-- Function: pgcascade.capture_insert(9)
--
-- The SQL of one event insert: a select over the given source whose rows become events.
--
-- Returns: a statement ending in a semicolon.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_insert(
    p_events    text,
    p_type      text,
    p_data      text,
    p_extra1    text,
    p_extra2    text,
    p_extra3    text,
    p_from      text
)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        E'        insert into %s (ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3)\n'
        '        select now(), %s, %s, %s, %s, %s%s;',
        p_events, p_type, p_data, p_extra1, p_extra2, p_extra3, E'\n          from ' || nullif(p_from, '')
    );
$$;

-- Function: pgcascade.capture_by_statement(6)
--
-- The body of one generated statement trigger function for one event table: static SQL over the transition tables
-- new_rows and old_rows. p_operation: INSERT, UPDATE, DELETE or TRUNCATE.
--
-- An update is a full join of old and new rows by key: a key on both sides is an UPDATE, one that went is a DELETE,
-- one that came is an INSERT, whatever the statement did to the keys (`set id = id + 1` too).
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_by_statement(
    p_format       text,
    p_operation    text,
    p_relation     oid,
    p_table_name   text,
    p_key_columns  text[],
    p_events       text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type   text := quote_literal(pgcascade.capture_event_type(p_format, p_operation, p_table_name, p_key_columns));
    v_name   text := quote_literal(p_table_name);
    v_new    record;
    v_old    record;
    v_join   text;
    v_came   text;
    v_went   text;
begin
    if p_operation = 'TRUNCATE' then
        return pgcascade.capture_insert(
            p_events, v_type, quote_literal(case p_format when 'urlenc' then '' else '{}' end), v_name, 'null', 'null', ''
        );
    end if;

    select * into v_new from pgcascade.capture_row(p_format, p_relation, 'n', 'pgc_new', null);
    -- A delete needs no more than the key.
    select * into v_old from pgcascade.capture_row(p_format, p_relation, 'o', 'pgc_old', p_key_columns);
    if p_operation = 'INSERT' then
        return pgcascade.capture_insert(
            p_events, v_type, v_new.row_text, v_name, 'null', pgcascade.capture_key(p_relation, 'n', p_key_columns),
            format('new_rows as n cross join lateral (%s) as pgc_new', v_new.source)
        );
    elsif p_operation = 'DELETE' then
        return pgcascade.capture_insert(
            p_events, v_type, v_old.row_text, v_name, 'null', pgcascade.capture_key(p_relation, 'o', p_key_columns),
            format('old_rows as o cross join lateral (%s) as pgc_old', v_old.source)
        );
    end if;

    select string_agg(format('o.%1$I %2$s n.%1$I', k.name, k.operator), ' and ')
      into v_join
      from unnest(p_key_columns, (pgcascade.table_key(p_relation)).operators) as k(name, operator);
    v_came := format('o.%I is null', p_key_columns[1]);
    v_went := format('n.%I is null', p_key_columns[1]);
    return pgcascade.capture_insert(
        p_events,
        format(
            'case when %s then %L when %s then %L else %s end',
            v_came, pgcascade.capture_event_type(p_format, 'INSERT', p_table_name, p_key_columns),
            v_went, pgcascade.capture_event_type(p_format, 'DELETE', p_table_name, p_key_columns),
            v_type
        ),
        format('case when %s then %s else %s end', v_went, v_old.row_text, v_new.row_text),
        v_name,
        'null',
        format(
            'case when %s then %s else %s end',
            v_went,
            pgcascade.capture_key(p_relation, 'o', p_key_columns),
            pgcascade.capture_key(p_relation, 'n', p_key_columns)
        ),
        format(
            E'old_rows as o full join new_rows as n on (%s)\n'
            '         cross join lateral (%s) as pgc_old\n'
            '         cross join lateral (%s) as pgc_new\n'
            '         where %s or %s or %s',
            v_join, v_old.source, v_new.source, v_came, v_went, pgcascade.capture_changed(p_relation, 'o', 'n')
        )
    );
end;
$$;

-- Function: pgcascade.capture_by_row(5)
--
-- The body of one generated row trigger function for one event table, for all three operations.
--
-- With a key: an update that changes it is a DELETE and an INSERT. Without: the old row travels along.
--
-- Returns: PL/pgSQL statements.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_by_row(
    p_format       text,
    p_relation     oid,
    p_table_name   text,
    p_key_columns  text[],
    p_events       text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_keyed     boolean := cardinality(p_key_columns) > 0;
    v_name      text := quote_literal(p_table_name);
    v_new       record;
    v_old       record;
    v_same_key  text := 'true';
    v_insert    text;
    v_delete    text;
    v_update    text;
begin
    select * into v_new from pgcascade.capture_row(p_format, p_relation, 'new', 'pgc_new', null);
    select * into v_old from pgcascade.capture_row(p_format, p_relation, 'old', 'pgc_old', case when v_keyed then p_key_columns end);
    v_insert := pgcascade.capture_insert(
        p_events, quote_literal(pgcascade.capture_event_type(p_format, 'INSERT', p_table_name, p_key_columns)),
        v_new.row_text, v_name, 'null', pgcascade.capture_key(p_relation, 'new', p_key_columns),
        format('(%s) as pgc_new', v_new.source)
    );
    v_delete := pgcascade.capture_insert(
        p_events, quote_literal(pgcascade.capture_event_type(p_format, 'DELETE', p_table_name, p_key_columns)),
        v_old.row_text, v_name, 'null', pgcascade.capture_key(p_relation, 'old', p_key_columns),
        format('(%s) as pgc_old', v_old.source)
    );
    v_update := pgcascade.capture_insert(
        p_events, quote_literal(pgcascade.capture_event_type(p_format, 'UPDATE', p_table_name, p_key_columns)),
        v_new.row_text, v_name,
        case when v_keyed then 'null' else v_old.row_text end,
        pgcascade.capture_key(p_relation, 'new', p_key_columns),
        format('(%s) as pgc_new', v_new.source)
            || case when v_keyed then '' else format(' cross join (%s) as pgc_old', v_old.source) end
    );
    if v_keyed then
        select string_agg(format('old.%1$I %2$s new.%1$I', k.name, k.operator), ' and ')
          into v_same_key
          from unnest(p_key_columns, (pgcascade.table_key(p_relation)).operators) as k(name, operator);
    end if;
    return format(
        $f$        if tg_op = 'INSERT' then
%1$s
        elsif tg_op = 'DELETE' then
%2$s
        elsif %3$s then
            if %4$s then
%5$s
            end if;
        else
%2$s
%1$s
        end if;$f$,
        v_insert, v_delete, v_same_key, pgcascade.capture_changed(p_relation, 'old', 'new'), v_update
    );
end;
$$;

-- Function: pgcascade.capture_program(4)
--
-- The source of one generated trigger function: p_bodies holds the statements for each event table of the queue, of which
-- the queue's current table is taken. A script of the queue, which every node runs by itself, writes no events; nor does a
-- session whose session_replication_role is local, as with the triggers of PgQ.
--
-- Returns: PL/pgSQL. It names the settings to pin, so that equal sources mean equal functions.
-- Raises:  nothing; the created function raises when inserting into the queue is disabled.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_program(
    p_queue_id    integer,
    p_queue_name  text,
    p_bodies      text[],
    p_settings    text[]
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $f$
#variable_conflict use_column
-- Pinned: %1$s
declare
    v_table     integer;
    v_disabled  boolean;
begin
    if current_setting('session_replication_role') = 'local' or current_setting('pgcascade.script', true) <> '' then
        -- Not in the first condition: that costs every write a third of what capture takes.
        if current_setting('session_replication_role') = 'local' or pgcascade.runs_script(%2$L) then
            return null;
        end if;
    end if;
    select q.queue_cur_table, q.queue_disable_insert
      into v_table, v_disabled
      from pgq.queue as q
     where q.queue_id = %3$s;
    if v_disabled then
        raise exception 'Insert into queue disallowed';
    end if;
%4$s    end if;
    return null;
end;
$f$,
        coalesce((select string_agg(s, ', ' order by s) from unnest(p_settings) as s), 'nothing'),
        p_queue_name,
        p_queue_id,
        (select string_agg(
                    format(
                        E'    %s v_table = %s then\n%s\n',
                        case when b.position = 1 then 'if' else 'elsif' end, b.position - 1, b.body
                    ),
                    '' order by b.position
                )
           from unnest(p_bodies) with ordinality as b(body, position))
    );
$$;

-- Function: pgcascade.capture_function(3)
--
-- Creates one generated trigger function, or gives it another source. The function runs as its owner with a pinned
-- search_path: the application needs no right on our schemas and gets none.
--
-- Returns: nothing.
-- Raises:  as `create function`.
-- Locks:   none on user tables. May be repeated.
drop function if exists pgcascade.capture_function(text, integer, text[], text[]);
create or replace function pgcascade.capture_function(
    p_function  text,
    p_source    text,
    p_settings  text[]
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format(
        $f$
create or replace function pgcascade.%1$I()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
%2$s
as %3$L
$f$,
        p_function,
        (select coalesce(string_agg('set ' || s, E'\n' order by s), '') from unnest(p_settings) as s),
        p_source
    );
    execute format('revoke all on function pgcascade.%I() from public', p_function);
end;
$$;

-- Function: pgcascade.capture_parts(5)
--
-- The generated trigger functions that a table needs as it is now, when it is captured in this format and mode.
--
-- Returns: one row for each: the kind (insert, update, delete, row, truncate), its source and the settings to pin.
-- Raises:  PC302 when the queue is not there, PC400 when the format cannot name the table's key.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_parts(
    p_format      text,
    p_queue_name  text,
    p_table_name  text,
    p_relation    oid,
    p_mode        text,
    out kind      text,
    out source    text,
    out settings  text[]
)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_queue  pgq.queue%rowtype;
    v_keys   text[];
begin
    select q.* into v_queue from pgq.queue as q where q.queue_name = p_queue_name;
    if not found then
        raise exception 'The queue % is not in this database.', p_queue_name using errcode = 'PC302';
    end if;
    select k.key_columns into v_keys from pgcascade.table_key(p_relation) as k;
    if p_format = 'urlenc' and array_to_string(v_keys, '') like '%,%' then
        raise exception 'The key of % has a column with a comma in its name, which events in urlencoded form cannot name.',
            p_relation::regclass using errcode = 'PC400';
    end if;
    select array_agg(distinct s) into settings
      from pgcascade.capture_columns(p_relation, 'n') as c, unnest(c.settings) as s;

    foreach kind in array case p_mode
        when 'statement' then array['insert', 'update', 'delete', 'truncate']
        when 'mixed' then array['insert', 'row', 'truncate']
        else array['row', 'truncate']
    end loop
        source := pgcascade.capture_program(
            v_queue.queue_id,
            p_queue_name,
            array(
                select case kind
                           when 'row'
                           then pgcascade.capture_by_row(p_format, p_relation, p_table_name, v_keys, e.name)
                           else pgcascade.capture_by_statement(p_format, upper(kind), p_relation, p_table_name, v_keys, e.name)
                       end
                  from (
                      select format('%s_%s', v_queue.queue_data_pfx, no) as name
                        from generate_series(0, v_queue.queue_ntables - 1) as no
                       order by no
                  ) as e
            ),
            settings
        );
        return next;
    end loop;
end;
$$;
