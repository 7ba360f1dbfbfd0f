-- Function: pgcascade.begin_replication(0)
--
-- To be called first in a transaction that writes replicated tables as replication does. In a session whose
-- session_replication_role is replica it does nothing. Else it marks the transaction, with the transaction's own id so that
-- no setting of a role or a database can ever be that mark, and defers the checks of deferrable keys to its end, as
-- rows come one by one.
--
-- Returns: true when the transaction was marked: user triggers, rules and foreign keys act in it.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.begin_replication()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('session_replication_role') = 'replica' then
        return false;
    end if;
    perform set_config('pgcascade.script', 'replication ' || txid_current(), true);
    set constraints all deferred;
    return true;
end;
$$;

-- Function: pgcascade.is_replication(0)
--
-- Whether this transaction has the mark of pgcascade.begin_replication. Only sessions of roles that administer queues are believed:
-- those that may write what a worker remembers.
--
-- Returns: boolean.
-- Raises:  nothing.
-- Locks:   none. May be repeated.
create or replace function pgcascade.is_replication()
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('pgcascade.script', true) is distinct from 'replication ' || txid_current_if_assigned() then
        return false;
    end if;
    return has_table_privilege(session_user, 'pgcascade.taken_off', 'insert')
        -- A role that does not inherit has set another one.
        or pg_has_role(session_user, current_user, 'member');
end;
$$;
