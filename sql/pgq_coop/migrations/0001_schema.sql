-- Schema pgq_coop: several processes share the batches of one consumer. It has no tables of its own: members are
-- consumers whose subscription has the sub_id of the main consumer.

-- A role without CREATE on the database can install when somebody made the schema for it. `create schema if not
-- exists` asks for that right even when the schema is there.
do $$
begin
    if not exists (select from pg_catalog.pg_namespace where nspname = 'pgq_coop') then
        create schema pgq_coop;
    end if;
end;
$$;

comment on schema pgq_coop is 'cooperative consumers: members that share the batches of one consumer';
