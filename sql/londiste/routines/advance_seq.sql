-- Function: londiste._advance_seq(2)
--
-- Moves a local sequence to a published value, in its own direction only and never past its limits. Safe to repeat.
--
-- Returns: true; false when there is no such sequence.
create or replace function londiste._advance_seq(
    p_seq_name  text,
    p_value     bigint
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limits    record;
    v_current   record;
    v_value     bigint;
begin
    select s.seqrelid::regclass as relation,
           s.seqincrement,
           s.seqmin,
           s.seqmax
      into v_limits
      from pg_catalog.pg_sequence as s
     where s.seqrelid = londiste.find_seq_oid(p_seq_name);
    if not found then
        return false;
    end if;

    -- The subscriber's sequence may have a smaller type than the root's.
    v_value := greatest(v_limits.seqmin, least(v_limits.seqmax, p_value));
    execute format('select s.last_value, s.is_called from %s as s', v_limits.relation) into v_current;
    if v_value <> v_current.last_value and (v_value > v_current.last_value) = (v_limits.seqincrement > 0)
       -- A published value may have been given out on the root: it is not to be the next one here.
       or v_value = v_current.last_value and not v_current.is_called then
        perform setval(v_limits.relation, v_value);
    end if;
    return true;
end;
$$;
