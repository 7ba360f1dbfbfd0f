-- Function: londiste.get_seq_list(1)
--
-- Returns: all sequences of the queue in the order of their registration.
create or replace function londiste.get_seq_list(
    p_queue_name    text,
    out seq_name    text,
    out last_value  bigint,
    out local       boolean
)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select i.seq_name,
           i.last_value,
           i.local
      from londiste.seq_info as i
     where i.queue_name = p_queue_name
     order by i.nr, i.seq_name;
$$;
