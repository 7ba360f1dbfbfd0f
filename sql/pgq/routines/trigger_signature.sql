-- Function: pgq._trigger_signature(1)
--
-- Everything about a table that the code of a row writer is made of: its name, its columns and their types, its
-- primary key, and the version of the generator.
--
-- Declared immutable on purpose, which it is not: a row writer compares it with the signature it was made for, so it
-- becomes a constant of a plan that the regclass literal ties to the table. The server throws that plan away
-- whenever the table changes, in the same transaction too; until then the comparison costs nothing.
--
-- Returns: text; null when there is no such table.
create or replace function pgq._trigger_signature(
    i_table  regclass
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select concat_ws(' ', '1', quote_ident(n.nspname), quote_ident(c.relname),
                   (select string_agg(a.attnum || ':' || quote_ident(a.attname) || ':' || a.atttypid, ',' order by a.attnum)
                      from pg_attribute as a
                     where a.attrelid = c.oid
                       and a.attnum > 0
                       and not a.attisdropped),
                   (select i.indkey::text
                      from pg_index as i
                     where i.indrelid = c.oid
                       and i.indisprimary))
          from pg_class as c
          join pg_namespace as n
            on n.oid = c.relnamespace
         where c.oid = i_table
    );
end;
$$;

-- Function: pgq._trigger_key(1)
--
-- Returns: text[], the primary key's columns in the order of its index; an empty array when the table has none.
create or replace function pgq._trigger_key(
    i_table  oid
)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(a.attname::text order by k.nr), '{}'::text[])
      from pg_index as i
     cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, nr)
      join pg_attribute as a
        on a.attrelid = i.indrelid
       and a.attnum = k.attnum
     where i.indrelid = i_table
       and i.indisprimary;
$$;

-- Function: pgq._equality_operator(1)
--
-- The operator by which two values of a type are equal: that of its default btree or hash operator class.
--
-- Returns: text, as operator(schema.=); null when the type has none: its values are compared by their text.
create or replace function pgq._equality_operator(
    i_type  oid
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type    pg_type%rowtype;
    v_result  text;
begin
    select * into v_type from pg_type as t where t.oid = i_type;
    if v_type.typtype = 'd' then
        return pgq._equality_operator(v_type.typbasetype);
    elsif v_type.typelem <> 0 and v_type.typlen = -1 and v_type.typcategory = 'A' then
        return case when pgq._equality_operator(v_type.typelem) is not null then 'operator(pg_catalog.=)' end;
    elsif v_type.typtype = 'c' then
        if exists (
            select
              from pg_attribute as a
             where a.attrelid = v_type.typrelid
               and a.attnum > 0
               and not a.attisdropped
               and pgq._equality_operator(a.atttypid) is null)
        then
            return null;
        end if;
        return 'operator(pg_catalog.=)';
    elsif v_type.typtype in ('e', 'r', 'm') then
        return 'operator(pg_catalog.=)';
    end if;

    -- 403 and 405 are btree and hash.
    select format('operator(%I.%s)', n.nspname, o.oprname)
      into v_result
      from pg_opclass as c
      join pg_amop as s
        on s.amopfamily = c.opcfamily
       and s.amoplefttype = c.opcintype
       and s.amoprighttype = c.opcintype
       and s.amopstrategy = case c.opcmethod when 403 then 3 else 1 end
      join pg_operator as o
        on o.oid = s.amopopr
      join pg_namespace as n
        on n.oid = o.oprnamespace
     where c.opcdefault
       and c.opcmethod in (403, 405)
       and c.opcintype = any (array(
               select b.casttarget
                 from pg_cast as b
                where b.castsource = i_type
                  and b.castmethod = 'b'
                  and b.castcontext = 'i') || i_type)
     order by c.opcintype = i_type desc,
              c.opcmethod
     limit 1;
    return v_result;
end;
$$;
