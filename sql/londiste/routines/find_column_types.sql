-- Function: londiste.find_column_types(1)
--
-- Returns: one letter per column in column order, k for a column of the primary key, v for any other; null when
--          there is no such table.
create or replace function londiste.find_column_types(
    p_table_name text
)
returns text
language sql
stable
strict
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(case when a.attnum = any (i.indkey) then 'k' else 'v' end, '' order by a.attnum)
      from pg_catalog.pg_attribute as a
      left join pg_catalog.pg_index as i
        on i.indrelid = a.attrelid
       and i.indisprimary
     where a.attrelid = londiste.find_table_oid(p_table_name)
       and a.attnum > 0
       and not a.attisdropped;
$$;
