/** Makes the tables, and lets pgq.insert_event write down what it is given instead of writing an event. */
export const TRIGGER_SETUP = `
  set client_min_messages = error;
  set intervalstyle = 'postgres_verbose';
  create table public.written (nr serial, line text);
  create or replace function pgq.insert_event(queue_name text, ev_type text, ev_data text, ev_extra1 text, ev_extra2 text,
                                              ev_extra3 text, ev_extra4 text)
  returns bigint language sql as $$
    insert into public.written (line)
    values (concat_ws(' | ', queue_name, ev_type, ev_data, coalesce(ev_extra1, '<null>'), coalesce(ev_extra2, '<null>'),
                      coalesce(ev_extra3, '<null>'), coalesce(ev_extra4, '<null>')));
    select 1::bigint;
  $$;
  -- Runs the statements; returns the events, and the errors in their place.
  create function public.outcome(statements text[]) returns setof text language plpgsql as $$
  declare v_statement text; v_message text;
  begin
    foreach v_statement in array statements loop
      begin
        execute v_statement;
      exception when others then
        v_message := 'ERROR ' || sqlstate || ' ' || sqlerrm;
        return next v_message;
      end;
      return query select w.line from public.written as w order by w.nr;
      delete from public.written;
    end loop;
  end $$;
  create table public.keyed (a int primary key, b text, c int);
  create table public.keyless (a int, b text, c int);
  create table public.magic (a int primary key, b text, c int, _pgq_ev_type text default 'TT', _pgq_ev_data text default 'DD',
                             _pgq_ev_extra2 text, _pgq_ev_extra4 text default 'X4');
  create table public.unknown_magic (a int primary key, b text, c int, _pgq_ev_foo text);
  create table public."Odd Tab.x&" ("K e=y" int, "Ä" text, "select" int, "by" text, "x" int, primary key ("select", "K e=y"));
  create table public.unequal (a numeric, c char(4), b text collate "C", n numeric, f float8, j json, p point, x xid, primary key (a, c));
  create domain public.d_int as int;
  create domain public.d_bool as bool;
  create domain public.d_time as timestamptz;
  create table public.dropped (gone int, a int primary key, b text, c int);
  alter table public.dropped drop column gone, add d date default '2020-01-01';
  create table public.types (
    id int primary key, bo bool, s2 smallint, i8 bigint, f4 float4, f8 float8, n numeric, ch char(5), vc varchar(9), qc "char",
    nm name, ts timestamp, tz timestamptz, d date, tm time, ttz timetz, iv interval, by bytea, inn inet, ci cidr, u uuid, j json,
    jb jsonb, x xml, arr int[], ta text[], o oid, rc regclass, r int4range, mon money, bi bit(3), tsv tsvector, comp public.keyless,
    dom public.d_int, boxx box, e text, db public.d_bool, dt public.d_time, ba boolean[], ca public.keyless[]);
`;

export const TRIGGER_FUNCTIONS = ['logutriga', 'sqltriga', 'jsontriga'] as const;

/** A trigger and the statements that fire it. */
export interface TriggerCase {
  readonly table: string;
  readonly args: readonly string[];
  readonly definition: string;
  readonly statements: readonly string[];
  /** Why the answers differ on purpose. */
  readonly differs?: string;
}

const AFTER = 'after insert or update or delete on ? for each row';
const BEFORE = 'before insert or update or delete on ? for each row';
const TRUNCATE = 'after truncate on ? for each statement';

const WRITES = [
  "insert into ? (a, b, c) values (1, 'x y', null)",
  "update ? set b = E'ä\\\\%''&=+', c = 5",
  'update ? set b = b',
  'update ? set c = 6',
  'update ? set c = null',
  'update ? set a = a + 1',
  'delete from ?',
];

const ROW_ARGS: readonly (readonly string[])[] = [
  [],
  ['q'],
  ['nowhere'],
  ['q', 'ignore=c'],
  ['q', 'ignore=c,b'],
  ['q', 'ignore=a'],
  ['q', 'ignore=zz'],
  ['q', 'ignore='],
  ['q', 'ignore=c', 'ignore=b'],
  ['q', 'pkey=b'],
  ['q', 'pkey=a,b'],
  ['q', 'pkey=b,a'],
  ['q', 'pkey=c'],
  ['q', 'pkey=zz'],
  ['q', 'pkey='],
  ['q', 'pkey=b', 'pkey=a'],
  ['q', 'pkey=b', 'ignore=b'],
  ['q', 'backup'],
  ['q', 'backup', 'ignore=c'],
  ['q', 'deny'],
  ['q', 'deny', 'when=false'],
  ['q', 'SKIP'],
  ['q', 'skip'],
  ['q', 'bogus'],
  ['q', 'nullable'],
  ['q', ''],
  ['q', 'when=c is null'],
  ['q', 'when=c > 5'],
  ['q', 'when=1'],
  ['q', 'when='],
  ['q', 'when=zz'],
  ['q', "when=a = 1 and b ~ 'x'"],
  ['q', 'when=true', 'ignore=c'],
  [
    'q',
    "ev_type='T' || a",
    'ev_data=b',
    'ev_extra1=c',
    'ev_extra2=null',
    'ev_extra3=a+c',
    'ev_extra4=now() is null',
  ],
  ['q', 'ev_extra2=b', 'backup'],
  ['q', 'ev_extra5=b'],
  ['q', 'ev_extra2='],
  ['q', 'ev_extra3=B'],
  ['q', "ev_extra3='b' || c", 'ev_extra4=(select a)'],
  ['q', "ev_extra1='x.' || 'public.t'"],
  ['q', 'ev_extra2=count(b)'],
  ['q', 'ev_extra2=1,2'],
  ['q', 'ev_extra2=1 where false'],
  ['q', 'ev_extra2=(select 1 where false)'],
];

const TRUNCATE_ARGS: readonly (readonly string[])[] = [
  [],
  ['q'],
  ['q', 'deny'],
  ['q', 'backup'],
  ['q', 'ignore=c'],
  ['q', 'pkey=c'],
  ['q', 'when=true'],
  ['q', "ev_type='a'"],
  ['q', "ev_extra1='a'"],
  ['q', 'SKIP'],
  ['q', 'bogus'],
];

function writes(table: string, args: readonly string[], definition = AFTER): TriggerCase {
  return { table, args, definition, statements: WRITES };
}

const TYPES = [
  `insert into ? values (1, true, 2, 9223372036854775807, 0.1, 1e300, '1.10', 'ab', 'v v', 'c', 'nm', '2020-01-02 03:04:05.678',
     '2020-01-02 03:04:05+02', '2020-02-03', '10:11:12', '10:11:12+03', '1 day 02:00', '\\x00ff', '10.0.0.1', '10.0.0.0/8',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', ' {"a" : 1}', '{"a":1}', '<a/>', '{1,NULL}', '{"a b","c\\"d"}', 5, 'pg_class', '[1,3)',
     '12.5', '101', 'a b', '(1,"x y",)', 7, '(1,2),(3,4)', E'a"b\\\\c/d\\te\\n\\u00e4\\u0001\\u007f\\b\\f\\r\\x1e\\x1f<>&''', true, 'infinity',
     '{t,f}', '{"(1,a,2)"}')`,
  `update ? set f8 = 'NaN', f4 = '-infinity', ts = 'infinity', tz = '-infinity', d = 'infinity', e = '', ch = '', n = 'NaN',
     dt = '0044-03-15 BC', i8 = -9223372036854775808, s2 = -32768`,
  `update ? set ts = '0044-03-15 BC', d = '0044-03-15 BC', tz = '20000-01-01 00:00:00.1', bo = false, comp = row(null, null, null),
     j = 'null', jb = 'null', e = '0123456789 ABC xyz _.- !"#$%&''()*+,/:;<=>?@[\\]^\`{|}~'`,
  "set datestyle = 'German'; set timezone = 'Asia/Kolkata'; set intervalstyle = 'iso_8601'; set bytea_output = 'escape'; set extra_float_digits = 0",
  "update ? set tz = '2020-01-02 03:04:05+02', ts = '2020-01-01', d = '2020-01-01', dt = '1800-01-01', e = E'\\x1e', vc = E'\\x1f='",
  "set datestyle = 'SQL, DMY'; set timezone = 'America/New_York'; set intervalstyle = 'sql_standard'",
  "update ? set tz = '2020-01-02 03:04:05+02', ts = '2020-01-01', d = '2020-01-01', f8 = 0.1 + 0.2",
  'update ? set bo = null, s2 = null, i8 = null, f4 = null, f8 = null, n = null, ch = null, vc = null, qc = null, nm = null, ts = null, tz = null',
  `update ? set d = null, tm = null, ttz = null, iv = null, by = null, inn = null, ci = null, u = null, j = null, jb = null, x = null, arr = null,
     ta = null, o = null, rc = null, r = null, mon = null, bi = null, tsv = null, comp = null, dom = null, boxx = null, e = null, db = null,
     dt = null, ba = null, ca = null`,
  'delete from ?',
  'reset datestyle; reset timezone; reset intervalstyle; reset bytea_output; reset extra_float_digits',
];

const ODD = [
  `insert into ? values (1, 'a', 2, 'b', 3)`,
  `update ? set "Ä" = 'q', "by" = null`,
  `update ? set "select" = 9`,
  `update ? set "x" = 4`,
  'delete from ?',
];

const UNEQUAL = [
  `insert into ? values (1.0, 'a', 'x', 1.0, 0.0, '{"a":1}', '(1,2)', '3')`,
  "update ? set a = '1.00'",
  "update ? set n = '1.00', f = '-0'",
  'update ? set j = \'{"a" : 1}\'',
  "update ? set p = '(1,3)', x = '4'",
  'update ? set f = 5',
  'update ? set f = 6, n = null',
  'update ? set n = null, b = null',
  "update ? set c = 'b'",
  'delete from ?',
];

export const TRIGGER_CASES: readonly TriggerCase[] = [
  ...ROW_ARGS.map((args) => writes('keyed', args)),
  ...[['q'], ['q', 'pkey=c'], ['q', 'pkey=a', 'backup'], ['q', 'deny']].map((args) =>
    writes('keyless', args),
  ),
  ...[
    ['q'],
    ['q', 'backup'],
    ['q', 'ev_type=b'],
    ['q', 'ev_extra2=c', 'when=c is null'],
    ['q', 'ignore=c'],
  ].map((args) => writes('magic', args)),
  writes('unknown_magic', ['q']),
  ...[['q'], ['q', 'ignore=d']].map((args) => writes('dropped', args)),
  ...[
    ['q'],
    ['q', 'SKIP'],
    ['q', 'SKIP', 'deny'],
    ['q', 'SKIP', 'ignore=b'],
    ['q', 'SKIP', 'when=false'],
  ].map((args) => writes('keyed', args, BEFORE)),
  writes('keyed', ['q'], 'after insert or update or delete on ? for each statement'),
  ...TRUNCATE_ARGS.map((args) => ({
    table: 'keyed',
    args,
    definition: TRUNCATE,
    statements: ['truncate ?'],
  })),
  {
    table: 'keyed',
    args: ['q', 'SKIP'],
    definition: TRUNCATE.replace('after', 'before'),
    statements: ['truncate ?'],
  },
  ...['keyless', 'magic', 'unknown_magic', 'Odd Tab.x&'].map((table) => ({
    table,
    args: ['q'],
    definition: TRUNCATE,
    statements: ['truncate ?'],
  })),
  ...[['q'], ['q', 'backup'], ['q', 'pkey=K e=y', 'ignore=Ä']].map((args) => ({
    table: 'Odd Tab.x&',
    args,
    definition: AFTER,
    statements: ODD,
  })),
  ...[['q'], ['q', 'ignore=f'], ['q', 'ignore=j,p,x'], ['q', 'pkey=j'], ['q', 'pkey=p,x']].map((args) => ({
    table: 'unequal',
    args,
    definition: AFTER,
    statements: UNEQUAL,
  })),
  ...[['q'], ['q', 'backup'], ['q', 'pkey=u']].map((args) => ({
    table: 'types',
    args,
    definition: AFTER,
    statements: TYPES,
  })),
  {
    table: 'keyed',
    args: ['q'],
    definition: AFTER,
    statements: [
      "set session_replication_role = 'local'",
      ...WRITES,
      "set session_replication_role = 'replica'",
      ...WRITES,
      'reset session_replication_role',
      "insert into ? values (8, 'b', 8)",
      'alter table ? add column later text',
      "update ? set later = 'x'",
      'alter table ? rename column later to renamed',
      "update ? set renamed = 'y'",
      'alter table ? alter column c type text',
      'alter table ? drop column renamed',
      "update ? set b = 'z'",
      'alter table ? drop constraint keyed_pkey',
      "update ? set b = 'y'",
      'alter table ? add primary key (b)',
      "update ? set c = 'y'",
    ],
  },
  {
    table: 'keyless',
    args: ['q', 'ev_extra2=b; select 1'],
    definition: AFTER,
    statements: ["insert into ? values (1, 'b', 2)"],
    differs: 'an expression is one expression',
  },
  {
    table: 'keyless',
    args: ['q', 'ev_extra2=$1'],
    definition: AFTER,
    statements: ["insert into ? values (1, 'b', 2)"],
    differs: 'the message of a wrong expression',
  },
];

/** The statements that make the trigger, fire it, and leave the table empty. */
export function statementsOf(triggerCase: TriggerCase, triggerFunction: string): string[] {
  const table = `public."${triggerCase.table}"`;
  const args = triggerCase.args.map((arg) => `'${arg.replaceAll("'", "''")}'`).join(', ');
  return [
    `create trigger z ${triggerCase.definition} execute procedure pgq.${triggerFunction}(${args})`,
    ...triggerCase.statements,
    'drop trigger z on ?',
    'delete from ?',
  ].map((statement) => statement.replaceAll('?', table));
}
