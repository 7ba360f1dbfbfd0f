/** Roles that the objects below belong to, or that have rights on them. They are the cluster's. */
export const ROLES = ['shop_owner', 'shop reader', 'shop_clerk'];

/** Objects of every kind that PostgreSQL 10 has. */
export const EVERY_KIND_OF_10 = `
  create schema shop authorization shop_owner;
  create schema "od""d. schema";
  comment on schema shop is 'it''s the shop \\ with a backslash';
  grant usage on schema shop to "shop reader";
  grant all on schema "od""d. schema" to public;
  create extension hstore with schema shop;
  revoke execute on function shop.hstore(text, text) from public;
  grant execute on function shop.hstore(text, text) to "shop reader";

  create collation shop.plain (provider = libc, lc_collate = 'C', lc_ctype = 'C');
  comment on collation shop.plain is 'C by another name';
  create type shop.mood as enum ('sad', 'it''s ok', 'happy');
  alter type shop.mood add value 'so so' before 'happy';
  comment on type shop.mood is 'moods';
  alter type shop.mood owner to shop_owner;
  revoke usage on type shop.mood from public;
  grant usage on type shop.mood to "shop reader" with grant option;
  create type shop.address as (street text collate "C", zip varchar(10), "From To" shop.mood);
  comment on column shop.address.zip is 'not a number';
  create type shop.floatrange as range (subtype = float8, subtype_diff = float8mi);
  create domain shop.positive as numeric(12, 2) default 1 not null constraint is_positive check (value > 0);
  comment on constraint is_positive on domain shop.positive is 'more than nothing';
  create function shop.is_even(n bigint) returns boolean language sql immutable strict as 'select n % 2 = 0';
  create domain shop.word as text collate "C";
  create domain shop.even as bigint check (shop.is_even(value));

  create function shop.last_of(state text, next text) returns text language sql immutable as 'select coalesce(next, state)';
  create aggregate shop.newest(text) (sfunc = shop.last_of, stype = text, initcond = 'it''s', parallel = safe);
  comment on aggregate shop.newest(text) is 'the last one';
  create aggregate shop.sum_of(numeric) (sfunc = numeric_add, stype = numeric, msfunc = numeric_add, minvfunc = numeric_sub, mstype = numeric, combinefunc = numeric_add);
  create aggregate shop.count_all(*) (sfunc = int8inc, stype = int8, initcond = '0');
  create function shop.touch() returns trigger language plpgsql as $body$
  begin
    new.changed_at := now();
    return new; -- 'EXECUTE PROCEDURE shop.touch()'
  end $body$;
  alter function shop.touch() owner to shop_owner;
  revoke execute on function shop.touch() from public;
  create function shop."Odd ""name"(variadic a int[] default '{1,2}', out b text, out "c d" int)
    language plpgsql stable security definer cost 7 set search_path = shop, pg_temp
    as 'begin b := array_to_string(a, $$;$$); "c d" := 1; end';
  comment on function shop."Odd ""name"(int[]) is 'odd';

  create sequence shop.numbers as smallint increment -3 minvalue -100 maxvalue 100 start 7 cache 5 cycle;
  comment on sequence shop.numbers is 'down';
  grant usage on sequence shop.numbers to "shop reader";
  alter sequence shop.numbers owner to shop_owner;

  create table shop.customer (
    id bigint generated always as identity (start 100 increment 5) primary key,
    name text collate "C" not null,
    email varchar(80) default lower('NOBODY@EXAMPLE.ORG'),
    mood shop.mood default 'happy',
    home shop.address,
    credit shop.positive,
    tags shop.hstore,
    lucky shop.even,
    spans shop.floatrange[],
    "Od""d column" int default 5 constraint "odd check" check ("Od""d column" between 1 and 10),
    changed_at timestamptz(3) not null default now(),
    photo bytea,
    code char(3) unique deferrable initially deferred,
    constraint named_unique unique (name, email) with (fillfactor = 80)
  ) with (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false);
  alter table shop.customer alter photo set storage external, alter name set statistics 500, alter name set (n_distinct = -0.5);
  comment on table shop.customer is 'who buys';
  comment on column shop.customer."Od""d column" is 'odd';
  comment on constraint named_unique on shop.customer is 'one each';
  alter table shop.customer owner to shop_owner;
  grant select, insert on shop.customer to "shop reader" with grant option;
  grant update (name, email), references (id) on shop.customer to shop_clerk;
  grant all on shop.customer to shop_clerk;
  set role "shop reader"; grant select on shop.customer to shop_clerk; reset role;
  grant usage on sequence shop.customer_id_seq to "shop reader";
  comment on sequence shop.customer_id_seq is 'by fives';
  comment on index shop.customer_pkey is 'by number';
  create index customer_by_lower on shop.customer (lower(name) text_pattern_ops desc nulls last, email) where mood <> 'sad';
  comment on index shop.customer_by_lower is 'to search';
  alter index shop.customer_by_lower set (fillfactor = 66);
  create index "odd index" on shop.customer using gin (tags shop.gin_hstore_ops);
  create index customer_even on shop.customer (shop.is_even(id));
  alter table shop.customer cluster on named_unique;
  alter table shop.customer replica identity using index customer_pkey;
  create statistics shop.customer_stats (ndistinct) on name, email from shop.customer;
  comment on statistics shop.customer_stats is 'they go together';
  create trigger touch before insert or update of name, email on shop.customer for each row when (new.name <> 'x') execute procedure shop.touch('a', 'it''s');
  create function shop.nothing() returns trigger language plpgsql as 'begin return null; end';
  create trigger always after truncate on shop.customer for each statement execute procedure shop.nothing();
  alter table shop.customer enable always trigger always;
  create trigger off before update on shop.customer for each row execute procedure shop.touch();
  alter table shop.customer disable trigger off;
  comment on trigger touch on shop.customer is 'keeps the time';
  create rule quiet as on delete to shop.customer where old.credit > 5 do instead nothing;
  create rule told as on update to shop.customer do also notify shop_changed;
  alter table shop.customer disable rule told;
  comment on rule quiet on shop.customer is 'nobody goes';
  alter table shop.customer enable row level security;
  alter table shop.customer force row level security;
  create policy own on shop.customer for select to "shop reader", shop_clerk using (name = current_user);
  create policy narrow on shop.customer as restrictive using (credit > 0) with check (credit < 100);
  comment on policy own on shop.customer is 'mine';

  create function shop.title(c shop.customer) returns text language sql stable as 'select c.name || $1.email';
  create table shop.with_row (id serial primary key, who shop.customer, constraint has_title check (shop.title(who) is not null));
  alter sequence shop.with_row_id_seq cache 3;

  create table shop.booking (
    room int not null, during int4range not null,
    exclude using gist (during with &&) where (room > 0),
    who bigint not null references shop.customer on delete cascade deferrable initially deferred,
    parent int, id int primary key, constraint self foreign key (parent) references shop.booking (id) on update set null
  );
  alter table shop.booking add constraint later foreign key (room) references shop.with_row not valid;
  alter table shop.booking add constraint not_yet check (room < 1000) not valid;
  comment on constraint self on shop.booking is 'a tree';
  create constraint trigger checked after insert on shop.booking from shop.customer deferrable initially deferred for each row execute procedure shop.touch();
  alter table shop.booking replica identity full;

  create unlogged table shop.scratch (a int, b text default nextval('shop.numbers')::text);
  create table shop.empty ();
  create table shop.typed of shop.address (zip not null);
  create table shop.animal (id int not null, name text default 'rex', check (id > 0) , constraint own_only check (name <> '') no inherit);
  create table shop.dog (bark text, name text default 'bello', constraint barks check (bark <> '')) inherits (shop.animal);
  alter table shop.dog add constraint animal_id_check check (id > 0);
  create table shop.cat (primary key (id)) inherits (shop.animal);
  alter table shop.cat alter name drop default;

  create table shop.log (at date not null, region text not null, what text default 'x', constraint has_what check (what is not null)) partition by range (at);
  create table shop.log_old (what text default 'y', at date not null, region text not null, constraint has_what check (what is not null));
  alter table shop.log attach partition shop.log_old for values from (minvalue) to ('2020-01-01');
  create table shop."log 2020" partition of shop.log (constraint extra check (region <> 'q')) for values from ('2020-01-01') to ('2021-01-01') partition by list (region);
  create table shop.log_2020_eu partition of shop."log 2020" (primary key (at, region)) for values in ('de', 'it''s', null);
  create index log_old_at on shop.log_old (at);
  create index "i shop.log_old USING btree (at);create table never();--" on shop.log_old (at);
  create table shop.by_expression (a int, b int) partition by range ((abs(a)), b);

  create view shop.names with (security_barrier) as select id, name from shop.customer where mood = 'happy' with check option;
  alter view shop.names alter column name set default 'nobody';
  comment on view shop.names is 'only names';
  comment on column shop.names.id is 'the id';
  grant select on shop.names to "shop reader";
  create view shop.a_on_b as select n.name || '!' as loud from shop.names n;
  create view "od""d. schema"."View" ("Column one") as select loud from shop.a_on_b order by 1;
  create view shop.grouped as select id, name, count(*) from shop.customer group by id;
  create trigger instead instead of insert on shop.names for each row execute procedure shop.touch();
  create materialized view shop.totals with (fillfactor = 90) as select mood, count(*) as n from shop.customer group by mood;
  create unique index totals_mood on shop.totals (mood);
  comment on materialized view shop.totals is 'counted';
  create recursive view shop.upto (n) as select 1 union all select n + 1 from upto where n < 5;

  create function shop.on_ddl() returns event_trigger language plpgsql as 'begin perform 1; end';
  create event trigger shop_ddl on ddl_command_end when tag in ('CREATE TABLE', 'DROP TABLE') execute procedure shop.on_ddl();
  alter event trigger shop_ddl enable replica;
  comment on event trigger shop_ddl is 'watches';
  alter default privileges for role shop_owner in schema shop grant select on tables to "shop reader";
  alter default privileges for role shop_owner revoke execute on functions from public;
  alter default privileges for role shop_owner grant usage on sequences to shop_clerk;
`;

/** What later versions have, up to 18. */
export const EVERY_KIND_OF_18 = `
  create collation shop.icu_like (provider = builtin, locale = 'C.UTF-8');
  create procedure shop.clean(inout n int) language plpgsql as 'begin n := n + 1; end';
  comment on procedure shop.clean is 'cleans';
  create function shop.atomic(a int) returns int language sql immutable begin atomic select a + 1; end;
  create type shop.spans as range (subtype = int4, multirange_type_name = shop.many_spans);
  create unlogged sequence shop.lost;
  create table shop.modern (
    id int constraint modern_id_given not null,
    twice int generated always as (id * 2) stored,
    thrice int generated always as (id * 3) virtual,
    many shop.many_spans, even boolean generated always as (shop.is_even(id)) stored,
    doc text compression pglz,
    late int,
    constraint modern_key primary key (id) include (doc),
    constraint modern_unique unique nulls not distinct (many, doc),
    constraint soft check (id > 7) not enforced
  ) with (autovacuum_vacuum_insert_threshold = 5000, toast_tuple_target = 200);
  alter table shop.modern drop column late;
  alter table shop.modern add column later int;
  alter table shop.modern add constraint later_there not null later not valid;
  create index modern_include on shop.modern (doc) include (many) with (deduplicate_items = off);
  create index modern_expression on shop.modern ((id + 1), (id + 2));
  alter index shop.modern_expression alter column 2 set statistics 77;
  create unique index modern_distinct on shop.modern (many) nulls not distinct;
  create statistics shop.modern_stats (mcv, dependencies) on id, doc from shop.modern;
  alter statistics shop.modern_stats set statistics 33;
  create statistics shop.modern_expressions on (id % 5), doc from shop.modern;
  grant maintain on shop.modern to shop_clerk;
  create table shop.periods (id int4range, valid int4range, primary key (id, valid without overlaps));
  create table shop.period_child (id int4range, valid int4range, foreign key (id, period valid) references shop.periods (id, period valid));

  create table shop.sale (id bigint generated by default as identity, at date not null, customer bigint, amount numeric not null, constraint amount_positive check (amount > 0), primary key (at, id)) partition by range (at);
  create table shop.sale_1 partition of shop.sale for values from ('2024-01-01') to ('2025-01-01');
  create table shop.sale_2 partition of shop.sale for values from ('2025-01-01') to ('2026-01-01') partition by hash (id);
  create table shop.sale_2_0 partition of shop.sale_2 for values with (modulus 2, remainder 0);
  create table shop.sale_2_1 partition of shop.sale_2 for values with (modulus 2, remainder 1);
  create table shop.sale_rest partition of shop.sale default;
  create index sale_customer on shop.sale (customer);
  create index sale_only on only shop.sale (amount);
  alter table shop.sale add foreign key (customer) references shop.customer on delete set null (customer);
  create table shop.refund (at date, id bigint, foreign key (at, id) references shop.sale);
  create trigger sale_touch before insert on shop.sale for each row execute function shop.touch();
  alter table shop.sale_1 disable trigger sale_touch;
  create view shop.careful with (security_invoker = true) as select * from shop.modern;
  create table shop.parent_nn (a int constraint parent_given not null no inherit, b int not null);
  create table shop.child_nn (c int) inherits (shop.parent_nn);
  alter table shop.child_nn alter a set not null;
`;
