import type { Connection } from '../../../src/db/connection.js';
import { seededRandom } from '../../support/random.js';
import type { TortureCase } from '../torture-case.js';

/* What an application's statements can look like. */

const T = 'create table t (id integer primary key, v text, n integer)';
const BARE = 'create table bare (id integer, v text, n integer)';
const rows = (count: number, table = 't') =>
  `insert into ${table} select i, 'v' || i, i % 10 from generate_series(1, ${count}) as i`;

const PLAIN: readonly TortureCase[] = [
  {
    name: 'single rows',
    setup: `${T}; ${BARE}`,
    steps: [
      "insert into t values (1, 'a', 1)",
      'insert into t (id) values (2)',
      "update t set v = 'b' where id = 1",
      'delete from t where id = 2',
      "insert into bare values (1, 'a', 1)",
      'update bare set n = null',
      'insert into bare values (null, null, null)',
      'delete from bare where id = 1',
    ],
  },
  {
    name: 'five thousand rows at once',
    setup: `${T}; ${BARE}`,
    steps: [
      rows(5000),
      "update t set v = v || '+'",
      'delete from t where id % 7 = 0',
      'update t set n = n + 1 where id % 2 = 0',
      rows(5000, 'bare'),
      "update bare set v = v || '+' where id <= 500",
      'delete from bare where id <= 250',
    ],
  },
  {
    name: 'copy from stdin',
    setup: `${T}; ${BARE}`,
    steps: [
      { copy: 'copy t from stdin', data: '1\ta\\tb\\\\\t1\n2\t\\N\t\\N\n3\t\t3\n' },
      { copy: 'copy bare (v, id) from stdin with (format csv)', data: '"x\n""y""",1\n,2\n"",3\n' },
      {
        copy: 'copy t (id) from stdin',
        data: Array.from({ length: 3000 }, (_, i) => `${i + 10}\n`).join(''),
      },
      "update t set v = 'set' where id between 100 and 200",
      'begin; delete from t where id > 2000; commit',
    ],
  },
  {
    name: 'an update that changes nothing',
    changesNothing: true,
    setup: `${T}; ${BARE}; ${rows(10)}; ${rows(10, 'bare')}; insert into bare select * from bare`,
    steps: [
      'update t set v = v',
      'update t set id = id, n = n',
      'update bare set v = v',
      'update t set v = v where false',
      'delete from t where false',
      'insert into t select * from t where false',
      "begin; update t set v = 'x'; rollback",
      'begin; savepoint a; update t set id = id + 100; rollback to a; commit',
      "begin; insert into t values (100, 'x', 1); delete from t where id = 100; commit",
      "begin; update t set v = v || 'x'; update t set v = left(v, -1); commit",
    ],
  },
  {
    name: 'insert … on conflict',
    setup: `${T}; ${BARE}; create unique index on bare (id); ${rows(10)}; ${rows(10, 'bare')}`,
    steps: [
      "insert into t values (1, 'ignored', 0), (11, 'new', 0) on conflict do nothing",
      "insert into t values (1, 'taken', 0), (12, 'new', 0) on conflict (id) do update set v = excluded.v",
      "insert into t values (1, 'no', 5), (2, 'yes', 5) on conflict (id) do update set v = excluded.v where t.n = 2",
      "insert into t select i, 'bulk', i from generate_series(5, 30) as i on conflict (id) do update set n = t.n + excluded.n, v = t.v || excluded.v",
      "insert into bare values (1, 'ignored', 0), (11, 'new', 0) on conflict do nothing",
      "insert into bare values (2, 'taken', 0), (13, 'new', 0) on conflict (id) do update set v = excluded.v, n = null",
      "insert into t values (1, 'nothing', 0) on conflict (id) do update set v = t.v",
    ],
  },
  {
    name: 'insert … on conflict that changes the key to one that the same statement inserts',
    setup: `${T}; ${rows(3)}`,
    steps: [
      "insert into t values (1, 'a', 0) on conflict (id) do update set id = 10, v = 'moved'",
      "insert into t values (2, 'a', 0), (2, 'b', 0) on conflict (id) do update set id = 20, v = 'moved'",
    ],
  },
  {
    name: 'insert … on conflict that moves a row out of the way',
    setup: `${T}; ${rows(3)}`,
    steps: [
      "insert into t values (3, 'x', 0), (3, 'y', 0) on conflict (id) do update set id = t.id + 100, v = 'old'",
    ],
  },
];

const MERGES: readonly TortureCase[] = [
  {
    name: 'merge',
    rootSince: 15,
    setup: `${T}; ${rows(10)}`,
    steps: [
      "merge into t using (select i as id from generate_series(5, 15) as i) as s on t.id = s.id when matched and s.id % 2 = 0 then delete when matched then update set v = 'merged' when not matched then insert values (s.id, 'new', 0)",
      'merge into t using (values (1), (100)) as s(id) on t.id = s.id when matched then do nothing when not matched then insert (id) values (s.id)',
    ],
  },
  {
    name: 'merge that updates keys',
    rootSince: 15,
    setup: `${T}; ${rows(10)}`,
    steps: [
      'merge into t using (select i as id from generate_series(1, 3) as i) as s on t.id = s.id when matched then update set id = t.id + 100',
    ],
  },
  {
    name: 'merge that deletes a key and inserts it again',
    rootSince: 15,
    setup: `${T}; ${rows(5)}`,
    steps: [
      "merge into t using (values (1, 1), (2, 1001)) as s(id, match) on t.id = s.match when matched then delete when not matched then insert values (1, 'again', 0)",
    ],
  },
  {
    name: 'merge that moves a key away and inserts it again',
    rootSince: 15,
    setup: `${T}; ${rows(5)}`,
    steps: [
      "merge into t using (values (1, 1), (2, 1001)) as s(id, match) on t.id = s.match when matched then update set id = 50 when not matched then insert values (1, 'again', 0)",
    ],
  },
  {
    name: 'merge … when not matched by source, returning',
    rootSince: 17,
    setup: `${T}; ${rows(10)}`,
    steps: [
      "merge into t using (select i as id from generate_series(5, 12) as i) as s on t.id = s.id when matched then update set v = 'merged' when not matched by target then insert values (s.id, 'new', 0) when not matched by source and t.id < 3 then delete when not matched by source then update set v = 'not in source' returning merge_action(), t.*",
      "with m as (merge into t using (values (5), (200)) as s(id) on t.id = s.id when matched then delete when not matched then insert values (s.id, 'cte', 0) returning t.id, t.v) insert into t select id + 1000, v, 7 from m",
    ],
  },
  {
    name: 'merge of rows without a key',
    rootSince: 15,
    setup: `${BARE}; ${rows(10, 'bare')}`,
    steps: [
      "merge into bare using (select i as id from generate_series(5, 15) as i) as s on bare.id = s.id when matched and s.id % 2 = 0 then delete when matched then update set v = 'merged' when not matched then insert values (s.id, 'new', 0)",
    ],
  },
  {
    name: 'merge into a view',
    rootSince: 17,
    setup: `${T}; ${rows(5)}; create view w as select id, v from t`,
    steps: [
      "merge into w using (values (1), (9)) as s(id) on w.id = s.id when matched then update set v = 'by view' when not matched then insert values (s.id, 'by view')",
    ],
  },
];

/** Each is one statement over ten rows. */
const CTES: Readonly<Record<string, string>> = {
  'delete … returning into insert of other keys':
    'with d as (delete from t where id <= 3 returning *) insert into t select id + 100, v, n from d',
  'delete … returning into insert of the same keys':
    "with d as (delete from t where id <= 3 returning *) insert into t select id, v || '!', n from d",
  'delete … returning into insert of the same keys, limit 1':
    "with d as (delete from t where id <= 3 returning *) insert into t select id, v || '!', n from d limit 1",
  'delete … returning into insert of another key, limit 1':
    'with d as (delete from t where id <= 3 returning *) insert into t select id + 100, v, n from d limit 1',
  'delete not read at all, insert of the same key':
    "with d as (delete from t where id = 3) insert into t values (30, 'x', 1)",
  'update in a with, delete outside':
    "with u as (update t set v = 'u' where id <= 3 returning id) delete from t where id > 7",
  'update in a with, delete of other rows by what it returns':
    "with u as (update t set v = 'u' where id <= 3 returning id) delete from t using u where t.id = u.id + 5",
  'two updates of different rows':
    "with u as (update t set v = 'u' where id <= 3) update t set v = 'w' where id > 7",
  'two updates of different rows, keys too':
    'with u as (update t set id = id + 100 where id <= 3) update t set id = id - 100 where id > 7',
  'three updates, two in a with':
    "with u as (update t set v = 'u' where id <= 3), w as (update t set v = 'w' where id between 4 and 5 returning *) update t set v = 'x' || w.v from w where t.id = w.id + 4",
  'insert in a with, delete outside':
    "with i as (insert into t values (50, 'i', 0) returning *) delete from t where id <= 3",
  'insert in a with, update outside':
    "with i as (insert into t values (50, 'i', 0), (51, 'i', 0) returning *) update t set v = i.v from i where t.id = i.id - 49",
  'insert, update and delete in one':
    "with i as (insert into t values (50, 'i', 0) returning *), u as (update t set v = 'u' where id = 1 returning *), d as (delete from t where id = 2 returning *) insert into t select id + 1000, v, n from (select * from i union all select * from u union all select * from d) as s",
  'two deletes of the same rows':
    'with d as (delete from t where id <= 5 returning *) delete from t where id between 3 and 7',
  'update of rows that are deleted outside':
    "with u as (update t set v = 'u' where id <= 5 returning *) delete from t where id between 3 and 7",
  'insert … on conflict in a with':
    "with i as (insert into t values (1, 'i', 0), (50, 'i', 0) on conflict (id) do update set v = excluded.v returning *) update t set v = 'w' where id in (2, 3)",
  'update of a key, insert of the freed key':
    "with u as (update t set id = id + 100 where id = 1 returning *) insert into t select 1, 'freed', n from u",
  'update of a key of which one is read, insert of the freed key':
    "with u as (update t set id = id + 100 where id in (1, 2) returning *) insert into t select id - 100, 'freed', n from u limit 1",
  'data-modifying with under select':
    'with d as (delete from t where id <= 2 returning *), u as (update t set n = 77 where id > 8 returning *) select count(*) from d, u',
  'a with of two tables':
    'with d as (delete from t where id <= 3 returning *), b as (insert into bare select * from d returning *) update t set v = b.v from b where t.id = b.id + 3',
  'bare: delete into insert':
    "with d as (delete from bare where id <= 3 returning *) insert into bare select id, v || '!', n from d",
  'bare: delete into insert, limit 1':
    "with d as (delete from bare where id <= 3 returning *) insert into bare select id, v || '!', n from d limit 1",
  'bare: two updates':
    "with u as (update bare set v = 'u' where id <= 3) update bare set v = 'w' where id > 7",
  'bare: update and delete of equal rows':
    'with u as (update bare set id = 9 where id = 8) delete from bare where id = 9',
};

const CTE_CASES: readonly TortureCase[] = Object.entries(CTES).map(([name, statement]) => ({
  name: `with: ${name}`,
  setup: statement.includes('bare') ? `${T}; ${rows(10)}; ${BARE}; ${rows(10, 'bare')}` : `${T}; ${rows(10)}`,
  steps: [statement],
}));

const FOREIGN_KEYS: readonly TortureCase[] = [
  {
    name: 'foreign keys with all actions, in two levels',
    setup: `
      create table a (id integer primary key, v text);
      create table b (id integer primary key, a_id integer references a on delete cascade on update cascade, v text);
      create table c (id integer primary key, b_id integer references b on delete set null on update cascade, v text);
      create table d (id integer primary key, a_id integer default 1 references a on delete set default on update cascade);
      create table e (a_id integer primary key references a on delete cascade on update cascade, v text);
      create table f (a_id integer references a on delete cascade on update cascade, v text);`,
    steps: [
      "insert into a select i, 'a' || i from generate_series(1, 10) as i",
      "insert into b select i, (i + 1) / 2, 'b' || i from generate_series(1, 20) as i",
      "insert into c select i, (i + 1) / 2, 'c' || i from generate_series(1, 40) as i",
      'insert into d select i, i from generate_series(1, 10) as i',
      "insert into e select i, 'e' from generate_series(1, 10) as i",
      "insert into f select i, 'f' from generate_series(1, 10) as i",
      'delete from a where id = 2',
      'update a set id = id + 100 where id in (3, 4)',
      'delete from b where id = 20',
      'update b set id = -id where id > 15',
      'delete from a where id > 100',
      "begin; update a set id = 50 where id = 5; delete from a where id = 50; insert into a values (5, 'again'); commit",
    ],
  },
  ...(['cascade', 'set null', 'set default'] as const).map((action) => ({
    name: `a table that refers to itself, on delete ${action}`,
    setup: `create table t (id integer primary key, boss integer default 1 references t on delete ${action} on update cascade, v text)`,
    steps: [
      "insert into t select i, nullif(i / 2, 0), 'v' || i from generate_series(1, 30) as i",
      'delete from t where id = 4',
      'update t set id = id + 100 where id = 3',
      "update t set v = 'x', id = id + 200 where id in (5, 6)",
      'delete from t where id in (103, 205)',
      "begin; delete from t where id = 7; insert into t values (7, 1, 'again'); commit",
    ],
  })),
  {
    name: 'foreign keys that are checked at the end',
    setup: `create table p (id integer primary key); create table t (id integer primary key, p_id integer references p on update cascade on delete cascade deferrable initially deferred)`,
    steps: [
      'begin; insert into t values (1, 1), (2, 2); insert into p values (1), (2), (3); commit',
      'begin; update p set id = 30 where id = 1; insert into t values (3, 30); delete from p where id = 2; commit',
    ],
  },
  {
    name: 'foreign keys in a ring',
    setup: `create table a (id integer primary key, b_id integer, v text); create table b (id integer primary key, a_id integer references a on delete cascade on update cascade, v text);
      alter table a add foreign key (b_id) references b on delete set null on update cascade`,
    steps: [
      "insert into a select i, null, 'a' from generate_series(1, 6) as i",
      "insert into b select i, i, 'b' from generate_series(1, 6) as i",
      'update a set b_id = id % 6 + 1',
      'update a set id = id + 10 where id <= 3',
      'delete from a where id = 11',
      'delete from b where id = 5',
    ],
  },
];

const RULES: readonly TortureCase[] = [
  {
    name: 'statements through rules',
    setup: `${T}; ${rows(10)}; create table log (id serial primary key, what text);
      create table front (id integer, v text);
      create rule front_insert as on insert to front do instead insert into t values (new.id, new.v, 0);
      create rule front_update as on update to front do instead update t set v = new.v where id = old.id;
      create rule log_update as on update to t do also insert into log (what) values (old.v || ' to ' || new.v);
      create rule log_delete as on delete to t do also insert into log (what) values ('deleted ' || old.id)`,
    steps: [
      "insert into front values (100, 'front'), (101, 'front')",
      "update t set v = 'x' where id <= 3",
      'delete from t where id in (4, 5)',
    ],
  },
  {
    name: 'rules that write the same table',
    setup: `${T}; ${rows(5)}; create rule more as on insert to t do also update t set n = n + 1 where id <= 2;
      create rule less as on delete to t where old.id < 4 do instead update t set v = 'marked' where id = old.id`,
    steps: [
      "insert into t values (10, 'a', 0), (11, 'b', 0)",
      'delete from t where id in (1, 2)',
      'delete from t where id in (3, 4)',
    ],
  },
  {
    name: 'writes through a view',
    setup: `${T}; ${rows(10)}; create view w as select id, v from t where id < 100; create view ww as select * from w where id > 2 with cascaded check option;
      create view by_trigger as select id, v from t;
      create function by_trigger() returns trigger language plpgsql as $$ begin
        if tg_op = 'DELETE' then delete from %S.t where id = old.id; return old; end if;
        insert into %S.t values (new.id, new.v, -1) on conflict (id) do update set v = excluded.v; return new; end $$;
      create trigger by_trigger instead of insert or update or delete on by_trigger for each row execute procedure by_trigger()`,
    steps: [
      "insert into w values (50, 'w')",
      "update w set v = 'by w' where id <= 3",
      "update ww set v = 'by ww', id = id + 20",
      'delete from ww where id > 25',
      "insert into by_trigger values (1, 'a'), (60, 'b')",
      "update by_trigger set v = 'c' where id = 60",
      'delete from by_trigger where id = 1',
    ],
  },
];

/** PostgreSQL 10 knows no NEW in a DELETE and no OLD in an INSERT. */
const trigger = (body: string, when: string, name = 'app') => `
  create function ${name}() returns trigger language plpgsql as $app$ begin ${body}
    if tg_level = 'STATEMENT' then return null; elsif tg_op = 'DELETE' then return old; else return new; end if; end $app$;
  create trigger ${name} ${when} execute procedure ${name}();`;

/** Each trigger over inserts, updates and deletes of one row and of many. */
const TRIGGERS: Readonly<Record<string, string>> = {
  'after row, updates the same row again': trigger(
    "if new.n < 100 then update %S.t set n = n + 100, v = v || '!' where id = new.id; end if;",
    'after insert or update on t for each row',
  ),
  'after row, updates another row of the same statement': trigger(
    "if pg_trigger_depth() = 1 then update %S.t set v = v || '<' || new.id where id = new.id + 1; end if;",
    'after insert or update on t for each row',
  ),
  'after row, updates an earlier row': trigger(
    "if pg_trigger_depth() = 1 then update %S.t set v = v || '>' || new.id where id = new.id - 1; end if;",
    'after insert or update on t for each row',
  ),
  'after row, deletes the row': trigger(
    'if new.id % 3 = 0 then delete from %S.t where id = new.id; end if;',
    'after insert or update on t for each row',
  ),
  'after row, deletes another row of the same statement': trigger(
    'if new.id % 4 = 0 then delete from %S.t where id = new.id + 1; end if;',
    'after insert or update on t for each row',
  ),
  'after row, inserts into the same table': trigger(
    "if new.id < 1000 then insert into %S.t values (new.id + 1000, 'made', 0) on conflict do nothing; end if;",
    'after insert or update on t for each row',
  ),
  'after delete, inserts the row again': trigger(
    "if old.id % 2 = 0 then insert into %S.t values (old.id, 'back', 0); end if;",
    'after delete on t for each row',
  ),
  'before row, changes new': trigger(
    'new.v := upper(new.v); new.n := -new.n;',
    'before insert or update on t for each row',
  ),
  'before row, changes the key': trigger('new.id := new.id + 10000; ', 'before insert on t for each row'),
  'before row, leaves out rows': trigger(
    "if tg_op = 'DELETE' then if old.id % 2 = 0 then return null; end if; elsif new.id % 2 = 0 then return null; end if;",
    'before insert or update or delete on t for each row',
  ),
  'before row, updates an earlier row': trigger(
    "if pg_trigger_depth() = 1 then update %S.t set v = v || '^' where id = new.id - 1; end if;",
    'before insert or update on t for each row',
  ),
  'before row, deletes an earlier row': trigger(
    'delete from %S.t where id = new.id - 5;',
    'before insert on t for each row',
  ),
  'before insert, makes room for the row': trigger(
    'delete from %S.t where id = new.id;',
    'before insert on t for each row',
  ),
  'before insert, makes room; after it, updates the row and the next': trigger(
    `if tg_when = 'BEFORE' then delete from %S.t where id in (new.id, new.id + 2);
     elsif pg_trigger_depth() = 1 then update %S.t set v = v || '+' || new.id where id in (new.id, new.id + 1); end if;`,
    'before insert on t for each row',
  ).concat(' create trigger after after insert on t for each row execute procedure app();'),
  'after row, deletes and inserts another row of the same statement': trigger(
    `if pg_trigger_depth() = 1 then
       delete from %S.t where id = new.id + 1; insert into %S.t values (new.id + 1, 'again by ' || new.id, 0);
     end if;`,
    'after insert or update on t for each row',
  ),
  'after row, moves another row of the same statement': trigger(
    'if pg_trigger_depth() = 1 and new.id % 3 = 0 then update %S.t set id = id + 500 where id = new.id + 1; end if;',
    'after insert or update on t for each row',
  ),
  'after row, writes other rows three levels deep, and takes some of it back': trigger(
    `if pg_trigger_depth() < 4 then
       begin
         update %S.t set v = v || pg_trigger_depth() where id in (new.id + 1, new.id - 2);
         if new.id % 3 = 0 then raise exception 'back'; end if;
       exception when others then null;
       end;
     end if;`,
    'after insert or update on t for each row',
  ),
  'before statement, writes the table': trigger(
    "update %S.t set v = v || '^' where id >= 9 and id <= 10;",
    'before insert or delete on t for each statement',
  ),
  'after statement, updates the table': trigger(
    "update %S.t set v = v || '!' where id <= 5;",
    'after insert or delete on t for each statement',
  ),
  'after statement, deletes and inserts': trigger(
    "delete from %S.t where id = 5; insert into %S.t values (5, 'anew', 0) on conflict do nothing;",
    'after insert or update on t for each statement',
  ).replace('begin delete', 'begin if pg_trigger_depth() > 1 then return null; end if; delete'),
  'after statement under a name that sorts first': trigger(
    "update %S.t set v = v || '!' where id <= 5;",
    'after insert or delete on t for each statement',
    '"\u0001 first"',
  ).replaceAll('"\u0001 first"', '"  first"'),
  'after row under a name that sorts first': trigger(
    "if pg_trigger_depth() = 1 then update %S.t set v = v || '<' where id = new.id; end if;",
    'after insert or update on t for each row',
    '"  first"',
  ),
  'after row under a name that sorts last': trigger(
    "if pg_trigger_depth() = 1 then update %S.t set v = v || '<' where id = new.id; end if;",
    'after insert or update on t for each row',
    '"zzz last"',
  ),
  'constraint trigger, deferred': trigger(
    "if new.v not like '%.' then update %S.t set v = v || '.' where id = new.id; end if;",
    'after insert or update on t initially deferred for each row',
  ).replace('create trigger', 'create constraint trigger'),
  'writes another replicated table': trigger(
    `declare v_id integer; begin
       if tg_op = 'DELETE' then v_id := old.id; else v_id := new.id; end if;
       insert into %S.other values (v_id, tg_op, 0) on conflict (id) do update set n = %S.other.n + 1, v = excluded.v;
     end;`,
    'after insert or update or delete on t for each row',
  ),
  'writes another table that writes back':
    trigger(
      'if pg_trigger_depth() = 1 then update %S.other set n = n + 1 where id = new.id; end if;',
      'after insert or update on t for each row',
    ) +
    trigger(
      'update %S.t set n = new.n where id = new.id and n <> new.n;',
      'after update on other for each row',
      'back',
    ),
  'with transition tables of its own': `
    create function app() returns trigger language plpgsql as $app$ begin update %S.t set n = t.n + 1 from new_rows where t.id = new_rows.id and pg_trigger_depth() = 1; return null; end $app$;
    create trigger app after insert on t referencing new table as new_rows for each statement execute procedure app();`,
  'catches errors in a loop': trigger(
    "for i in 1..3 loop begin update %S.t set v = v || i where id = new.id and pg_trigger_depth() = 1; if i = 2 then raise exception 'no'; end if; exception when others then null; end; end loop;",
    'after insert on t for each row',
  ),
};

const TRIGGER_CASES: readonly TortureCase[] = Object.entries(TRIGGERS).map(([name, rootSetup]) => ({
  name: `trigger: ${name}`,
  setup: rootSetup.includes('other')
    ? `${T}; ${rows(10)}; create table other (id integer primary key, v text, n integer); ${rows(10, 'other')}`
    : `${T}; ${rows(10)}`,
  rootSetup,
  steps: [
    "insert into t values (20, 'one', 1)",
    "update t set v = 'changed' where id = 3",
    'delete from t where id = 2',
    "insert into t select i, 'many', i % 7 from generate_series(30, 45) as i",
    "update t set v = v || '*' where id between 4 and 40",
    "insert into t values (4, 'conflict', 0), (50, 'conflict', 0) on conflict (id) do update set v = excluded.v",
    'delete from t where id between 35 and 40',
  ],
}));

/** Triggers that are enabled or made after replication began. */
const LATE_TRIGGERS: readonly TortureCase[] = [
  {
    name: 'trigger: made after the table was added, updates another row',
    setup: `${T}; ${rows(10)}`,
    steps: [
      trigger(
        "if pg_trigger_depth() = 1 then update %S.t set v = v || '<' || new.id where id = new.id + 1; end if;",
        'after insert or update on t for each row',
      ),
      "insert into t select i, 'many', 0 from generate_series(20, 30) as i",
      "update t set v = v || '*'",
    ],
  },
  {
    name: 'trigger: enabled after the table was added, updates the same row',
    setup: `${T}; ${rows(10)}`,
    rootSetup: `${trigger("if pg_trigger_depth() = 1 then update %S.t set v = v || '<' || new.id where id = new.id; end if;", 'after insert or update on t for each row')} alter table t disable trigger app`,
    steps: [
      "update t set v = 'before' where id = 1",
      'alter table t enable trigger app',
      "insert into t select i, 'many', 0 from generate_series(20, 30) as i",
      "update t set v = v || '*'",
    ],
  },
  {
    name: 'trigger: updates the key of the row again',
    setup: `${T}; ${rows(5)}`,
    rootSetup: trigger(
      'if new.id < 1000 then update %S.t set id = id + 1000 where id = new.id; end if;',
      'after insert or update on t for each row',
    ),
    steps: ["insert into t values (20, 'a', 0), (21, 'b', 0)", "update t set v = 'x' where id in (1, 2)"],
  },
  {
    name: 'trigger: without a key, updates the same row again',
    setup: `${BARE}; ${rows(10, 'bare')}`,
    rootSetup: trigger(
      "if pg_trigger_depth() = 1 then update %S.bare set v = v || '!' where id = new.id; end if;",
      'after insert or update on bare for each row',
    ),
    steps: [
      "insert into bare values (20, 'a', 0), (21, 'b', 0)",
      "update bare set v = 'x' where id in (1, 2)",
      'insert into bare select * from bare where id > 5',
      'delete from bare where id = 7',
    ],
  },
  {
    name: 'trigger: without a key, a statement trigger writes the table',
    setup: `${BARE}; ${rows(10, 'bare')}`,
    rootSetup: trigger(
      'update %S.bare set n = n + 1 where id <= 5;',
      'after insert or delete on bare for each statement',
    ),
    steps: [
      "insert into bare values (20, 'a', 0), (3, 'b', 0)",
      'delete from bare where id in (4, 20)',
      'delete from bare where id = 3',
    ],
  },
];

const FUNCTIONS: readonly TortureCase[] = [
  {
    name: 'a volatile function in a select list that writes the same table',
    setup: `${T}; ${rows(10)}; create function write(integer) returns text language plpgsql as $$ begin
      update %S.t set v = v || '~' where id = $1; delete from %S.t where id = $1 + 5; insert into %S.t values ($1 + 100, 'by function', 0) on conflict do nothing; return 'x'; end $$`,
    steps: [
      'select write(id) from t where id <= 2',
      'insert into t select id + 1000, write(id), 1 from t where id in (3, 4)',
      'update t set v = write(200) where id = 1',
    ],
  },
  {
    name: 'a volatile function in an update that writes other rows of its set',
    setup: `${T}; ${rows(10)}; create function write(integer) returns text language plpgsql as $$ begin
      update %S.t set n = n + 1000 where id = $1 - 1 and n < 1000; return 'w'; end $$`,
    steps: ['update t set v = write(id) where id between 2 and 4', 'insert into t select 50, write(8), 0'],
  },
  {
    name: 'a function of the same rows within insert … returning',
    setup: `${T}; ${rows(3)}; create function touch(integer) returns integer language sql as $$ update %S.t set n = -1 where id = $1 + 0 returning n $$`,
    steps: [
      "insert into t values (10, 'a', 0), (11, 'b', 0) returning touch(1)",
      'update t set v = v returning touch(id)',
    ],
  },
  {
    name: 'statements in functions in all languages',
    setup:
      `${T}; ${rows(5)}; create function in_sql(integer) returns setof %S.t language sql as $$ update %S.t set v = 'sql' where id = $1 returning * $$;
      create function in_plpgsql() returns void language plpgsql as $$ declare r record; begin for r in select * from %S.t loop execute format('update %%s set n = n + 1 where id = $1', '%S.t') using r.id; end loop; end $$`.replace(
        '%%s',
        '%s',
      ),
    steps: [
      'select * from in_sql(1) as a, in_sql(2) as b',
      'select in_plpgsql()',
      'do $$ begin perform in_plpgsql(); perform in_plpgsql(); end $$',
    ],
  },
];

const TRANSACTIONS: readonly TortureCase[] = [
  {
    name: 'savepoints and what they roll back',
    setup: `${T}; ${rows(5)}; ${BARE}; ${rows(5, 'bare')}`,
    steps: [
      "begin; insert into t values (10, 'a', 0); savepoint a; insert into t values (11, 'b', 0); update t set v = 'lost' where id = 1; savepoint b; delete from t where id = 2; rollback to b; update t set v = 'kept' where id = 3; release a; commit",
      "begin; savepoint a; update bare set v = 'lost'; rollback to a; update bare set v = 'kept' where id = 1; savepoint c; insert into bare values (9, 'kept', 1); release c; commit",
      'begin; savepoint a; update t set id = id + 100; rollback to a; savepoint a; update t set id = id + 200 where id < 3; commit',
      "do $$ begin for i in 1..50 loop begin insert into t values (1000 + i, 'loop', i); update t set v = v || '!' where id = 1000 + i; if i % 3 = 0 then raise exception 'no'; end if; exception when raise_exception then null; end; end loop; end $$",
      "do $$ begin for i in 1..20 loop begin insert into t values (1000 + i, 'again', i); exception when unique_violation then update t set n = -n where id = 1000 + i; end; end loop; end $$",
      { refused: "insert into t values (2000, 'lost', 0), (2000, 'lost', 0)" },
    ],
  },
  {
    name: 'transactions that are rolled back',
    setup: `${T}; ${rows(5)}`,
    steps: [
      "begin; update t set v = 'lost'; delete from t where id = 1; rollback",
      "begin; insert into t values (100, 'lost', 0); rollback",
      "begin; update t set v = 'kept' where id = 1; commit and chain; update t set v = 'lost' where id = 2; rollback".replace(
        ' and chain',
        '; begin',
      ),
      'begin; truncate t; rollback',
    ],
  },
  {
    name: 'two-phase commit',
    setup: `${T}; ${rows(5)}`,
    steps: [
      "begin; insert into t values (10, 'prepared', 0); update t set v = 'prepared' where id = 1; prepare transaction 'torture 1'",
      "update t set v = 'between' where id = 2",
      "begin; insert into t values (11, 'lost', 0); delete from t where id = 3; prepare transaction 'torture 2'",
      "commit prepared 'torture 1'",
      "rollback prepared 'torture 2'",
      "begin; delete from t where id = 1; prepare transaction 'torture 1'",
      "commit prepared 'torture 1'",
    ],
  },
  {
    name: 'prepared statements, repeated',
    setup: `${T}; ${BARE}`,
    steps: [
      'prepare i (integer, text) as insert into t values ($1, $2, 0); prepare u (integer, text) as update t set v = $2 where id = $1; prepare d (integer) as delete from t where id = $1; prepare b (integer) as update bare set n = n + 1 where id = $1',
      "insert into bare select i % 3, 'x', 0 from generate_series(1, 6) as i",
      ...Array.from({ length: 20 }, (_, i) => [
        `execute i (${i}, 'v${i}')`,
        `execute u (${i}, 'u${i}')`,
        `execute b (${i % 3})`,
        ...(i % 3 === 0 ? [`execute d (${i})`] : []),
      ]).flat(),
    ],
  },
  {
    name: 'prepared statements with parameters of the protocol',
    setup: T,
    steps: [
      {
        run: async ({ application }) => {
          for (let i = 0; i < 20; i++) {
            await application.executePrepared('i', 'insert into t values ($1, $2, $3)', [
              i,
              `v${i} \\ '"`,
              null,
            ]);
            await application.executePrepared('u', 'update t set v = v || $2, n = $3 where id = $1', [
              i,
              '\u2028é',
              i,
            ]);
            if (i % 4 === 0) await application.executePrepared('d', 'delete from t where id = $1', [i]);
          }
        },
      },
    ],
  },
  {
    name: 'cursors',
    setup: `${T}; ${rows(10)}; ${BARE}; ${rows(6, 'bare')}; insert into bare select * from bare`,
    steps: [
      "begin; declare c cursor for select * from t order by id for update; fetch 3 from c; update t set v = 'by cursor' where current of c; fetch 1 from c; delete from t where current of c; close c; commit",
      "begin; declare c cursor for select * from bare for update; fetch 2 from c; update bare set v = 'by cursor' where current of c; fetch 1 from c; delete from bare where current of c; commit",
      'do $$ declare c cursor for select * from t for update; begin for r in c loop update t set n = n + 1 where current of c; end loop; end $$',
    ],
  },
  {
    name: 'update … from, delete … using, returning',
    setup: `${T}; ${rows(10)}; create table other (id integer primary key, v text)`,
    steps: [
      "insert into other select id, 'o' || id from t where id % 2 = 0 returning *",
      'update t set v = o.v from other as o where o.id = t.id returning t.*',
      // Several matches: one of them wins.
      'update t set n = o.id from other as o where t.id = 1',
      'delete from t using other as o where o.id = t.id + 1 returning t.*, o.*',
      'update t set (v, n) = (select o.v, 7 from other as o where o.id = t.id) where id > 5',
    ],
  },
  {
    name: 'returning old and new',
    rootSince: 18,
    setup: `${T}; ${rows(5)}`,
    steps: [
      "update t set v = 'x' where id = 1 returning old.*, new.*",
      'with u as (update t set id = id + 10 where id > 3 returning old.id as was, new.id as is_now) insert into t select was + 100, is_now::text, 0 from u',
      'delete from t where id = 2 returning old.*, new.*',
    ],
  },
  {
    name: 'many changes of one row in one transaction',
    setup: `${T}; ${BARE}`,
    steps: [
      "do $$ begin for i in 1..40 loop insert into t values (1, 'v' || i, i); update t set n = n + 1 where id = 1; update t set id = 2 where id = 1; update t set id = 1 where id = 2; if i < 40 then delete from t where id = 1; end if; end loop; end $$",
      "do $$ begin insert into bare values (1, 'a', 0), (1, 'a', 0); for i in 1..40 loop update bare set n = n + 1 where ctid = (select ctid from bare order by n limit 1); end loop; end $$",
    ],
  },
  {
    name: 'whole tables under locks and isolation levels',
    setup: 'create table t (id integer primary key, n bigint)',
    steps: [
      'insert into t select i, 0 from generate_series(1, 10) as i',
      'begin isolation level serializable; update t set n = n + (select count(*) from t) where id = 1; commit',
      'begin; lock table t; update t set n = -n - id; commit',
    ],
  },
  {
    name: 'parallel writers of the same rows, ticks in between',
    setup: `${T}; ${rows(20)}; ${BARE}; create index on bare (id)`,
    steps: [
      {
        run: async ({ open, tick }) => {
          const writers = Array.from({ length: 6 }, (_, number) => writeAtRandom(open, number));
          let isDone = false;
          const written = Promise.all(writers).finally(() => {
            isDone = true;
          });
          while (!isDone) await tick();
          await written;
        },
      },
    ],
  },
];

/** One writer's single-row statements over few keys, each its own transaction, so that writers wait for each other and none is a deadlock's victim. */
async function writeAtRandom(open: () => Promise<Connection>, writer: number): Promise<void> {
  await using session = await open();
  const random = seededRandom(writer + 1);
  for (let i = 0; i < 60; i++) {
    const id = Math.floor(random() * 20) + 1;
    const other = Math.floor(random() * 20) + 1;
    const value = `'${writer} ${i}'`;
    const statements = [
      `insert into %S.t values (${id}, ${value}, ${i}) on conflict (id) do update set v = excluded.v, n = %S.t.n + 1`,
      `update %S.t set v = v || ${value} where id = ${id}`,
      `delete from %S.t where id = ${id}`,
      `update %S.t set id = ${other} where id = ${id} and not exists (select from %S.t where id = ${other})`,
      `insert into %S.bare values (${id}, ${value}, ${i})`,
      `update %S.bare set n = n + 1 where ctid = (select ctid from %S.bare where id = ${id} limit 1 for update skip locked)`,
      `delete from %S.bare where ctid = (select ctid from %S.bare where id = ${id} limit 1 for update skip locked)`,
    ];
    const statement = statements[Math.floor(random() * statements.length)] as string;
    await session
      .execute(statement.replaceAll('%S.', 't_parallel_writers_of_the_same_rows_ticks_in_between.'))
      .catch((error: unknown) => {
        // Another writer was first with that key: nothing was written.
        if ((error as { code?: string }).code !== '23505') throw error;
      });
  }
}

export const STATEMENT_CASES: readonly TortureCase[] = [
  ...PLAIN,
  ...MERGES,
  ...CTE_CASES,
  ...FOREIGN_KEYS,
  ...RULES,
  ...TRIGGER_CASES,
  ...LATE_TRIGGERS,
  ...FUNCTIONS,
  ...TRANSACTIONS,
];
