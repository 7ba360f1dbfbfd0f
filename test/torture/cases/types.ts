import type { TortureCase } from '../torture-case.js';

/** Every type that a column can have, with the values that break readers; each with its arrays, with a key and without one. */
interface TypeSpec {
  readonly type: string;
  /** Expressions. */
  readonly values: readonly string[];
  readonly since?: number;
  /** Needed for the name when the type is another case's too. */
  readonly label?: string;
  readonly setup?: string;
  /** False where the type's arrays are no type. */
  readonly hasArray?: boolean;
}

const raw = String.raw;

const FAMILIES: Readonly<Record<string, readonly TypeSpec[]>> = {
  numbers: [
    { type: 'boolean', values: ['true', 'false'] },
    { type: 'smallint', values: ['-32768', '0', '32767'] },
    { type: 'integer', values: ['-2147483648', '0', '2147483647'] },
    { type: 'bigint', values: ["'9223372036854775807'", "'-9223372036854775808'", '9007199254740993', '0'] },
    {
      type: 'numeric',
      values: [
        "'12345678901234567890123456789012345678'",
        "'-0.12345678901234567890123456789012345678'",
        "'NaN'",
        "'1.10'",
        "'1.1'",
        "'0.00'",
        "'1e500'",
        "'1e-500'",
        "'100'",
      ],
    },
    {
      type: 'numeric(12,4)',
      label: 'numeric of a fixed scale',
      values: ["'1.1'", "'-99999999.9999'", "'0'"],
    },
    {
      type: 'numeric',
      label: 'infinite numeric',
      since: 14,
      values: ["'Infinity'", "'-Infinity'", "'NaN'", '0'],
    },
    {
      type: 'numeric(3,-2)',
      label: 'numeric of a negative scale',
      since: 15,
      values: ["'12345'", "'-99900'", "'0'"],
    },
    {
      type: 'real',
      values: [
        "'0.1'",
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "'-0'",
        "'1e-45'",
        "'3.4028235e38'",
        "'1.17549435e-38'",
        "'16777217'",
        "'0.3333333333'",
      ],
    },
    {
      type: 'double precision',
      values: [
        "'0.1'",
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "'-0'",
        "'1e-320'",
        "'5e-324'",
        "'1.7976931348623157e308'",
        "'0.30000000000000004'",
        "'1e22'",
        "'9007199254740993'",
      ],
    },
    { type: 'money', values: ["'12.34'", "'-1234567.89'", "'92233720368547758.07'", "'0'"] },
  ],
  texts: [
    {
      type: 'text',
      values: [
        "''",
        "' '",
        raw`e'line\nline\r\n\ttab\b\f'`,
        "(select string_agg(chr(i), '' order by i) from generate_series(1, 255) as i)",
        raw`u&'\2028\2029\FEFF\200B\FFFD\E000'`,
        raw`u&'\+01F600\+01F468\200D\+01F469\+10FFFF\0301'`,
        raw`'\N'`,
        raw`'\.'`,
        raw`'\\x00 \u0041 \n'`,
        `'"quoted" ''single'' {brace} [1] $$ $1 %s %I'`,
        "'null'",
        "'NULL'",
        `'{"a": 1}'`,
        "repeat('long ', 5000)",
      ],
    },
    { type: 'varchar(12)', values: ["''", "'trailing   '", "'twelve chars'"] },
    { type: 'char(6)', values: ["''", "'a'", "'a     '", "'  a'", "'sixsix'"] },
    { type: 'bpchar', values: ["'trailing   '", "''", "'a'"] },
    { type: 'name', values: ["''", "'a name'", "repeat('n', 63)", raw`'"quoted" \ '`] },
    { type: '"char"', values: ["'a'", "''", raw`'\'`, `'"'`, "''''"] },
    {
      type: 'bytea',
      values: [
        raw`'\x'`,
        raw`'\x00'`,
        raw`'\x5c'`,
        raw`'\x5c5c30303000ff27220a'`,
        "(select decode(string_agg(lpad(to_hex(i), 2, '0'), '' order by i), 'hex') from generate_series(0, 255) as i)",
      ],
    },
  ],
  times: [
    {
      type: 'date',
      values: [
        "'2024-02-29'",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 BC'",
        "'4713-01-01 BC'",
        "'5874897-12-31'",
      ],
    },
    { type: 'time', values: ["'24:00:00'", "'00:00'", "'23:59:59.999999'", "'04:05:06.7'"] },
    { type: 'time(2)', values: ["'23:59:59.999'", "'04:05:06.75'"] },
    {
      type: 'timetz',
      values: ["'24:00:00+00'", "'04:05:06.789-08:01:59'", "'00:00:00+15:59:59'", "'12:00+05:45'"],
    },
    {
      type: 'timestamp',
      values: [
        "'2024-02-29 24:00:00'",
        "'infinity'",
        "'-infinity'",
        "'4713-01-01 00:00:00 BC'",
        "'294276-12-31 23:59:59.999999'",
        "'0001-01-01 00:00:00.000001'",
      ],
    },
    { type: 'timestamp(0)', values: ["'2024-12-31 23:59:59.6'", "'1999-01-01 00:00'"] },
    {
      type: 'timestamptz',
      values: [
        "'2024-06-01 12:00:00+05:45'",
        "'1890-01-01 00:00:00 Asia/Kathmandu'",
        "'infinity'",
        "'-infinity'",
        "'4713-01-01 00:00:00+00 BC'",
        "'294276-12-31 23:59:59.999999+00'",
      ],
    },
    {
      type: 'interval',
      values: [
        "'1 year -2 months 3 days -04:05:06.789'",
        "'-1 year 2 months -3 days 04:05:06.000001'",
        "'0'",
        "'1 month'",
        "'30 days'",
        "'720 hours'",
        "'-0.000001 seconds'",
        "'178000000 years'",
      ],
    },
    { type: 'interval day to second(2)', values: ["'1 day 02:03:04.567'", "'-1 day -02:03:04'"] },
    {
      type: 'interval',
      label: 'infinite interval',
      since: 17,
      values: ["'infinity'", "'-infinity'", "'1 day'"],
    },
  ],
  'bits, networks and shapes': [
    { type: 'bit(5)', values: ["B'10101'", "B'00000'"] },
    { type: 'varbit', values: ["B''", "B'0'", "B'101010101010101010101010101010101010101'"] },
    {
      type: 'inet',
      values: [
        "'10.0.0.1'",
        "'10.0.0.1/8'",
        "'10.0.0.0/8'",
        "'::1'",
        "'2001:db8::1/64'",
        "'::ffff:1.2.3.4'",
        "'0.0.0.0/0'",
      ],
    },
    { type: 'cidr', values: ["'10.0.0.0/8'", "'10.1.2.3/32'", "'2001:db8::/32'", "'::/0'"] },
    { type: 'macaddr', values: ["'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"] },
    { type: 'macaddr8', values: ["'08:00:2b:01:02:03:04:05'", "'00:00:00:00:00:00:00:00'"] },
    {
      type: 'uuid',
      values: ["'00000000-0000-0000-0000-000000000000'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
    },
    { type: 'point', values: ["'(0.1,-0)'", "'(1e-320,1e300)'", "'(Infinity,NaN)'"] },
    { type: 'line', values: ["'{1,-1,0.1}'", "'{0,1,-5}'"] },
    { type: 'lseg', values: ["'[(0,0),(0.1,0.2)]'", "'[(1,1),(1,1)]'"] },
    { type: 'box', values: ["'(1,1),(0,0)'", "'(0.1,0.3),(-0.1,-0.3)'"] },
    { type: 'path', values: ["'[(0,0),(1,1),(2,0)]'", "'((0,0),(1,1),(0.1,0))'"] },
    { type: 'polygon', values: ["'((0,0),(1,1),(1,0.1))'", "'((0,0))'"] },
    { type: 'circle', values: ["'<(0,0),2.5>'", "'<(0.1,-0.1),0>'"] },
  ],
  documents: [
    {
      type: 'tsvector',
      values: [
        "''",
        `'a:1A fat:2B,4C ''quoted lexeme'' \\\\back'`,
        "to_tsvector('simple', 'The quick brown fox')",
      ],
    },
    { type: 'tsquery', values: ["''", "'fat & (cat | !rat:ab*) <-> x'", `'''two words'' & y'`] },
    { type: 'pg_lsn', values: ["'0/0'", "'16/B374D848'", "'FFFFFFFF/FFFFFFFF'"] },
    {
      type: 'json',
      values: [
        `'{"b": 1.0,   "a":2, "a" : 3}'`,
        `' [ 1 , null,"x" ] '`,
        "'null'",
        raw`'"\u0041\u00e9\ud83d\ude00 \/ \""'`,
        raw`'"\u0000"'`,
        "'1e1000'",
        "'-0'",
        raw`e'{\n\t"a"\r: 1\n}'`,
      ],
    },
    {
      type: 'jsonb',
      values: [
        `'{"b": 1.0, "a": 2, "a": 3, "": null}'`,
        "'null'",
        `'"null"'`,
        "'1e100'",
        "'123456789012345678901234567890.10'",
        raw`'["\u2028", "\"", "\\", "é"]'`,
        "'[]'",
        "'{}'",
      ],
    },
    {
      type: 'jsonpath',
      since: 12,
      values: [`'$.a[*] ? (@.b > 1.10 && @ like_regex "^a\\\\.b" flag "i")'`, `'strict $."k k"'`],
    },
    {
      type: 'xml',
      values: [`'<a b="c">&amp;<!-- x --> </a>'`, `'text only'`, `'<?xml version="1.0"?><a/>'`, "''"],
    },
  ],
  'ids and system types': [
    { type: 'txid_snapshot', values: ["'10:20:10,14,15'", "'1:1:'"] },
    { type: 'pg_snapshot', since: 13, values: ["'10:20:10,14,15'", "'1:1:'"] },
    { type: 'xid', values: ["'0'", "'4294967295'"] },
    { type: 'xid8', since: 13, values: ["'0'", "'18446744073709551615'"] },
    { type: 'cid', values: ["'0'", "'4294967295'"] },
    { type: 'tid', values: ["'(0,1)'", "'(4294967295,65535)'"] },
    { type: 'oid', values: ["'0'", "'4294967295'"] },
    {
      type: 'regclass',
      values: ["'pg_class'", '\'%S."Other Table"\'', "'%S.bare'", "'0'"],
      setup: 'create table "Other Table" (id integer primary key);',
    },
    {
      type: 'regtype',
      values: ["'integer'", '\'%S."Some Type"\'', "'double precision'", "'int[]'"],
      setup: `create type "Some Type" as enum ('x');`,
    },
    {
      type: 'regproc',
      values: ["'now'", "'%S.a_function'", "'0'"],
      setup: `create function a_function(integer, text) returns text language sql as $$ select 'x'::text $$;`,
    },
    {
      type: 'regprocedure',
      values: ["'now()'", "'%S.another(integer,text)'"],
      setup: `create function another(integer, text) returns text language sql as $$ select 'x'::text $$;`,
    },
    { type: 'regoper', values: ["'pg_catalog.||/'", "'0'"] },
    { type: 'regoperator', values: ["'+(integer,integer)'", "'-(NONE,bigint)'"] },
    { type: 'regnamespace', values: ["'pg_catalog'", "'public'"] },
    { type: 'regrole', values: ["'postgres'", "'torture_writer'"] },
    { type: 'regconfig', values: ["'simple'", "'english'"] },
    { type: 'regdictionary', values: ["'simple'"] },
    { type: 'regcollation', since: 13, values: [`'"C"'`, `'"POSIX"'`] },
    { type: 'int2vector', values: ["'1 2 3'", "''"], hasArray: false },
    { type: 'oidvector', values: ["'1 2 3'", "''"], hasArray: false },
    { type: 'refcursor', values: ["'a cursor'", "''"] },
    { type: 'aclitem', values: ["'postgres=arw/postgres'", "'=r/postgres'"] },
  ],
  ranges: [
    { type: 'int4range', values: ["'[1,5)'", "'(,)'", "'empty'", "'[5,5]'"] },
    { type: 'int8range', values: ["'[9007199254740993,)'", "'empty'"] },
    { type: 'numrange', values: ["'[1.10,2.20]'", "'(1.1,)'", "'empty'"] },
    { type: 'tsrange', values: [`'["2024-01-01 00:00",infinity)'`, "'(,2024-01-01]'"] },
    { type: 'tstzrange', values: [`'["2024-01-01 00:00+05:45","2024-06-01 00:00+00"]'`, "'empty'"] },
    { type: 'daterange', values: ["'[2024-01-01,2024-02-29]'", "'(,infinity]'"] },
    {
      type: 'float_range',
      setup: 'create type float_range as range (subtype = float8, subtype_diff = float8mi);',
      values: ["'[0.1,0.30000000000000004]'", "'(1e-320,Infinity)'", "'empty'"],
    },
    {
      type: 'text_range',
      setup: 'create type text_range as range (subtype = text, collation = "C");',
      values: [raw`'["a,b","c\"d)"]'`, `'["",z)'`, "'(,)'"],
    },
    { type: 'int4multirange', since: 14, values: ["'{[1,5),[7,9)}'", "'{}'", "'{(,)}'"] },
    {
      type: 'tstzmultirange',
      since: 14,
      values: [`'{["2024-01-01 00:00+00","2024-01-02 00:00+00"),[2025-01-01,)}'`, "'{}'"],
    },
    {
      type: 'double_ranges',
      label: 'multirange of a range over floats',
      since: 14,
      setup: 'create type double_range as range (subtype = float8, multirange_type_name = double_ranges);',
      values: ["'{[0.1,0.2],[1e-320,1e-310]}'", "'{}'"],
    },
  ],
  'types of users and extensions': [
    { type: 'hstore', values: [`'a=>1, "b c"=>NULL, "quo\\"te"=>"back\\\\slash"'`, "''", `'x=>""'`] },
    { type: 'citext', values: ["'MiXed'", "'mixed'", "''"] },
    {
      type: 'mood',
      setup: `create type mood as enum ('sad', 'very happy', 'quo''te"d', '');`,
      values: ["'sad'", "'very happy'", `'quo''te"d'`, "''"],
    },
    {
      type: 'positive',
      setup: 'create domain positive as integer check (value > 0);',
      values: ['1', '2147483647'],
      hasArray: false,
    },
    {
      type: 'short_text',
      setup: "create domain short_text as varchar(20) collate \"C\" default 'dflt' check (value !~ 'bad');",
      values: ["'a '", "''", raw`'\N'`],
      hasArray: false,
    },
    {
      type: 'int_list',
      setup: 'create domain int_list as integer[] check (array_length(value, 1) < 5);',
      values: ["'{1,NULL,3}'", "'[2:3]={5,6}'", "'{}'"],
      hasArray: false,
    },
    {
      type: 'place',
      label: 'composite with nested composite and nulls',
      setup:
        'create type spot as (x numeric, y text); create type place as (street text, spots spot[], at timestamptz, home spot, days interval);',
      values: [
        raw`row(e'Main "St", (5)\\', array[row(1.10, null)::spot, null, row(null, '')::spot], '2024-01-01 00:00+05:45', row(null, null), '1 mon -1 day')`,
        'row(null, null, null, null, null)',
        "row('', '{}', null, row(2.0, ' '), null)",
      ],
    },
    {
      type: 'float_pair',
      label: 'composite with floats',
      setup: 'create type float_pair as (a float8, b text);',
      values: ["row(0.1, 'x')", "row('NaN', '')", "row('1e-320', null)", "row('-0', null)"],
    },
    {
      type: 'real_pair',
      label: 'composite with reals',
      setup: 'create type real_pair as (a real, b real);',
      values: ['row(0.1, 1)', "row('NaN', '-Infinity')", "row('1e-45', null)"],
    },
    {
      type: 'checked_place',
      label: 'domain over a composite',
      since: 11,
      setup:
        'create type bare_place as (a integer, b text); create domain checked_place as bare_place check ((value).a > 0);',
      values: [`row(1, 'x"y')::bare_place`, 'row(2, null)::bare_place'],
      hasArray: false,
    },
    {
      type: 'text[]',
      label: 'text arrays',
      hasArray: false,
      values: [
        raw`'{NULL,"NULL",""," ","a\"b","c\\d","{}",","}'`,
        raw`'[2:3]={a,b}'`,
        "'{}'",
        raw`'[-1:0][2:3]={{a,NULL},{"x y",d}}'`,
        raw`array[e'\n', chr(1), '\N']`,
      ],
    },
    {
      type: 'integer[]',
      label: 'integer arrays',
      hasArray: false,
      values: ["'[0:1]={7,8}'", "'{{1,2},{3,4}}'", "'[2:2][3:3][4:4]={{{9}}}'", "'{NULL}'", "'{}'"],
    },
  ],
};

export const TYPE_CASES: readonly TortureCase[] = [...families(), ...wholeRows()];

/** One case per family; types that came with a version are cases of that version. */
function families(): TortureCase[] {
  const groups = new Map<string, TypeSpec[]>();
  for (const [family, specs] of Object.entries(FAMILIES)) {
    for (const spec of specs) {
      const name = spec.since === undefined ? family : `types of PostgreSQL ${spec.since}`;
      groups.set(name, [...(groups.get(name) ?? []), spec]);
    }
  }
  return [...groups].map(([name, specs]) => familyCase(name, specs));
}

function familyCase(name: string, specs: readonly TypeSpec[]): TortureCase {
  const columns = specs.flatMap(({ type, values, label = type, hasArray = true }) => [
    { name: `"${label.replaceAll('"', '')}"`, type, values },
    ...(hasArray ? [arrayColumn(label, type, values)] : []),
  ]);
  const names = columns.map((column) => column.name).join(', ');
  const arrays = columns.filter((column) => 'element' in column);
  const setAll = (from: string) =>
    columns.map((column) => `${column.name} = ${from}.${column.name}`).join(', ');
  const count = Math.max(...specs.map(({ values }) => values.length)) + 1;
  const rows = Array.from({ length: count - 1 }, (_, at) => {
    const values = columns.map((column) => `(${column.values[at % column.values.length]})::${column.type}`);
    return `(${at + 1}, ${values.join(', ')})`;
  });
  const [first, ...others] = rows;
  const definitions = columns.map((column) => `${column.name} ${column.type}`).join(', ');
  return {
    name: `types: ${name}`,
    since: specs[0]?.since ?? 10,
    setup: `${specs.map(({ setup = '' }) => setup).join('\n')}
      create table keyed (id integer primary key, ${definitions});
      create table bare (n integer, ${definitions});`,
    steps: [
      `insert into keyed values ${first}`,
      `insert into keyed values ${others.join(', ')}`,
      `insert into keyed (id) values (${count})`,
      'insert into bare select * from keyed',
      `insert into bare select id % 2, ${names} from keyed`,
      ...(arrays.length > 0
        ? [
            `update keyed set ${arrays.map((column) => `${column.name} = ('[2:4]=' || ${column.name}::text)::${column.type}`).join(', ')} where id = 1`,
            `update keyed set ${arrays.map((column) => `${column.name} = array[${column.name}, ${column.name}]`).join(', ')} where id = 2`,
            `update keyed set ${arrays.map((column) => `${column.name} = '{}'`).join(', ')} where id = ${count}`,
          ]
        : []),
      // Each row gets the next one's values.
      `update keyed as k set ${setAll('o')} from (select * from keyed) as o where o.id = k.id % ${count} + 1`,
      `update keyed set ${columns.map((column) => `${column.name} = (${column.values[0]})::${column.type}`).join(', ')} where id = 2`,
      `insert into keyed select id + 100, ${names} from keyed`,
      'update keyed set id = -id where id in (101, 102)',
      'update bare set n = n + 10 where n = 1',
      `update bare as b set ${setAll('k')} from keyed as k where k.id = b.n`,
      'delete from bare where n = 2',
      'delete from bare where ctid = (select ctid from bare limit 1)',
      'update bare set n = null where ctid = (select ctid from bare limit 1)',
      'delete from keyed where id = 3',
      // One column at a time.
      ...columns.map(
        (column, at) =>
          `update keyed set ${column.name} = (${column.values[at % column.values.length]})::${column.type} where id = ${(at % count) + 1}`,
      ),
    ],
  };
}

function arrayColumn(label: string, type: string, values: readonly string[]) {
  const next = (at: number) => values[(at + 1) % values.length];
  return {
    name: `"${label.replaceAll('"', '')} array"`,
    type: `${type}[]`,
    values: values.map((value, at) => `array[(${value})::${type}, null, (${next(at)})::${type}]::${type}[]`),
    element: type,
  };
}

function wholeRows(): TortureCase[] {
  return [
    {
      name: 'rows of nulls only, and empty strings beside nulls',
      setup:
        'create table keyed (id integer primary key, a text, b integer, c text[]); create table bare (a text, b integer, c text[]);',
      steps: [
        "insert into keyed values (1, null, null, null), (2, '', null, '{}'), (3, ' ', 0, '{NULL}')",
        "insert into bare values (null, null, null), (null, null, null), ('', null, null), (null, 0, '{}')",
        'insert into bare select a, b, c from keyed',
        "update bare set a = '' where ctid = (select ctid from bare where a is null and b is null and c is null limit 1)",
        'update keyed set a = null, b = null, c = null where id = 2',
        "update keyed set a = '' where id = 1",
        'delete from bare where ctid = (select ctid from bare where a is null and b is null and c is null limit 1)',
      ],
    },
    ...[1, 10].map((size) => ({
      name: `a text of ${size} megabytes`,
      // The large one takes seconds: once is enough.
      since: size > 1 ? 18 : 10,
      setup: 'create table t (id integer primary key, big text)',
      steps: [raw`insert into t select 1, repeat(e'\\\\ "megabytes"\n\t', ${size * 70000})`],
    })),
    {
      name: 'a large value that an update does not touch',
      setup:
        'create table t (id integer primary key, big text, other integer); create table bare (big text, other integer);',
      steps: [
        "insert into t select i, (select string_agg(md5((i * j)::text), '') from generate_series(1, 3000) as j), 0 from generate_series(1, 5) as i",
        'insert into bare select big, id from t',
        'update t set other = other + 1 where id <= 3',
        'update t set id = id + 10 where id = 3',
        'update bare set other = other + 1 where other = 1',
        'alter table t alter big set storage external',
        'update t set big = big || big where id = 4',
        'update t set other = 7 where id = 4',
        'delete from bare where other = 3',
      ],
    },
  ];
}
