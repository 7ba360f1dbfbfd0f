-- Function: pgq._trigger_arguments(1)
--
-- Reads the arguments of a generic trigger: queue, deny, backup, SKIP, ignore=, pkey=, when=, ev_*=.
--
-- Returns: one row; the expressions by field name ('when', 'ev_type', ...); pkey is null when it is not given.
-- Raises:  'pgq trigger must have destination queue as argument', 'bad param to pgq trigger'.
create or replace function pgq._trigger_arguments(
    i_args            text[],
    out queue_name    text,
    out is_denied     boolean,
    out has_backup    boolean,
    out is_skipped    boolean,
    out ignored       text[],
    out pkey          text,
    out field_names   text[],
    out field_values  text[]
)
returns record
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_arg    text;
    v_first  boolean := true;
begin
    is_denied := false;
    has_backup := false;
    is_skipped := false;
    field_names := '{}';
    field_values := '{}';
    if coalesce(cardinality(i_args), 0) = 0 then
        raise exception using message = 'pgq trigger must have destination queue as argument', errcode = 'XX000';
    end if;
    foreach v_arg in array i_args loop
        if v_first then
            queue_name := v_arg;
            v_first := false;
        elsif v_arg = 'SKIP' then
            is_skipped := true;
        elsif v_arg = 'deny' then
            is_denied := true;
        elsif v_arg = 'backup' then
            has_backup := true;
        elsif v_arg like 'ignore=%' then
            ignored := string_to_array(substr(v_arg, 8), ',');
        elsif v_arg like 'pkey=%' then
            pkey := substr(v_arg, 6);
        elsif v_arg ~ '^(when|ev_type|ev_data|ev_extra[1-4])=' then
            field_names := field_names || split_part(v_arg, '=', 1);
            field_values := field_values || substr(v_arg, strpos(v_arg, '=') + 1);
        else
            raise exception using message = 'bad param to pgq trigger', errcode = 'XX000';
        end if;
    end loop;
end;
$$;
