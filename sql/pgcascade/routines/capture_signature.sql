-- Function: pgcascade.capture_signature(1)
--
-- Everything about a table that its generated triggers are made of: name, columns and their types, indexes that can be a key,
-- what decides the mode, and the versions of the generator and the server.
--
-- Declared immutable on purpose, which it is not: a generated function compares it with the signature that it was made
-- for, so it becomes a constant of a plan that the regclass literal ties to the table. The server throws that plan away
-- whenever the table changes, in the same transaction too; until then the comparison costs nothing.
--
-- Returns: text; never null.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.capture_signature(
    p_relation  regclass
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select md5(concat_ws(
                   ' ', '3', current_setting('server_version_num')::integer / 10000,
                   (select concat_ws(' ', c.relkind, c.relispartition, c.relnamespace, c.relname) from pg_class as c where c.oid = p_relation),
                   (select string_agg(
                               concat_ws(':', a.attnum, a.attname, a.atttypid, a.attnotnull, a.atthasdef), ',' order by a.attnum
                           )
                      from pg_attribute as a
                     where a.attrelid = p_relation
                       and a.attnum > 0
                       and not a.attisdropped),
                   (select string_agg(
                               concat_ws(':', i.indexrelid, i.indkey, i.indisprimary, i.indimmediate, i.indisvalid), ','
                               order by i.indexrelid
                           )
                      from pg_index as i
                     where i.indrelid = p_relation
                       and i.indisunique),
                   (select string_agg(concat_ws(':', t.oid, t.tgenabled), ',' order by t.oid)
                      from pg_trigger as t
                     where t.tgrelid = p_relation
                       and not t.tgisinternal
                       and t.tgname not like '!pgcascade\_%'
                       and t.tgtype & 1 = 1),
                   (select string_agg(f.oid::text, ',' order by f.oid)
                      from pg_constraint as f
                     where f.conrelid = p_relation
                       and f.contype = 'f'),
                   exists (select from pg_inherits as h where p_relation in (h.inhrelid, h.inhparent))
               ))
    );
end;
$$;
