-- Function: londiste.create_partition(6)
--
-- Makes a partition of a table for one period of time: a child that inherits, or of a table that is partitioned by
-- range of p_part_field a partition. It gets what the parent has: columns with their defaults, constraints, indexes,
-- owner and rights, and a child the parent's triggers and rules too. Safe to repeat.
--
-- p_part:        name of the partition.
-- p_pkeys:       columns of the primary key, separated by commas, for a parent that has none; may be null.
-- p_part_field:  column of type date, timestamp or timestamptz; the partition takes only rows with a value in the period
--                that p_part_time is in. Null: any rows; a partitioned table needs it.
-- p_period:      hour, day, month or year, in the session's time zone.
--
-- Returns: 1; 0 when there is a table of that name.
-- Raises:  P0001 for a parent that is not there, a period or a field that will not do, and what the creation raises.
-- Locks:   the parent, share update exclusive until commit: its rows can be read and written (before PostgreSQL 12 a
--          partitioned one is locked access exclusive).
create or replace function londiste.create_partition(
    p_table         text,
    p_part          text,
    p_pkeys         text,
    p_part_field    text,
    p_part_time     timestamptz,
    p_period        text
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parent    oid := londiste.find_table_oid(p_table);
    v_part      text := londiste.quote_fqname(p_part);
    v_table     record;
    v_type      text;
    v_start     timestamptz;
    v_low       text;
    v_high      text;
    v_object    record;
begin
    if v_parent is null then
        raise exception 'Table not found: %', londiste.make_fqname(p_table);
    end if;
    if p_part_field is not null and coalesce(p_period, '') not in ('hour', 'day', 'month', 'year') then
        raise exception 'No such period: %', coalesce(p_period, 'null');
    end if;
    if londiste.find_table_oid(p_part) is not null then
        return 0;
    end if;
    -- Two makers of one partition come here one after the other.
    execute format('lock table only %s in share update exclusive mode', v_parent::regclass);
    if londiste.find_table_oid(p_part) is not null then
        return 0;
    end if;
    select c.relkind,
           c.relowner,
           c.relacl,
           (select a.attname::text
              from pg_catalog.pg_partitioned_table as p
              join pg_catalog.pg_attribute as a
                on a.attrelid = p.partrelid
               and a.attnum = p.partattrs[0]
             where p.partrelid = c.oid
               and p.partstrat = 'r'
               and p.partnatts = 1) as range_field
      into v_table
      from pg_catalog.pg_class as c
     where c.oid = v_parent;
    if v_table.relkind = 'p' and v_table.range_field is distinct from p_part_field then
        raise exception 'Table % is not partitioned by range of %', londiste.make_fqname(p_table),
            coalesce(p_part_field, 'nothing');
    end if;

    if p_part_field is not null then
        select format_type(a.atttypid, null)
          into v_type
          from pg_catalog.pg_attribute as a
         where a.attrelid = v_parent
           and a.attname = p_part_field
           and a.attnum > 0
           and not a.attisdropped;
        if v_type is null
           or v_type not in ('date', 'timestamp without time zone', 'timestamp with time zone') then
            raise exception 'Column % of % is no date or timestamp', p_part_field, londiste.make_fqname(p_table);
        end if;
        -- A date has no hours.
        v_start := date_trunc(case when v_type = 'date' and p_period = 'hour' then 'day' else p_period end, p_part_time);
        execute format('select %L::timestamptz::%s::text, (%L::timestamptz + %L::interval)::%s::text',
                       v_start, v_type, v_start,
                       '1 ' || case when v_type = 'date' and p_period = 'hour' then 'day' else p_period end, v_type)
           into v_low, v_high;
    end if;

    -- An identity column of the parent gives the values; a partition cannot have its own.
    execute format('create table %s (like %s including all excluding identity)%s',
                   v_part, v_parent::regclass,
                   case when v_table.relkind = 'p' then '' else format(' inherits (%s)', v_parent::regclass) end);
    if v_table.relkind = 'p' then
        execute format('alter table %s attach partition %s for values from (%L) to (%L)',
                       v_parent::regclass, v_part, v_low, v_high);
    elsif p_part_field is not null then
        execute format('alter table only %s add check (%I >= %L and %I < %L)',
                       v_part, p_part_field, v_low, p_part_field, v_high);
    end if;
    if p_pkeys is not null
       and not exists (select
                         from pg_catalog.pg_index as i
                        where i.indrelid = londiste.find_table_oid(p_part)
                          and i.indisprimary) then
        execute (select format('alter table only %s add primary key (%s)', v_part,
                               string_agg(format('%I', trim(k.name)), ', ' order by k.place))
                   from unnest(string_to_array(p_pkeys, ',')) with ordinality as k(name, place)
                  where trim(k.name) <> '');
    end if;

    if v_table.relkind <> 'p' then
        for v_object in
            select overlay(d.definition placing ' TO ' || v_part
                           from strpos(d.definition, ' TO ' || v_parent::regclass)
                           for length(' TO ' || v_parent::regclass)) as statement
              from pg_catalog.pg_rewrite as r
             cross join lateral (select pg_get_ruledef(r.oid) as definition) as d
             where r.ev_class = v_parent
             order by r.rulename
        loop
            execute v_object.statement;
        end loop;
        for v_object in
            select overlay(d.definition placing ' ON ' || v_part || ' '
                           from strpos(d.definition, ' ON ' || v_parent::regclass || ' ')
                           for length(' ON ' || v_parent::regclass || ' ')) as statement,
                   t.tgname,
                   case t.tgenabled
                       when 'D' then 'disable trigger'
                       when 'R' then 'enable replica trigger'
                       when 'A' then 'enable always trigger'
                   end as state
              from pg_catalog.pg_trigger as t
             cross join lateral (select pg_get_triggerdef(t.oid) as definition) as d
             where t.tgrelid = v_parent
               and not t.tgisinternal
               -- A statement on the parent is none on its children; and children have no transition tables.
               and t.tgoldtable is null
               and t.tgnewtable is null
             order by t.tgname
        loop
            execute v_object.statement;
            if v_object.state is not null then
                execute format('alter table only %s %s %I', v_part, v_object.state, v_object.tgname);
            end if;
        end loop;
    end if;

    for v_object in
        select format('grant %s on %s to %s%s', a.privilege_type, v_part,
                      case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
                      case when a.is_grantable then ' with grant option' else '' end) as statement
          from aclexplode(v_table.relacl) as a
         where a.grantee <> v_table.relowner
    loop
        execute v_object.statement;
    end loop;
    if v_table.relowner <> (select r.oid from pg_catalog.pg_roles as r where r.rolname = current_user) then
        execute format('alter table %s owner to %s', v_part, v_table.relowner::regrole);
    end if;
    return 1;
end;
$$;
