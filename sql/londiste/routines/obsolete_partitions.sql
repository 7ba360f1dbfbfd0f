-- Function: londiste.is_obsolete_partition(3)
--
-- Whether a partition's period ended longer ago than it is to be kept. Only its name is looked at, which ends with the
-- period's time: _YYYY for a year, _YYYY_MM, _YYYY_MM_DD, _YYYY_MM_DD_HH24 for an hour.
--
-- Returns: false also for a name of another kind.
create or replace function londiste.is_obsolete_partition(
    p_part              text,
    p_retention_period  interval,
    p_period            text
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select (m.parts[1] || '-' || coalesce(m.parts[2], '01') || '-01')::timestamptz
               + (coalesce(m.parts[3], '01')::integer - 1) * interval '1 day'
               + coalesce(m.parts[4], '00')::integer * interval '1 hour'
               + ('1 ' || p_period)::interval
               <= now() - p_retention_period
          from regexp_matches(p_part, case p_period
                                          when 'year' then '_([1-9]\d{3})()()()$'
                                          when 'month' then '_([1-9]\d{3})_(0[1-9]|1[0-2])()()$'
                                          when 'day' then '_([1-9]\d{3})_(0[1-9]|1[0-2])_(0[1-9]|[12]\d|3[01])()$'
                                          when 'hour' then '_([1-9]\d{3})_(0[1-9]|1[0-2])_(0[1-9]|[12]\d|3[01])_([01]\d|2[0-3])$'
                                      end) as f(found)
         cross join lateral (
               select array(select nullif(u.part, '') from unnest(f.found) with ordinality as u(part, place) order by u.place)
               ) as m(parts)
    ), false);
$$;

-- Function: londiste.list_obsolete_partitions(3)
--
-- Returns: the names of the obsolete children or partitions of a table, in order.
create or replace function londiste.list_obsolete_partitions(
    p_parent_table      text,
    p_retention_period  interval,
    p_period            text
)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select n.nspname || '.' || c.relname
      from pg_catalog.pg_inherits as i
      join pg_catalog.pg_class as c
        on c.oid = i.inhrelid
      join pg_catalog.pg_namespace as n
        on n.oid = c.relnamespace
     where i.inhparent = londiste.find_table_oid(p_parent_table)
       and londiste.is_obsolete_partition(c.relname::text, p_retention_period, p_period)
     order by 1;
$$;

-- Function: londiste.drop_obsolete_partitions(3)
--
-- Drops the obsolete children or partitions of a table. Safe to repeat.
--
-- Returns: the names of what was dropped.
-- Raises:  what drop table raises, such as for a view that needs one.
-- Locks:   each of them, access exclusive, and a partitioned parent too.
create or replace function londiste.drop_obsolete_partitions(
    p_parent_table      text,
    p_retention_period  interval,
    p_period            text
)
returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part text;
begin
    for v_part in
        select f.name
          from londiste.list_obsolete_partitions(p_parent_table, p_retention_period, p_period) as f(name)
    loop
        execute format('drop table %s', londiste.quote_fqname(v_part));
        return next v_part;
    end loop;
end;
$$;
