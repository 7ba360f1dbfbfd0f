-- Function: pgq.seq_getval(1)
--
-- Reads where a sequence stands, without moving it. A sequence that was never used reads as its start.
--
-- Returns: bigint, the last value.
-- Raises:  undefined_table when there is no such sequence.
create or replace function pgq.seq_getval(
    i_seq_name  text
)
returns bigint
language plpgsql
as $$
declare
    v_value  bigint;
begin
    if i_seq_name is null then
        return null;
    end if;
    execute 'select s.last_value from ' || pgq.quote_fqname(i_seq_name) || ' as s'
       into v_value;
    return v_value;
end;
$$;

-- Function: pgq.seq_setval(2)
--
-- Moves a sequence forward to a value; never back. Safe to repeat.
--
-- Returns: bigint, where the sequence stands then.
-- Raises:  undefined_table when there is no such sequence.
create or replace function pgq.seq_setval(
    i_seq_name   text,
    i_new_value  int8
)
returns bigint
language plpgsql
as $$
declare
    v_value  bigint;
begin
    if i_new_value is null then
        return null;
    end if;
    v_value := pgq.seq_getval(i_seq_name);
    if i_new_value > v_value then
        v_value := pg_catalog.setval(pgq.quote_fqname(i_seq_name)::regclass, i_new_value);
    end if;
    return v_value;
end;
$$;
