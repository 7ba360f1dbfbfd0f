-- Function: londiste.drop_table_fkey(2)
--
-- Takes a foreign key off its table and keeps its definition in londiste.pending_fkeys. Safe to repeat.
--
-- Returns: 1; 0 when there is no such foreign key.
-- Locks:   both tables, access exclusive.
create or replace function londiste.drop_table_fkey(
    p_from_table    text,
    p_fkey_name     text
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from_table    text := londiste.make_fqname(p_from_table);
    v_fkey          record;
begin
    select f.to_table,
           f.fkey_def,
           c.relkind
      into v_fkey
      from londiste.find_table_fkeys(v_from_table) as f
      join pg_catalog.pg_class as c
        on c.oid = londiste.find_table_oid(v_from_table)
     where f.from_table = v_from_table
       and f.fkey_name = p_fkey_name;
    if not found then
        return 0;
    end if;

    -- What is kept under that name is older than what the table has now.
    insert into londiste.pending_fkeys (from_table, to_table, fkey_name, fkey_def)
    values (v_from_table, v_fkey.to_table, p_fkey_name, v_fkey.fkey_def)
    on conflict on constraint pending_fkeys_pkey do update
       set to_table = excluded.to_table,
           -- One that is here and was to be validated is to be that still.
           fkey_def = case
               when excluded.fkey_def = pending_fkeys.fkey_def || ' NOT VALID' then pending_fkeys.fkey_def
               else excluded.fkey_def
           end;
    execute format('alter table %s%s drop constraint %I',
                   case when v_fkey.relkind = 'p' then '' else 'only ' end,
                   londiste.quote_fqname(v_from_table), p_fkey_name);
    return 1;
end;
$$;
