import type { TortureCase } from '../torture-case.js';

/* What tables can look like: partitions, inheritance, names, columns, and TRUNCATE. */

const PARTITIONED: readonly TortureCase[] = [
  {
    name: 'partitions by list, without a key',
    setup: `create table t (k text, n integer) partition by list (k);
      create table t_a partition of t for values in ('a', 'b'); create table t_c partition of t for values in ('c', null);
      create table t_x (n integer, k text); alter table t attach partition t_x for values in ('x')`,
    steps: [
      "do $$ begin insert into t select 'x', i % 3 from generate_series(1, 9) as i; truncate t_x; insert into t values ('x', 1), ('x', 1); end $$",
      "update t set n = 5 where k = 'x'",
      "insert into t select (array['a', 'b', 'c', null])[1 + i % 4], i from generate_series(1, 40) as i",
      "insert into t_c values ('c', 100)",
      'update t set n = n + 1000 where n < 10',
      'update t_a set n = -n where n > 30',
      "update t set k = 'b' where k = 'a' and n = 20",
      'delete from t where n % 5 = 0',
      'delete from t_c where k is null',
      { copy: 'copy t from stdin', data: 'a\t7\n\\N\t8\n' },
    ],
  },
  {
    name: 'partitions by range, rows that move',
    since: 11,
    setup: `create table t (id integer, at date, v text, primary key (id, at)) partition by range (at);
      create table t_24 partition of t for values from ('2024-01-01') to ('2025-01-01'); create table t_25 partition of t for values from ('2025-01-01') to ('2026-01-01');
      create table t_other partition of t default`,
    steps: [
      "insert into t select i, date '2024-06-01' + i * 10, 'v' || i from generate_series(1, 100) as i",
      "insert into t_24 values (1000, '2024-02-02', 'direct')",
      "insert into t_other values (1001, '1999-01-01', 'default')",
      "update t set at = at + 365, v = 'moved' where id % 10 = 0",
      "update t_24 set v = 'direct' where id % 3 = 0",
      "update t set v = v || '!' where at < '2024-12-01'",
      'delete from t_25 where id % 7 = 0',
      'delete from t where id % 11 = 0',
      "insert into t values (1, '2024-06-11', 'conflict'), (2000, '2024-03-03', 'new') on conflict (id, at) do update set v = excluded.v",
      'with d as (delete from t where id in (1, 2) returning *) insert into t select id, at + 400, v from d',
      { copy: 'copy t from stdin', data: '3000\t2024-05-05\tc\n3001\t2025-05-05\tc\n3002\t2035-05-05\tc\n' },
    ],
  },
  {
    name: 'partitions by hash, with other column orders',
    since: 11,
    setup: `create table t (id bigint, v text, w integer default 7, primary key (id)) partition by hash (id);
      create table t_0 partition of t for values with (modulus 3, remainder 0);
      create table t_1 (w integer default 9, gone text, v text, id bigint not null, primary key (id)); alter table t_1 drop column gone;
      alter table t attach partition t_1 for values with (modulus 3, remainder 1);
      create table t_2 (v text, id bigint not null primary key, w integer); alter table t attach partition t_2 for values with (modulus 3, remainder 2)`,
    steps: [
      "insert into t select i, 'v' || i, i from generate_series(1, 60) as i",
      "update t set v = v || '!' where id % 2 = 0",
      'update t set id = id + 1000 where id <= 10',
      'delete from t where id % 9 = 0',
      'insert into t (id) values (500), (501), (502), (503)',
      'update t_1 set w = -1',
      'delete from t_2 where w % 4 = 0',
    ],
  },
  {
    name: 'partitions of partitions',
    since: 11,
    setup: `create table t (r text, n integer, v text, primary key (r, n)) partition by list (r);
      create table t_a partition of t for values in ('a') partition by range (n);
      create table t_a_1 partition of t_a for values from (0) to (100); create table t_a_2 partition of t_a for values from (100) to (200);
      create table t_b partition of t for values in ('b'); create table t_rest partition of t default`,
    steps: [
      "insert into t select (array['a', 'b', 'x'])[1 + i % 3], i, 'v' from generate_series(1, 150) as i",
      "update t set n = n + 50 where r = 'a' and n > 60 and n < 100",
      "update t set r = 'b', n = n + 1000 where n < 20",
      "insert into t_a values ('a', 199, 'mid')",
      "insert into t_a_1 values ('a', 98, 'low')",
      'delete from t_a where n % 4 = 0',
      'truncate t_a_1',
    ],
  },
  {
    name: 'partitions that are made, attached, detached and dropped later',
    since: 11,
    setup: `create table t (id integer, v text, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100)`,
    steps: [
      "insert into t select i, 'v' from generate_series(1, 50) as i",
      { onBoth: 'create table t_2 partition of t for values from (100) to (200)' },
      "insert into t select i, 'later' from generate_series(90, 120) as i",
      "insert into t_2 values (150, 'direct')",
      'update t set id = id + 80 where id between 45 and 60',
      {
        onBoth:
          "create table own (id integer not null, v text, primary key (id)); insert into own select i, 'own' from generate_series(300, 310) as i",
      },
      { onBoth: 'alter table t attach partition own for values from (300) to (400)' },
      "insert into t values (350, 'in own')",
      "insert into own values (351, 'direct')",
      "update t set v = v || '!' where id >= 300",
      'delete from own where id = 305',
      { onBoth: 'alter table t detach partition t_2' },
      "insert into t values (7000, 'x') on conflict do nothing".replace('7000', '60'),
      { onBoth: 'create table t_2b partition of t for values from (100) to (200)' },
      "insert into t values (111, 'in its place')",
      { onBoth: 'drop table t_2' },
      "update t set v = 'end' where id = 111",
    ],
  },
  {
    name: 'a partition that was detached goes on by itself',
    since: 11,
    setup: `create table t (id integer, v text, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100); create table t_2 partition of t for values from (100) to (200)`,
    steps: [
      "insert into t select i, 'v' from generate_series(90, 110) as i",
      { onBoth: 'alter table t detach partition t_2' },
      "insert into t values (5, 'x')",
      'delete from t where id = 90',
    ],
  },
  {
    name: 'a replicated table that becomes a partition of another',
    since: 11,
    setup: `create table t (id integer, v text, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100);
      create table late (id integer not null primary key, v text); insert into late select i, 'late' from generate_series(200, 210) as i`,
    steps: [
      "insert into t select i, 'v' from generate_series(1, 10) as i",
      "update late set v = 'before' where id = 200",
      { onBoth: 'alter table t attach partition late for values from (200) to (300)' },
      "update late set v = 'direct' where id = 201",
      "update t set v = 'by parent' where id = 202",
      'delete from t where id = 203',
      "insert into late values (250, 'direct')",
    ],
  },
  {
    name: 'truncate of one partition',
    since: 11,
    setup: `create table t (id integer, v text, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100); create table t_2 partition of t for values from (100) to (200)`,
    steps: [
      "insert into t select i, 'v' from generate_series(90, 110) as i",
      'truncate t_2',
      "insert into t values (150, 'after')",
      "begin; truncate only t_1; insert into t values (1, 'after'); commit",
    ],
  },
  {
    name: 'truncate of a partitioned table',
    since: 11,
    setup: `create table t (id integer, v text, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100); create table t_2 partition of t for values from (100) to (200)`,
    steps: [
      "insert into t select i, 'v' from generate_series(90, 110) as i",
      'truncate t',
      "insert into t values (150, 'after')",
    ],
  },
  {
    name: 'partitions with triggers of the user',
    since: 13,
    setup: `create table t (id integer, v text, n integer default 0, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100); create table t_2 partition of t for values from (100) to (200)`,
    rootSetup: `create function before() returns trigger language plpgsql as $$ begin new.v := upper(new.v); return new; end $$; create trigger before before insert or update on t for each row execute procedure before();
      create function after() returns trigger language plpgsql as $$ begin if new.n = 0 then update %S.t set n = 1 where id = new.id; end if; return null; end $$; create trigger "zz after" after insert on t for each row execute procedure after()`,
    steps: [
      "insert into t (id, v) select i, 'v' || i from generate_series(95, 105) as i",
      'update t set id = id + 50 where id between 95 and 99',
    ],
  },
  {
    name: 'partitions that refer to each other',
    since: 12,
    setup: `create table p (id integer primary key, v text) partition by hash (id); create table p_0 partition of p for values with (modulus 2, remainder 0); create table p_1 partition of p for values with (modulus 2, remainder 1);
      create table t (id integer, p_id integer references p on delete cascade on update cascade, primary key (id)) partition by range (id); create table t_1 partition of t for values from (0) to (100); create table t_2 partition of t default`,
    steps: [
      "insert into p select i, 'p' from generate_series(1, 20) as i",
      'insert into t select i, i % 20 + 1 from generate_series(1, 200, 5) as i',
      'delete from p where id in (2, 3)',
      'update p set id = id + 100 where id in (6, 7)',
      'update t set id = id + 500 where id < 20',
    ],
  },
  {
    name: 'inheritance',
    setup: `create table t (id integer primary key, v text); create table kid (extra integer, primary key (id)) inherits (t); create table kid2 (primary key (id)) inherits (kid)`,
    steps: [
      "insert into t select i, 't' from generate_series(1, 10) as i",
      "insert into kid select i, 'kid', i from generate_series(1, 10) as i",
      "insert into kid2 select i, 'kid2', i from generate_series(11, 20) as i",
      "update t set v = v || '!' where id % 2 = 0",
      "update only t set v = v || '?' where id % 3 = 0",
      'delete from t where id = 4',
      'delete from only kid where id = 5',
      'update kid set extra = -extra',
      'update t set id = id + 100 where id in (7, 8)',
      'truncate only t',
      "insert into t values (1, 'after')",
    ],
  },
  {
    name: 'inheritance without keys, truncated with its children',
    setup: 'create table t (a integer, b text); create table kid () inherits (t)',
    steps: [
      "insert into t values (1, 'a'), (1, 'a')",
      "insert into kid values (1, 'a'), (2, 'b')",
      "update t set b = 'x' where a = 1",
      'delete from kid where a = 2',
      'truncate t',
      "insert into kid values (9, 'after')",
    ],
  },
];

const TRUNCATES: readonly TortureCase[] = [
  {
    name: 'truncate of several tables at once',
    setup:
      "create table a (id serial primary key, v text); create table b (v text); create table c (id integer primary key); insert into a (v) values ('x'), ('y'); insert into b values ('x'); insert into c values (1)",
    steps: [
      "insert into a (v) values ('z')",
      'truncate a, b, c restart identity',
      "insert into a (v) values ('after')",
      'insert into b values (null)',
    ],
  },
  {
    name: 'truncate cascade over foreign keys',
    setup:
      'create table a (id integer primary key); create table b (id integer primary key, a_id integer references a); create table c (id integer primary key, b_id integer references b); insert into a values (1), (2); insert into b values (1, 1); insert into c values (1, 1)',
    steps: [
      'insert into c values (2, 1)',
      'truncate a cascade',
      'insert into a values (7)',
      'begin; insert into b values (7, 7); insert into c values (7, 7); truncate b cascade; insert into b values (8, 7); commit',
    ],
  },
  {
    name: 'truncate and writes in one transaction',
    setup:
      "create table t (id integer primary key, v text); insert into t values (1, 'old'), (2, 'old'); create table bare (v text); insert into bare values ('old'), ('old')",
    steps: [
      "begin; insert into t values (3, 'gone'); update t set v = 'gone'; truncate t; insert into t values (1, 'new'); update t set v = 'newer' where id = 1; insert into t values (4, 'x'); delete from t where id = 4; commit",
      "begin; truncate bare; insert into bare values ('a'), ('a'); delete from bare where ctid = (select ctid from bare limit 1); truncate bare; insert into bare values ('b'); commit",
      "begin; savepoint a; truncate t; rollback to a; insert into t values (5, 'kept'); commit",
      "begin; truncate t; truncate t; truncate bare, t; insert into t values (9, 'end'); commit",
    ],
  },
  {
    name: 'truncate triggers of the user',
    setup:
      "create table t (id integer primary key, v text); create table log (id serial primary key, what text); insert into t values (1, 'old')",
    rootSetup:
      'create function on_truncate() returns trigger language plpgsql as $$ begin insert into %S.log (what) values (tg_op || \' \' || tg_when); return null; end $$; create trigger b before truncate on t for each statement execute procedure on_truncate(); create trigger "  a" after truncate on t for each statement execute procedure on_truncate()',
    steps: ['truncate t', "insert into t values (2, 'new')"],
  },
];

const LONG = 'n'.repeat(63);
const NAMES = [
  'with space',
  'quo"te',
  "ap'ostrophe",
  'dot.ted',
  'com,ma',
  'back\\slash',
  'CapiTals',
  'ünïcödé ✓',
  LONG,
  'select',
  '100%I %s',
  '$1',
  '{a}',
  'tab\there',
  '?',
  'a=b&c',
  '--x',
  '/*',
  'true',
  'null',
];
const OURS = [
  'new',
  'old',
  'n',
  'o',
  'op',
  'new_rows',
  'old_rows',
  'pgc_new',
  'pgc_old',
  'v_table',
  'tg_op',
  'tg_name',
  'v_new',
  'v_old',
  'e',
  'r',
  'ev_id',
  'ev_data',
  'ev_type',
  'queue_name',
  'key',
  'value',
  'row',
  'json',
  'i',
  'v_key',
  'v_data',
  'p_queue_name',
  'ctid2',
  'found',
  'k',
  'x',
  't',
  'a',
  'b',
  'd',
  'c',
];
const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

function nameCases(): TortureCase[] {
  return [
    {
      name: 'odd names of tables',
      setup: NAMES.map(
        (name) => `create table ${quote(name)} (${quote(name)} integer primary key, v text);`,
      ).join('\n'),
      steps: NAMES.flatMap((name) =>
        [quote(name)].flatMap((table) => [
          `insert into ${table} values (1, 'a'), (2, 'b'), (3, 'c')`,
          `update ${table} set v = 'x', ${quote(name)} = 10 where ${quote(name)} = 1; update ${table} set v = 'y' where ${quote(name)} = 2; delete from ${table} where ${quote(name)} = 3`,
        ]),
      ),
    },
    {
      name: 'odd names of columns, all in the key',
      setup: `create table t (${NAMES.map((name) => `${quote(name)} text`).join(', ')}, primary key (${NAMES.map(quote).join(', ')})); create table bare (${NAMES.map((name) => `${quote(name)} text`).join(', ')})`,
      steps: [
        `insert into t select ${NAMES.map((_, at) => `'${at} ' || i`).join(', ')} from generate_series(1, 5) as i`,
        'insert into bare select * from t',
        ...NAMES.map(
          (name, at) =>
            `update t set ${quote(name)} = ${quote(name)} || e'\\\\"' where ${quote('select')} like '% ${(at % 5) + 1}%'`,
        ),
        `update bare set ${NAMES.map((name) => `${quote(name)} = null`).join(', ')} where ${quote('dot.ted')} like '% 2'`,
        `delete from t where ${quote('quo"te')} like '% 3%'`,
        `delete from bare where ${quote("ap'ostrophe")} is null`,
      ],
    },
    {
      name: 'columns named as ours could be',
      setup: `create table t (${OURS.map((name) => `${quote(name)} integer`).join(', ')}, primary key ("new", "old", "op", "tg_op", "key", "e", "n", "o")); create table bare (${OURS.map((name) => `${quote(name)} integer`).join(', ')})`,
      steps: [
        `insert into t select ${OURS.map((_, at) => `i * 100 + ${at}`).join(', ')} from generate_series(1, 6) as i`,
        'insert into bare select * from t',
        'update t set "new" = -"new" where "old" < 200',
        'update t set "v_table" = 7, "row" = null, "new_rows" = 1 where "old" > 300',
        'update bare set "pgc_new" = 7, "value" = null where "old" > 300',
        'delete from t where "old" between 200 and 300',
        'delete from bare where "old" between 200 and 300',
      ],
    },
    {
      name: 'tables named as ours could be',
      setup: [
        'new_rows',
        'old_rows',
        'pgc_new',
        'pgc_old',
        'new',
        'old',
        'event',
        'queue',
        'v_table',
        'n',
        'o',
      ]
        .map((name) => `create table ${quote(name)} (id integer primary key, ${quote(name)} text);`)
        .join('\n'),
      steps: [
        'new_rows',
        'old_rows',
        'pgc_new',
        'pgc_old',
        'new',
        'old',
        'event',
        'queue',
        'v_table',
        'n',
        'o',
      ].flatMap((name) => [
        `insert into ${quote(name)} select i, 'x' from generate_series(1, 5) as i`,
        `update ${quote(name)} set ${quote(name)} = 'y', id = id + 10 where id > 3; delete from ${quote(name)} where id = 1`,
      ]),
    },
  ];
}

const COLUMNS: readonly TortureCase[] = [
  {
    name: 'generated columns that are stored',
    since: 12,
    setup:
      'create table t (id integer primary key, v text, u text generated always as (upper(v)) stored, double_id integer generated always as (id * 2) stored); create table bare (v text, len integer generated always as (length(v)) stored)',
    steps: [
      "insert into t (id, v) select i, 'v' || i from generate_series(1, 10) as i",
      "update t set v = 'x' where id = 3",
      'update t set id = id + 100 where id > 8',
      "delete from t where u = 'V5'",
      "insert into bare values ('abc'), ('de'), ('de')",
      "update bare set v = 'longer' where len = 3",
      'delete from bare where ctid = (select ctid from bare where len = 2 limit 1)',
    ],
  },
  {
    name: 'a generated column in the key',
    since: 12,
    setup:
      'create table t (id integer, v text, low text generated always as (lower(v)) stored, primary key (low))',
    steps: [
      "insert into t (id, v) select i, 'V' || i from generate_series(1, 10) as i",
      'update t set id = -id where id > 5',
      "update t set v = 'NEW' where id = 3",
      'update t set v = lower(v) where id = 4',
      "delete from t where low = 'v5'",
    ],
  },
  {
    name: 'generated columns that are virtual',
    since: 18,
    setup:
      'create table t (id integer primary key, v text, double_id integer generated always as (id * 2) virtual); create table bare (v text, len integer generated always as (length(v)) virtual)',
    steps: [
      "insert into t (id, v) select i, 'v' || i from generate_series(1, 10) as i",
      "update t set v = 'x' where double_id = 6",
      'update t set id = id + 100 where id > 8',
      "insert into bare values ('abc'), ('de'), ('de')",
      "update bare set v = 'longer' where len = 3",
      'delete from bare where ctid = (select ctid from bare where len = 2 limit 1)',
    ],
  },
  {
    name: 'identity columns',
    setup:
      'create table a (id integer generated always as identity primary key, v text); create table d (id bigint generated by default as identity primary key, v text); create table n (id integer generated always as identity, v text)',
    steps: [
      "insert into a (v) select 'v' || i from generate_series(1, 5) as i",
      "insert into a overriding system value values (100, 'by hand')",
      "insert into d (v) values ('x'), ('y')",
      "insert into d values (50, 'by hand')",
      "insert into n (v) values ('x'), ('x')",
      "update a set v = 'u', id = default where id = 2",
      "update n set v = 'u' where id = 1",
      'delete from a where id = 1',
      'delete from n where id = 2',
      'update d set id = 51 where id = 50',
    ],
  },
  {
    name: 'a table without columns',
    setup: 'create table t ()',
    steps: [
      'insert into t default values',
      'insert into t select from generate_series(1, 5)',
      'delete from t where ctid = (select ctid from t limit 1)',
    ],
  },
  {
    name: 'a table of one key column',
    setup: 'create table t (id integer primary key)',
    steps: [
      'insert into t select i from generate_series(1, 10) as i',
      'update t set id = id + 100 where id > 7',
      'update t set id = id',
      'delete from t where id < 3',
    ],
  },
  {
    name: 'a table of a thousand columns',
    setup: `create table t (id integer primary key, ${Array.from({ length: 999 }, (_, i) => `c${i} ${i % 2 === 0 ? 'integer' : 'text'}`).join(', ')})`,
    steps: [
      `insert into t select i, ${Array.from({ length: 999 }, (_, i) => (i % 2 === 0 ? `i + ${i}` : `'t${i}'`)).join(', ')} from generate_series(1, 3) as i`,
      "update t set c1 = 'x', c997 = null, c998 = 5 where id = 1",
      'update t set id = 10 where id = 2',
      'delete from t where id = 3',
    ],
  },
  {
    name: 'columns that were dropped and added before',
    setup:
      "create table t (gone integer, id integer primary key, gone2 text, v text); alter table t drop column gone, drop column gone2, add column w integer default 7; create table bare (gone integer, v text); alter table bare drop column gone, add column w text default 'd'",
    steps: [
      "insert into t (id, v) select i, 'v' from generate_series(1, 5) as i",
      'update t set w = id, v = null where id < 3',
      "insert into bare (v) values ('a'), ('a')",
      "update bare set w = 'x' where ctid = (select ctid from bare limit 1)",
      'delete from t where id = 5',
    ],
  },
  {
    name: 'an unlogged table',
    setup: 'create unlogged table t (id integer primary key, v text); create unlogged table bare (v text)',
    steps: [
      "insert into t select i, 'v' from generate_series(1, 10) as i",
      "update t set v = 'x' where id < 3",
      'delete from t where id = 5',
      "insert into bare values ('a'), ('b')",
      "update bare set v = 'c' where v = 'a'",
    ],
  },
  {
    name: 'row level security that the writer is subject to',
    setup: `create table t (id integer primary key, owner text default current_user, v text); alter table t enable row level security; alter table t force row level security;
      create policy own on t using (owner = current_user) with check (owner = current_user); create table bare (owner text default current_user, v text); alter table bare enable row level security; create policy own on bare for all using (owner = current_user)`,
    session: ['set session authorization torture_writer'],
    steps: [
      "insert into t (id, v) select i, 'mine' from generate_series(1, 10) as i",
      "update t set v = 'changed' where id < 5",
      'update t set id = id + 100 where id > 8',
      'delete from t where id = 5',
      "insert into bare (v) values ('a'), ('a')",
      "update bare set v = 'b' where ctid = (select ctid from bare limit 1)",
      "delete from bare where v = 'a'",
      { refused: "insert into t values (50, 'postgres', 'not mine')" },
    ],
  },
  {
    name: 'a table whose columns the writer may not read',
    setup: 'create table t (id integer primary key, v text, secret text)',
    session: [
      'revoke all on %S.t from torture_writer',
      'grant insert, update (v), delete on %S.t to torture_writer',
      'set session authorization torture_writer',
    ],
    steps: [
      "insert into t values (1, 'a', 's'), (2, 'b', 's')",
      "update t set v = 'c'",
      'delete from t',
      "insert into t values (3, 'a', 's')",
    ],
  },
  {
    name: 'a typed table',
    setup:
      'create type row_type as (id integer, v text); create table t of row_type (primary key (id)); create table bare of row_type',
    steps: [
      "insert into t values (1, 'a'), (2, 'b')",
      'insert into bare select * from t',
      "update t set v = 'x' where id = 1",
      "update bare set v = 'x' where id = 1",
      'delete from bare where id = 2',
    ],
  },
  {
    name: 'defaults, checks, exclusion constraints and expression indexes',
    setup:
      "create table t (id serial primary key, v text default 'dflt' check (v <> 'bad'), r int4range, at timestamptz default now(), exclude using gist (r with &&)); create unique index on t (lower(v), id); create index on t using gin (to_tsvector('simple', v))",
    steps: [
      "insert into t (r) values ('[1,5)'), ('[5,9)')",
      "update t set r = '[9,12)' where id = 1",
      "begin; update t set r = null where id = 2; insert into t (r) values ('[5,9)'); delete from t where id = 2; commit",
      { refused: "insert into t (r) values ('[6,7)')" },
    ],
  },
  {
    name: 'unique columns beside the key whose values move between rows',
    setup:
      "create table t (id integer primary key, u integer unique, v text); insert into t select i, i, 'v' from generate_series(1, 10) as i",
    steps: [
      'begin; update t set u = -1 where id = 1; update t set u = 1 where id = 2; update t set u = 2 where id = 1; commit',
      "begin; delete from t where id = 3; update t set u = 3 where id = 4; insert into t values (3, 4, 'new'); commit",
      'update t set u = u + 100',
      "begin; delete from t where id > 8; insert into t values (11, 109, 'x'), (12, 110, 'y'); commit",
    ],
  },
  {
    name: 'unique columns beside the key, deferrable, in one statement',
    setup:
      "create table t (id integer primary key, u integer unique deferrable initially immediate, v text); insert into t select i, i, 'v' from generate_series(1, 10) as i",
    steps: [
      'update t set u = u + 1',
      'update t set u = 12 - u',
      'update t set u = case id when 1 then 10 when 2 then 11 else u end where id in (1, 2)',
    ],
  },
];

export const STRUCTURE_CASES: readonly TortureCase[] = [
  ...PARTITIONED,
  ...TRUNCATES,
  ...nameCases(),
  ...COLUMNS,
];
