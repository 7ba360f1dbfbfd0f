import type { TortureCase } from '../torture-case.js';

/* Every kind of key, and updates of keys. */

interface KeySpec {
  readonly name: string;
  readonly type: string;
  /** Six expressions, no two equal; the last four are not there at first. */
  readonly values: readonly [string, string, string, string, string, string];
  /** Two values that are equal and print differently. */
  readonly twins?: readonly [string, string];
  readonly setup?: string;
  readonly since?: number;
  /** The key's definition when it is not a primary key. */
  readonly key?: string;
}

const KEYS: readonly KeySpec[] = [
  {
    name: 'bigint',
    type: 'bigint',
    values: ['1', '9007199254740993', '9007199254740992', '-9223372036854775808', '9223372036854775807', '0'],
  },
  { name: 'smallint', type: 'smallint', values: ['1', '-1', '0', '32767', '-32768', '2'] },
  {
    name: 'boolean and bigger words',
    type: 'text',
    values: ["'true'", "'a'", "'A'", "'á'", "''", String.raw`'\N'`],
  },
  {
    name: 'text with a collation',
    type: 'text collate "POSIX"',
    values: ["'a b'", "'B'", "'b'", `'"'`, "e'\\n'", "u&'\\2028'"],
  },
  {
    name: 'text of a collation that ignores case',
    since: 12,
    setup: `create collation no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`,
    type: 'text collate no_case',
    values: ["'a'", "'b'", "'c'", "'d'", "'e'", "'f'"],
    twins: ["'a'", "'A'"],
  },
  {
    name: 'citext',
    type: 'citext',
    values: ["'a'", "'b'", "'c'", "'d'", "'e'", "'f'"],
    twins: ["'a'", "'A'"],
  },
  { name: 'bpchar', type: 'char(8)', values: ["'a'", "' a'", "'b  '", "''", "'c'", "'dddddddd'"] },
  {
    name: 'bpchar without a length',
    type: 'bpchar',
    values: ["'a'", "' a'", "'b  '", "''", "'c'", "'d'"],
    twins: ["'a'", "'a   '"],
  },
  { name: 'varchar', type: 'varchar', values: ["'a'", "'a '", "'a  '", "''", "'c'", "'d'"] },
  { name: 'name', type: 'name', values: ["'a'", "'A'", "'a b'", "''", "'c'", "'d'"] },
  {
    name: 'uuid',
    type: 'uuid',
    values: [1, 2, 3, 4, 5, 6].map((i) => `md5('${i}')::uuid`) as unknown as KeySpec['values'],
  },
  {
    name: 'numeric',
    type: 'numeric',
    values: ['1.0', '2.50', "'NaN'", '1e30', '-0.001', '0'],
    twins: ['1.0', '1.00'],
  },
  {
    name: 'real',
    type: 'real',
    values: ['0.1', "'-0'", "'NaN'", "'Infinity'", '16777216', '1e-45'],
    twins: ["'-0'", "'0'"],
  },
  {
    name: 'double precision',
    type: 'double precision',
    values: ['0.1', "'-0'", "'NaN'", "'Infinity'", '0.30000000000000004', "'1e-320'"],
    twins: ["'-0'", "'0'"],
  },
  {
    name: 'timestamptz',
    type: 'timestamptz',
    values: [
      "'2024-01-01 00:00+05:45'",
      "'infinity'",
      "'-infinity'",
      "'0044-03-15 12:00+00 BC'",
      "'2024-01-01 00:00:00.000001+00'",
      "'294276-12-31 23:59:59+00'",
    ],
  },
  {
    name: 'timestamp',
    type: 'timestamp',
    values: [
      "'2024-01-01 00:00'",
      "'infinity'",
      "'-infinity'",
      "'0044-03-15 12:00 BC'",
      "'2024-01-01 00:00:00.000001'",
      "'1999-12-31'",
    ],
  },
  {
    name: 'date',
    type: 'date',
    values: ["'2024-01-01'", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2024-02-29'", "'1999-12-31'"],
  },
  {
    name: 'timetz',
    type: 'timetz',
    values: [
      "'10:00+02'",
      "'10:00+01'",
      "'24:00+00'",
      "'00:00:00.000001-15:59:59'",
      "'00:00+00'",
      "'12:00+05:45'",
    ],
  },
  {
    name: 'interval',
    type: 'interval',
    values: ["'1 day'", "'2 days'", "'-1 month 1 day'", "'1 microsecond'", "'0'", "'1 year'"],
    twins: ["'1 day'", "'24 hours'"],
  },
  { name: 'money', type: 'money', values: ["'1.23'", "'-1.23'", "'0'", "'1000000'", "'2'", "'3'"] },
  {
    name: 'bytea',
    type: 'bytea',
    values: ["'\\x'", "'\\x00'", "'\\x5c'", "'\\x0000'", "'\\xff'", "'\\x27'"],
  },
  { name: 'bit varying', type: 'varbit', values: ["B''", "B'0'", "B'00'", "B'1'", "B'01'", "B'11'"] },
  {
    name: 'inet',
    type: 'inet',
    values: ["'10.0.0.1'", "'10.0.0.1/8'", "'10.0.0.0/8'", "'::1'", "'::'", "'0.0.0.0/0'"],
  },
  {
    name: 'enum',
    type: 'grade',
    setup: "create type grade as enum ('a', 'B', 'c d', '''', '\"', '');",
    values: ["'a'", "'B'", "'c d'", "''''", `'"'`, "''"],
  },
  {
    name: 'domain over citext',
    type: 'code',
    setup: 'create domain code as citext check (length(value) < 10);',
    values: ["'a'", "'b'", "'c'", "'d'", "'e'", "'f'"],
    twins: ["'a'", "'A'"],
  },
  {
    name: 'text array',
    type: 'text[]',
    values: ["'{a,NULL}'", "'{}'", `'{"a,b"}'`, "'[0:0]={a}'", `'{"NULL"}'`, "'{{a},{b}}'"],
  },
  {
    name: 'numeric array',
    type: 'numeric[]',
    values: ["'{1.0}'", "'{2}'", "'{}'", "'{NaN}'", "'{NULL}'", "'{3,4}'"],
    twins: ["'{1.0}'", "'{1.00}'"],
  },
  {
    name: 'composite',
    type: 'pair',
    setup: 'create type pair as (a integer, b text);',
    values: ['(1, null)', "(1, '')", "(null, 'x')", "(2, 'a,b')", `(2, '"')`, "(3, ' ')"],
  },
  {
    name: 'composite with numeric',
    type: 'pair',
    setup: 'create type pair as (a numeric, b text);',
    values: ["(1.0, 'x')", "(2, 'x')", "(3, 'x')", "(4, 'x')", "(5, 'x')", "(6, 'x')"],
    twins: ["(1.0, 'x')", "(1.00, 'x')"],
  },
  {
    name: 'range',
    type: 'numrange',
    values: ["'[1.0,2]'", "'empty'", "'(,)'", "'[5,6)'", "'[7,)'", "'(,0)'"],
    twins: ["'[1.0,2]'", "'[1.00,2.0]'"],
  },
  {
    name: 'jsonb',
    type: 'jsonb',
    values: [`'{"a": 1.0}'`, "'null'", "'[]'", `'"x"'`, "'true'", "'{}'"],
    twins: [`'{"a": 1.0}'`, `'{"a": 1.00}'`],
  },
  { name: 'tsvector', type: 'tsvector', values: ["'a'", "'b:1A'", "''", "'c d'", "'e'", "'f'"] },
  { name: 'oid', type: 'oid', values: ['1', '4294967295', '0', '2', '3', '4'] },
  {
    name: 'unique index over a column that is not null',
    type: 'text not null',
    key: 'create unique index on t (k)',
    values: ["'a'", "'A'", "'b'", "' '", "''", "'c'"],
  },
  {
    name: 'unique index beside a partial and an expression index',
    type: 'integer not null',
    key: 'create unique index t_a on t (k) where n > 0; create unique index t_b on t ((k + 1)); create unique index t_c on t (k)',
    values: ['1', '2', '3', '4', '5', '6'],
  },
  {
    name: 'unique index with included columns',
    since: 11,
    type: 'integer not null',
    key: 'create unique index on t (k) include (v)',
    values: ['1', '2', '3', '4', '5', '6'],
  },
  {
    name: 'deferrable key, immediate',
    type: 'integer',
    key: 'alter table t add primary key (k) deferrable initially immediate',
    values: ['1', '2', '3', '4', '5', '6'],
  },
  {
    name: 'deferrable key, deferred',
    type: 'integer',
    key: 'alter table t add primary key (k) deferrable initially deferred',
    values: ['1', '2', '3', '4', '5', '6'],
  },
  {
    name: 'unique index of nulls only where no key is',
    type: 'integer',
    key: 'create unique index on t (k)',
    values: ['1', '2', '3', '4', '5', 'null'],
  },
  { name: 'no key at all', type: 'integer', key: '', values: ['1', '2', '3', '4', '5', '6'] },
  {
    name: 'replica identity full beside a key',
    type: 'integer',
    key: 'alter table t add primary key (k); alter table t replica identity full',
    values: ['1', '2', '3', '4', '5', '6'],
  },
];

function keyCase({
  name,
  type,
  values,
  twins,
  setup = '',
  since,
  key = 'alter table t add primary key (k)',
}: KeySpec): TortureCase {
  const [a, b, c, d, e, f] = values.map(
    (value) => `(${value})::${type.replace(/ not null| collate .*/g, '')}`,
  ) as unknown as KeySpec['values'];
  const is = (value: string) => (value.startsWith('(null)') ? 'k is null' : `k = ${value}`);
  const pair = twins?.map((value) => `(${value})::${type.replace(/ not null| collate .*/g, '')}`);
  return {
    name: `key: ${name}`,
    ...(since === undefined ? {} : { since }),
    setup: `${setup} create table t (n integer, k ${type}, v text); ${key}`,
    steps: [
      `insert into t values (1, ${a}, 'one'), (2, ${b}, 'two')`,
      `insert into t values (3, ${c}, 'three')`,
      `update t set v = 'changed' where ${is(a)}`,
      `update t set v = v || '!'`,
      `update t set k = ${d} where ${is(b)}`,
      `begin; insert into t values (5, ${e}, 'five'); update t set v = 'six', k = ${f} where ${is(e)}; delete from t where ${is(c)}; insert into t values (3, ${c}, 'three again'); commit`,
      `begin; delete from t where ${is(d)}; delete from t where ${is(f)}; insert into t values (7, ${d}, 'seven'), (8, ${b}, 'eight'); commit`,
      ...(pair === undefined
        ? []
        : [
            `update t set k = ${pair[1]} where k = ${pair[0]}`,
            `update t set v = 'found by its twin' where k = ${pair[0]}`,
            `update t set k = ${pair[0]}, v = 'and back' where k = ${pair[1]}`,
            `begin; update t set k = ${pair[1]} where k = ${pair[0]}; update t set v = 'twice' where k = ${pair[0]}; commit`,
            `begin; delete from t where k = ${pair[0]}; insert into t values (10, ${pair[0]}, 'new twin'); commit`,
            `insert into t values (11, ${e}, 'bystander')`,
            `begin; delete from t where k = ${pair[1]}; commit`,
            `insert into t values (12, ${pair[1]}, 'last')`,
          ]),
      `delete from t where ${is(b)}`,
    ],
  };
}

const MOVES: Readonly<Record<string, readonly string[]>> = {
  'two keys swapped by a case expression': [
    'update t set id = case id when 1 then 2 else 1 end where id in (1, 2)',
  ],
  'all keys one up': ['update t set id = id + 1'],
  'all keys one down': ['update t set id = id - 1'],
  'all keys turned round': ["update t set id = 21 - id, v = v || '+'"],
  'all keys in a ring': ['update t set id = id % 20 + 1'],
  'three updates in one transaction': [
    'begin; update t set id = id + 1; update t set id = id - 2; update t set id = id + 1 where id > 5; commit',
  ],
  'an insert and a chain': [
    "begin; set constraints all deferred; delete from t where id = 3; insert into t values (1, 'late'); update t set id = id + 1 where id < 3 and v <> 'late'; commit",
  ],
  'in bulk': [
    "insert into t select i, 'v' || i from generate_series(21, 3000) as i",
    'update t set id = id + 1',
    'update t set id = 3002 - id',
    'delete from t where id % 3 = 0',
  ],
};

const DEFERRED: Readonly<Record<string, readonly string[]>> = {
  'insert, then the old one is deleted': [
    "begin; insert into t values (1, 'another'); delete from t where v = 'v1'; commit",
  ],
  'insert, then the new one is deleted': [
    "begin; insert into t values (1, 'another'); update t set v = v || '!' where id = 1; delete from t where v = 'another!'; commit",
  ],
  'swapped by two updates': [
    "begin; update t set id = 2 where v = 'v1'; update t set id = 1 where v = 'v2'; commit",
  ],
  'two inserts, one moves away': [
    "begin; insert into t values (5, 'x'), (5, 'y'); update t set id = 6 where v = 'y'; update t set v = v || '!' where id = 5; commit",
  ],
  'three inserts, one stays': [
    "begin; insert into t values (5, 'a'), (5, 'b'), (5, 'c'); delete from t where v in ('a', 'b'); update t set v = 'kept' where id = 5; commit",
  ],
};

const WRITTEN: readonly TortureCase[] = [
  {
    name: 'key of three columns, changed in part',
    setup: 'create table t (v text, c numeric, a text, b bigint, primary key (b, a, c))',
    steps: [
      "insert into t select 'v', i / 10.0, 'a' || i % 3, i % 5 from generate_series(1, 30) as i",
      "update t set b = b + 100 where a = 'a1'",
      "update t set c = c + 0.05 where a = 'a2'",
      "update t set a = a || '|x' where b = 3",
      "update t set c = c * 1.00, v = 'equal key' where b = 2",
      'delete from t where c < 0.5',
      "update t set a = e'\\\\|,\"', b = -b where b = 4 and c > 2",
    ],
  },
  {
    name: 'keys whose parts could run into each other',
    setup: 'create table t (a text, b text, v integer, primary key (a, b))',
    steps: [
      String.raw`insert into t values ('a', 'b,c', 1), ('a,b', 'c', 2), ('a|', 'b', 3), ('a', '|b', 4), ('', 'ab', 5), ('ab', '', 6), ('a"', 'b', 7), ('a', '"b', 8), ('a\', 'b', 9), ('a', '\b', 10), ('null', '', 11), ('', 'null', 12)`,
      'update t set v = v + 100',
      'update t set a = b, b = a where v in (103, 108)',
      'delete from t where v % 2 = 1',
    ],
  },
  ...(['immediate', 'deferred'] as const).flatMap((mode) =>
    Object.entries(MOVES).map(([name, steps]) => ({
      name: `keys, deferrable initially ${mode}: ${name}`,
      setup: `create table t (id integer, v text, primary key (id) deferrable initially ${mode}); insert into t select i, 'v' || i from generate_series(1, 20) as i`,
      steps,
    })),
  ),
  ...Object.entries(DEFERRED).map(([name, steps]) => ({
    name: `two rows under one deferred key: ${name}`,
    setup: `create table t (id integer, v text, primary key (id) deferrable initially deferred); insert into t select i, 'v' || i from generate_series(1, 4) as i`,
    steps,
  })),
  {
    name: 'keys that swap places by way of a third',
    setup: 'create table t (id integer primary key, v text)',
    steps: [
      "insert into t select i, 'v' || i from generate_series(1, 6) as i",
      'begin; update t set id = -1 where id = 1; update t set id = 1 where id = 2; update t set id = 2 where id = -1; commit',
      "begin; delete from t where id = 3; update t set id = 3 where id = 4; insert into t values (4, 'new'); commit",
      'begin; update t set id = id + 100; update t set id = id - 99; commit',
      "begin; insert into t values (50, 'x'); update t set id = 51 where id = 50; delete from t where id = 51; insert into t values (50, 'y'); commit",
    ],
  },
  {
    name: 'a chain of keys downwards and upwards in the order of the rows',
    setup: 'create table t (id integer primary key, v text)',
    steps: [
      "insert into t select i, 'v' || i from generate_series(10, 20) as i",
      // The rows are updated in their order, so no two are equal in between.
      'update t set id = id - 1',
      'update t set id = id - 1',
    ],
  },
  {
    name: 'rows without a key, many of them equal',
    setup: 'create table t (a integer, b text)',
    steps: [
      "insert into t select i % 3, 'b' from generate_series(1, 30) as i",
      "update t set b = 'c' where ctid = (select ctid from t where a = 1 limit 1)",
      'delete from t where ctid = (select ctid from t where a = 2 limit 1)',
      'update t set a = (a + 1) % 3',
      'update t set a = null where ctid in (select ctid from t where a = 0 limit 4)',
      'update t set a = a',
      "begin; insert into t values (7, null); update t set b = 'x' where a = 7; update t set b = null where a = 7; insert into t values (7, null); delete from t where ctid = (select ctid from t where a = 7 limit 1); commit",
      'delete from t where a is null and ctid = (select ctid from t where a is null limit 1)',
      'insert into t select * from t',
    ],
  },
  {
    name: 'rows without a key, with values that have no equality',
    setup: 'create table t (j json, p point, x xml, d double precision, n numeric, g polygon)',
    steps: [
      `insert into t values ('{"a":  1}', '(1,2)', '<a/>', 'NaN', 1.0, '((0,0),(1,1))'), ('{"a": 1}', '(1,2)', '<a/>', 'NaN', 1.00, '((0,0),(1,1))'), (null, null, null, '-0', null, null), (null, null, null, '0', null, null)`,
      "update t set d = 5 where n::text = '1.00'",
      'delete from t where j::text = \'{"a":  1}\'',
      "delete from t where d::text = '-0'",
      'insert into t select * from t',
      "update t set p = '(3,4)' where ctid = (select ctid from t where p is not null limit 1)",
    ],
  },
  {
    name: 'a key that is also a foreign key with cascading updates',
    setup:
      'create table p (id numeric primary key); create table t (id numeric primary key references p on update cascade on delete cascade, v text)',
    steps: [
      'insert into p values (1), (2), (3.0)',
      "insert into t values (1, 'a'), (2, 'b'), (3.00, 'c')",
      'update p set id = id + 10 where id < 3',
      'update p set id = 3.0000 where id = 3',
      'delete from p where id = 11',
    ],
  },
];

export const KEY_CASES: readonly TortureCase[] = [...KEYS.map(keyCase), ...WRITTEN];
