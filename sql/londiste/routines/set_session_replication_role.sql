-- Function: londiste.set_session_replication_role(2)
--
-- Sets session_replication_role for the transaction (p_is_local) or for the session, with the right of the owner of
-- this function: a worker that is no superuser needs it so that neither foreign keys nor the application's triggers
-- act on what it writes.
--
-- Returns: the role that is set.
-- Raises:  on a role other than origin, replica, local; insufficient privilege when the owner may not set it either.
create or replace function londiste.set_session_replication_role(
    p_role      text,
    p_is_local  boolean
)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_role is null or p_role not in ('origin', 'replica', 'local') then
        raise exception 'invalid session_replication_role: %', p_role;
    end if;
    return set_config('session_replication_role', p_role, coalesce(p_is_local, true));
end;
$$;
