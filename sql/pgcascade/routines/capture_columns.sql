-- Function: pgcascade.text_settings(1)
--
-- The session settings that a type's text depends on, as `name = value` pairs to pin on a function.
-- A type that we do not know in detail gets all of them.
--
-- Returns: an array, empty when the text depends on nothing.
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
    elsif v_type.typtype = 'c' then
        for v_part in
            select a.atttypid
              from pg_attribute as a
             where a.attrelid = v_type.typrelid
               and a.attnum > 0
               and not a.attisdropped
        loop
            v_result := v_result || pgcascade.text_settings(v_part);
        end loop;
        return array(select distinct s from unnest(v_result) as s order by s);
    end if;
    if v_type.typnamespace = 'pg_catalog'::regnamespace then
        case
            when v_type.typname in ('date', 'timestamp') then
                return array['DateStyle = ''ISO, YMD'''];
            when v_type.typname = 'timestamptz' then
                return array['DateStyle = ''ISO, YMD''', 'TimeZone = ''UTC'''];
            when v_type.typname = 'interval' then
                return array['IntervalStyle = ''postgres'''];
            when v_type.typname = 'bytea' then
                return array['bytea_output = ''hex'''];
            when v_type.typname in ('float4', 'float8', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle') then
                return array['extra_float_digits = 3'];
            when v_type.typname = 'money' then
                return array['lc_monetary = ''C'''];
            when v_type.typname in (
                'int2', 'int4', 'int8', 'bool', 'text', 'varchar', 'bpchar', 'name', 'char', 'numeric', 'uuid',
                'json', 'jsonb', 'jsonpath', 'xml', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit', 'oid',
                'xid', 'xid8', 'cid', 'tid', 'pg_lsn', 'txid_snapshot', 'pg_snapshot', 'time', 'timetz', 'tsvector',
                'tsquery', 'int2vector', 'oidvector', 'regclass', 'regtype', 'regproc', 'regprocedure', 'regoper',
                'regoperator', 'regconfig', 'regdictionary', 'regnamespace', 'regrole', 'regcollation'
            ) then
                return v_result;
            else
                null;
        end case;
    end if;
    return array[
        'DateStyle = ''ISO, YMD''', 'IntervalStyle = ''postgres''', 'TimeZone = ''UTC''', 'bytea_output = ''hex''',
        'extra_float_digits = 3', 'lc_monetary = ''C'''
    ];
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

-- Function: pgcascade.capture_columns(2)
--
-- How each column of a table travels in an event: its SQL expression over a row alias and the settings that its
-- text depends on.
--
-- Integers, booleans and character types are JSON values by themselves; every other type is sent as its own text.
-- Generated columns are left out: the subscriber computes them.
--
-- Returns: one row per column in order of attnum: name, expression over p_alias, settings to pin.
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
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select a.attname::text,
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
               then format('textin(%I.%I(%s.%I))', fn.nspname, f.proname, p_alias, a.attname)
               else format('%s.%I::text', p_alias, a.attname)
           end,
           pgcascade.text_settings(a.atttypid)
      from pg_attribute as a
      cross join lateral pgcascade.base_type(a.atttypid) as b
      join pg_type as t on t.oid = b.oid
      join pg_proc as f on f.oid = t.typoutput
      join pg_namespace as fn on fn.oid = f.pronamespace
     where a.attrelid = p_relation
       and a.attnum > 0
       and not a.attisdropped
       and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
     order by a.attnum;
$$;
