-- A consumer's row is found in the same time however many old versions of it there are. Each batch makes two, and
-- while somebody holds a snapshot (a dump, a forgotten transaction) none can be removed. With a unique index over
-- queue and consumer each lookup, and each update for its check of uniqueness, had to look at all of them.
--
-- Now the index has the time of the last change too: the newest version is its last entry. That a consumer is on a
-- queue only once is checked in a table of its own, which no batch touches.

create table pgq.subscription_key (
    sub_queue     int4 not null,
    sub_consumer  int4 not null,
    constraint subscription_key_pkey primary key (sub_queue, sub_consumer)
);

comment on table pgq.subscription_key is 'sees to it that a consumer is on a queue only once; kept by triggers of pgq.subscription';
comment on column pgq.subscription_key.sub_queue is 'queue id';
comment on column pgq.subscription_key.sub_consumer is 'consumer id';

insert into pgq.subscription_key (sub_queue, sub_consumer)
select s.sub_queue, s.sub_consumer
  from pgq.subscription as s;

alter table pgq.subscription
    drop constraint subscription_pkey,
    drop constraint subscription_batch_idx;

-- Lookups take the newest: order by sub_active desc limit 1. Updates name the sub_active that they have seen.
create index subscription_newest_idx on pgq.subscription (sub_queue, sub_consumer, sub_active);
-- Versions without a batch are not in it.
create unique index subscription_batch_idx on pgq.subscription (sub_batch) where sub_batch is not null;

-- Function: pgq._keep_subscription_key(0)
--
-- Trigger on pgq.subscription: keeps pgq.subscription_key.
--
-- Raises: unique_violation when the consumer is on the queue already.
create function pgq._keep_subscription_key()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'TRUNCATE' then
        delete from pgq.subscription_key;
        return null;
    end if;
    if tg_op in ('UPDATE', 'DELETE') then
        delete from pgq.subscription_key as k
         where k.sub_queue = old.sub_queue
           and k.sub_consumer = old.sub_consumer;
    end if;
    if tg_op in ('INSERT', 'UPDATE') then
        insert into pgq.subscription_key (sub_queue, sub_consumer)
        values (new.sub_queue, new.sub_consumer);
    end if;
    return null;
end;
$$;

revoke execute on function pgq._keep_subscription_key() from public;

create trigger keep_subscription_key
    after insert or delete or update of sub_queue, sub_consumer on pgq.subscription
    for each row execute procedure pgq._keep_subscription_key();

create trigger keep_subscription_key_truncate
    after truncate on pgq.subscription
    for each statement execute procedure pgq._keep_subscription_key();

-- Also in sessions that apply replicated changes.
alter table pgq.subscription
    enable always trigger keep_subscription_key,
    enable always trigger keep_subscription_key_truncate;
