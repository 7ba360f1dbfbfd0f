-- Function: pgcascade.text_settings(1)
--
-- The session settings that a type's text depends on. A type that we do not know in detail gets all of them;
-- so does a composite type, for it can get other attributes without a notice to the tables that use it.
--
-- Returns: an array of names, empty when the text depends on nothing.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.text_settings(
    p_type  oid
)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type    pg_type%rowtype;
    v_part    oid;
    v_result  text[] := '{}';
begin
    select t.* into v_type from pg_type as t where t.oid = p_type;
    if v_type.typtype = 'd' then
        return pgcascade.text_settings(v_type.typbasetype);
    elsif v_type.typcategory = 'A' and v_type.typelem <> 0 then
        return pgcascade.text_settings(v_type.typelem);
    elsif v_type.typtype = 'r' then
        select r.rngsubtype into v_part from pg_range as r where r.rngtypid = p_type;
        return pgcascade.text_settings(v_part);
    elsif v_type.typtype = 'e' then
        return v_result;
    end if;
    if v_type.typnamespace = 'pg_catalog'::regnamespace then
        case
            when v_type.typname in ('date', 'timestamp') then
                return array['DateStyle'];
            when v_type.typname = 'timestamptz' then
                return array['DateStyle', 'TimeZone'];
            when v_type.typname = 'interval' then
                return array['IntervalStyle'];
            when v_type.typname = 'bytea' then
                return array['bytea_output'];
            when v_type.typname in ('float4', 'float8', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle') then
                return array['extra_float_digits'];
            when v_type.typname = 'money' then
                return array['lc_monetary'];
            when v_type.typname in (
                'regclass', 'regtype', 'regproc', 'regprocedure', 'regoper', 'regoperator', 'regconfig', 'regdictionary',
                'regcollation'
            ) then
                -- Their text has the schema unless the search_path finds the object without.
                return array['search_path'];
            when v_type.typname in (
                'int2', 'int4', 'int8', 'bool', 'text', 'varchar', 'bpchar', 'name', 'char', 'numeric', 'uuid',
                'json', 'jsonb', 'jsonpath', 'xml', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit', 'oid',
                'xid', 'xid8', 'cid', 'tid', 'pg_lsn', 'txid_snapshot', 'pg_snapshot', 'time', 'timetz', 'tsvector',
                'tsquery', 'int2vector', 'oidvector', 'regnamespace', 'regrole'
            ) then
                return v_result;
            else
                null;
        end case;
    end if;
    return array(select w.name from pgcascade.pinned_settings() as w order by w.name);
end;
$$;

-- Function: pgcascade.pinned_settings(0)
--
-- The session settings that events must not depend on: the value under which rows are written, and the condition, as SQL,
-- that the session's own value may give another text.
--
-- Returns: one row for each: name, value, differs.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.pinned_settings(
    out name     text,
    out value    text,
    out differs  text
)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not SQL functions, here and below, which would be planned at each call.
    return query
    select s.name,
           s.value,
           replace(s.differs, '@', format('pg_catalog.current_setting(%L)', s.name))
      from (values
               ('DateStyle', 'ISO, YMD', $q$pg_catalog.left(@, 3) operator(pg_catalog.<>) 'ISO'$q$),
               ('TimeZone', 'UTC', $q$@ operator(pg_catalog.<>) 'UTC' and @ operator(pg_catalog.<>) 'Etc/UTC'$q$),
               ('IntervalStyle', 'postgres', $q$@ operator(pg_catalog.<>) 'postgres'$q$),
               ('bytea_output', 'hex', $q$@ operator(pg_catalog.<>) 'hex'$q$),
               -- From version 12 on the shortest text that is exact comes with 1, 2 and 3.
               ('extra_float_digits', '3',
                case
                    when current_setting('server_version_num')::integer >= 120000
                    then $q$@ operator(pg_catalog.=) '0' or pg_catalog.left(@, 1) operator(pg_catalog.=) '-'$q$
                    else $q$@ operator(pg_catalog.<>) '3'$q$
                end),
               ('lc_monetary', 'C', $q$@ operator(pg_catalog.<>) 'C'$q$),
               ('search_path', 'pg_catalog', $q$@ operator(pg_catalog.<>) 'pg_catalog'$q$)
           ) as s(name, value, differs);
end;
$$;

-- Function: pgcascade.setting_values(1)
--
-- What pgcascade.pin_settings takes to give these settings, or with null all, the values under which rows are written.
--
-- Returns: an array of names and values by turns.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.setting_values(
    p_names  text[]
)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(x.item order by s.name, x.position)
          from pgcascade.pinned_settings() as s
         cross join lateral unnest(array[s.name, s.value]) with ordinality as x(item, position)
         where p_names is null
            or s.name = any (p_names)
    );
end;
$$;

-- Function: pgcascade.pin_settings(1)
--
-- Gives settings other values until the end of the transaction, or until it is called again with what it returned.
-- p_settings: names and values by turns.
--
-- It sets no search_path of its own, which would undo that one; so every name in it is qualified.
--
-- Returns: the names with the values that they had.
-- Raises:  as set_config.
-- Locks:   none.
create or replace function pgcascade.pin_settings(
    p_settings  text[]
)
returns text[]
language plpgsql
as $$
declare
    v_saved  pg_catalog.text[] := '{}';
begin
    for i in 1 .. pg_catalog.array_length(p_settings, 1) by 2 loop
        v_saved := pg_catalog.array_append(
            pg_catalog.array_append(v_saved, p_settings[i]), pg_catalog.current_setting(p_settings[i])
        );
        perform pg_catalog.set_config(p_settings[i], p_settings[i operator(pg_catalog.+) 1], true);
    end loop;
    return v_saved;
end;
$$;

-- Function: pgcascade.base_type(1)
--
-- The type below all domains, and whether it is a JSON value by itself (integers, boolean, character types).
--
-- Returns: one row.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.base_type(
    p_type      oid,
    out oid     oid,
    out native  boolean
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_below  oid;
begin
    oid := p_type;
    loop
        select t.typbasetype into v_below from pg_type as t where t.oid = base_type.oid and t.typtype = 'd';
        exit when not found;
        oid := v_below;
    end loop;
    native := oid in (
        'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype,
        'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype
    );
end;
$$;

-- Function: pgcascade.capture_expressions(3)
--
-- How each column of a table travels in an event: its SQL expression over a row alias, in which every name is qualified.
--
-- Integers, booleans and character types are JSON values by themselves; every other type is sent as its own text.
-- Generated columns are left out: the subscriber computes them. Only the columns p_only when that is not null.
--
-- Returns: one row per column in order of attnum: name, type, expression over p_alias.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_expressions(
    p_relation       oid,
    p_alias          text,
    p_only           text[],
    out column_name  text,
    out type         oid,
    out expression   text
)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select a.attname::text,
           a.atttypid,
           case
               when b.native
               then format('%s.%I', p_alias, a.attname)
               when exists (
                   select 1
                     from pg_cast as c
                    where c.castsource = b.oid
                      and c.casttarget = 'text'::regtype
                      and c.castmethod = 'f'
               )
               -- The type's cast to text is a function of its own (inet adds a mask): use its output function.
               then format('pg_catalog.textin(%I.%I(%s.%I))', fn.nspname, f.proname, p_alias, a.attname)
               else format('%s.%I::pg_catalog.text', p_alias, a.attname)
           end
      from pg_attribute as a
      cross join lateral pgcascade.base_type(a.atttypid) as b
      join pg_type as t on t.oid = b.oid
      join pg_proc as f on f.oid = t.typoutput
      join pg_namespace as fn on fn.oid = f.pronamespace
     where a.attrelid = p_relation
       and a.attnum > 0
       and not a.attisdropped
       and (p_only is null or a.attname = any (p_only))
       -- What generates a column is a default.
       and case when a.atthasdef then coalesce(to_jsonb(a) ->> 'attgenerated', '') else '' end = ''
     order by a.attnum;
end;
$$;

-- Function: pgcascade.capture_columns(2)
--
-- As pgcascade.capture_expressions, with the settings that the text of each column depends on.
--
-- Returns: one row per column in order of attnum: name, expression over p_alias, names of the settings.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_columns(
    p_relation       oid,
    p_alias          text,
    out column_name  text,
    out expression   text,
    out settings     text[]
)
returns setof record
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select e.column_name, e.expression, pgcascade.text_settings(e.type)
      from pgcascade.capture_expressions(p_relation, p_alias, null) as e;
end;
$$;
