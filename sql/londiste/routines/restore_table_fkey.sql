-- Function: londiste.restore_table_fkey(3)
--
-- Puts a foreign key back that londiste.drop_table_fkey took off.
-- At once (p_lazy false): creates it, checking all rows, and forgets its definition.
-- Lazy: does nothing to the table but says which statement the caller is to run next, in a transaction of its own:
-- first one that creates the key without checking rows, then one that checks them without keeping writers out. The
-- answer follows from what the table has, so the caller repeats the call until the answer is empty. A key that was
-- not valid when it was taken off is not validated, and one from or to a partitioned table is checked when it is
-- created where PostgreSQL cannot do it well in two steps (before 18).
--
-- Returns: the next statement; empty when there is nothing (more) to do.
-- Locks:   p_lazy false: both tables, share row exclusive.
create or replace function londiste.restore_table_fkey(
    p_from_table    text,
    p_fkey_name     text,
    p_lazy          boolean default false
)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_from_table        text := londiste.make_fqname(p_from_table);
    v_fkey_def          text;
    v_from_oid          oid := londiste.find_table_oid(p_from_table);
    v_to_table          text;
    v_is_partitioned    boolean;
    v_was_unchecked     boolean;
    v_is_valid          boolean;
begin
    select f.fkey_def,
           f.to_table
      into v_fkey_def,
           v_to_table
      from londiste.pending_fkeys as f
     where f.from_table = v_from_table
       and f.fkey_name = p_fkey_name
       for update;
    if not found then
        return '';
    end if;
    v_was_unchecked := v_fkey_def ~ ' NOT (VALID|ENFORCED)$';

    select bool_or(c.relkind = 'p')
      into v_is_partitioned
      from pg_catalog.pg_class as c
     where c.oid in (v_from_oid, londiste.find_table_oid(v_to_table));
    select k.convalidated
      into v_is_valid
      from pg_catalog.pg_constraint as k
     where k.conrelid = v_from_oid
       and k.conname = p_fkey_name
       and k.contype = 'f';

    if v_is_valid is null then
        if not p_lazy then
            execute v_fkey_def;
        elsif v_was_unchecked
              -- There a key of a partitioned table cannot be created unchecked, and one that refers to a partitioned
              -- table can, but its parts stay marked as not valid for ever.
              or v_is_partitioned and current_setting('server_version_num')::integer < 180000 then
            return v_fkey_def;
        else
            return v_fkey_def || ' not valid';
        end if;
    elsif not v_is_valid and not v_was_unchecked then
        v_fkey_def := format('alter table %s validate constraint %I',
                             londiste.quote_fqname(v_from_table), p_fkey_name);
        if p_lazy then
            return v_fkey_def;
        end if;
        execute v_fkey_def;
    end if;

    delete from londiste.pending_fkeys as f
     where f.from_table = v_from_table
       and f.fkey_name = p_fkey_name;
    return '';
end;
$$;
