import type { TortureCase } from '../torture-case.js';

/* What an application has set in its session must not change an event. All sessions write the same rows into the same tables. */

const COLUMNS = `c_date date, c_time time, c_timetz timetz, c_timestamp timestamp, c_timestamptz timestamptz, c_interval interval, c_bytea bytea,
  c_real real, c_double double precision, c_money money, c_numeric numeric, c_text text, c_json json, c_jsonb jsonb, c_xml xml, c_class regclass,
  c_times timestamptz[], c_doubles double precision[], c_intervals interval[], c_bytes bytea[], c_range tstzrange, c_place public.session_float_place,
  c_hstore public.hstore, c_nulls text[]`;

const ROW = String.raw`'2024-02-03', '04:05:06.789', '04:05:06-03:30', '2024-02-03 04:05:06.789', '2024-02-03 04:05:06.789+05:45', '-1 year 2 mons 3 days -04:05:06.7',
  '\x00015c27ff', 0.1, 0.30000000000000004, '1234.56', 1.10, e'back\\slash ''quote'' "double" é', '{"a":  1.0, "a": 2}', '{"b": "\u00e9"}', '<a/>', 'pg_catalog.pg_class',
  '{"2024-02-03 04:05:06+00",null,infinity}', '{0.1,NaN,1e-320}', '{"1 day -1 hour",null}', array['\x5c'::bytea, null], '["2024-01-01 00:00+00",)',
  row('2024-02-03 04:05:06+00', '1 day -2 hours', 0.1, '\x5c', '12.5'), 'a=>1', '{NULL,"NULL",null}'`;

const SETUP = `
  create table src (id integer primary key, ${COLUMNS}, session text);
  insert into src values (1, ${ROW}), (2, ${ROW}), (3, ${ROW}), (4, ${ROW}), (5, ${ROW});
  insert into src (id) values (6);
  update src set c_double = id / 3.0::float8, c_real = id / 7.0::real, c_timestamptz = c_timestamptz + id * interval '1 day 1.5 seconds' where id < 6;
  create table keyed (session text, id integer, ${COLUMNS}, primary key (session, id));
  create table bare (session text, n integer, ${COLUMNS});
  create table by_values (session text, k_time timestamptz, k_double double precision, k_bytea bytea, t text, primary key (session, k_time, k_double, k_bytea));
  create unlogged table counter (session text primary key, n integer);
`;

/** What a schema before pg_catalog can hold: whoever finds these by name instead of the real ones fails. */
const HOSTILE = `
  create schema torture_hostile;
  create function torture_hostile.refuse(pg_catalog.text, pg_catalog.text) returns boolean language plpgsql as $$ begin raise exception 'hostile'; end $$;
  create function torture_hostile.refuse(bigint, bigint) returns boolean language plpgsql as $$ begin raise exception 'hostile'; end $$;
  create function torture_hostile.refuse(integer, integer) returns boolean language plpgsql as $$ begin raise exception 'hostile'; end $$;
  create function torture_hostile.refuse(boolean, boolean) returns boolean language plpgsql as $$ begin raise exception 'hostile'; end $$;
  create function torture_hostile.refuse(timestamptz, timestamptz) returns boolean language plpgsql as $$ begin raise exception 'hostile'; end $$;
  create function torture_hostile.refuse(double precision, double precision) returns boolean language plpgsql as $$ begin raise exception 'hostile'; end $$;
  create function torture_hostile.refuse_text(pg_catalog.text, pg_catalog.text) returns pg_catalog.text language plpgsql as $$ begin raise exception 'hostile'; end $$;
  ${['text', 'bigint', 'integer', 'boolean', 'timestamptz', 'double precision']
    .flatMap((type) =>
      ['=', '<>'].map((operator) => {
        const name = type === 'text' ? 'pg_catalog.text' : type;
        return `create operator torture_hostile.${operator} (leftarg = ${name}, rightarg = ${name}, procedure = torture_hostile.refuse);`;
      }),
    )
    .join('\n')}
  create operator torture_hostile.|| (leftarg = pg_catalog.text, rightarg = pg_catalog.text, procedure = torture_hostile.refuse_text);
  ${[
    'now()',
    'clock_timestamp()',
    'txid_current()',
    'pg_trigger_depth()',
    'row_to_json(anyelement)',
    'to_json(anyelement)',
    'to_jsonb(anyelement)',
    'to_json(text)',
    'quote_literal(text)',
    'quote_ident(text)',
    'quote_nullable(text)',
    'format(text, text)',
    'concat(text, text)',
    'current_setting(text)',
    'current_setting(text, boolean)',
    'set_config(text, text, boolean)',
    'nextval(regclass)',
    'currval(regclass)',
    'replace(text, text, text)',
    'length(text)',
    'md5(text)',
    'timestamptz_out(timestamptz)',
    'count(integer)',
    'unnest(anyarray)',
  ]
    .map((signature) => {
      const qualified = signature
        .replaceAll('text', 'pg_catalog.text')
        .replace('pg_catalog.textin', 'textin');
      return `create function torture_hostile.${qualified} returns pg_catalog.text language plpgsql as $$ begin raise exception 'hostile'; end $$;`;
    })
    .join('\n')}
  create domain torture_hostile.json as integer check (value = 42);
  create domain torture_hostile.jsonb as integer check (value = 42);
  create domain torture_hostile.text as integer check (value = 42);
  create domain torture_hostile.txid_snapshot as integer check (value = 42);
  create domain torture_hostile.regclass as integer check (value = 42);
  create table torture_hostile.pg_class (oid integer);
  create table torture_hostile.new_rows (oid integer);
  grant usage on schema torture_hostile to public;
  grant select on all tables in schema torture_hostile to public;
`;

const TEMPORARY = `
  create temp table keyed (x integer); create temp table new_rows (x integer); create temp table old_rows (x integer); create temp table pgc_new (x integer);
  create temp table pgc_old (x integer); create temp table new (x integer); create temp table old (x integer); create temp table event_template (x integer);
  create temp table pg_class (x integer); create temp table bare (x integer)`;

interface Session {
  readonly name: string;
  readonly settings: readonly string[];
  readonly rootSince?: number;
  /** A statement that such a session cannot run: so the settings are what they are meant to be. */
  readonly refused?: string;
}

const SESSIONS: readonly Session[] = [
  { name: 'the defaults', settings: [] },
  { name: 'DateStyle German', settings: ["set DateStyle = 'German'"] },
  { name: 'DateStyle SQL, DMY', settings: ["set DateStyle = 'SQL, DMY'"] },
  { name: 'DateStyle Postgres, MDY', settings: ["set DateStyle = 'Postgres, MDY'"] },
  { name: 'IntervalStyle sql_standard', settings: ["set IntervalStyle = 'sql_standard'"] },
  { name: 'IntervalStyle iso_8601', settings: ["set IntervalStyle = 'iso_8601'"] },
  { name: 'IntervalStyle postgres_verbose', settings: ["set IntervalStyle = 'postgres_verbose'"] },
  { name: 'TimeZone Asia/Kathmandu', settings: ["set TimeZone = 'Asia/Kathmandu'"] },
  { name: 'TimeZone America/St_Johns', settings: ["set TimeZone = 'America/St_Johns'"] },
  { name: 'TimeZone of a rule', settings: ["set TimeZone = '<+0530>-5:30'"] },
  { name: 'bytea_output escape', settings: ['set bytea_output = escape'] },
  { name: 'extra_float_digits -15', settings: ['set extra_float_digits = -15'] },
  { name: 'extra_float_digits 0', settings: ['set extra_float_digits = 0'] },
  {
    name: 'lc_monetary and lc_numeric of another locale',
    settings: ["set lc_monetary = 'C.utf8'", "set lc_numeric = 'C.utf8'"],
  },
  { name: 'an empty search_path', settings: ["set search_path = ''"] },
  {
    name: 'a search_path of a schema that is not there',
    settings: ['set search_path = nowhere, pg_catalog'],
  },
  {
    name: 'a hostile search_path',
    settings: ['set search_path = torture_hostile, pg_catalog, public'],
    refused: "select from %S.keyed where session = 'x'",
  },
  {
    name: 'temporary tables under our names',
    settings: [TEMPORARY, 'set search_path = pg_temp, pg_catalog, public'],
  },
  {
    name: 'standard_conforming_strings off',
    settings: [
      'set standard_conforming_strings = off',
      'set escape_string_warning = off',
      'set backslash_quote = off',
    ],
  },
  { name: 'quote_all_identifiers on', settings: ['set quote_all_identifiers = on'] },
  { name: 'serializable transactions', settings: ['set default_transaction_isolation = serializable'] },
  {
    name: 'repeatable read transactions',
    settings: ["set default_transaction_isolation = 'repeatable read'"],
  },
  { name: 'client_encoding LATIN1', settings: ['set client_encoding = LATIN1'] },
  {
    name: 'a role without any right on our schemas',
    settings: ['set session authorization torture_writer'],
    refused: "select pgq.create_queue('not mine')",
  },
  { name: 'a role that was set', settings: ['set role torture_writer'] },
  { name: 'array_nulls off', settings: ['set array_nulls = off'] },
  {
    name: 'xmloption document, xmlbinary hex',
    settings: ['set xmloption = document', 'set xmlbinary = hex'],
  },
  { name: 'row_security off', settings: ['set row_security = off'] },
  { name: 'no hash joins', settings: ['set enable_hashjoin = off'] },
  { name: 'no merge joins', settings: ['set enable_mergejoin = off'] },
  {
    name: 'no hash and merge joins, no sorts',
    settings: [
      'set enable_hashjoin = off',
      'set enable_mergejoin = off',
      'set enable_sort = off',
      'set enable_hashagg = off',
      'set enable_material = off',
    ],
  },
  { name: 'no nested loops, small memory', settings: ['set enable_nestloop = off', "set work_mem = '64kB'"] },
  {
    name: 'plan_cache_mode force_generic_plan',
    rootSince: 12,
    settings: ['set plan_cache_mode = force_generic_plan'],
  },
  {
    name: 'plan_cache_mode force_custom_plan',
    rootSince: 12,
    settings: ['set plan_cache_mode = force_custom_plan'],
  },
  { name: 'transform_null_equals on', settings: ['set transform_null_equals = on'] },
  {
    name: 'other rules of PL/pgSQL',
    settings: [
      'set plpgsql.variable_conflict = use_column',
      "set plpgsql.extra_errors = 'all'",
      'set plpgsql.print_strict_params = on',
    ],
  },
  {
    name: 'columns of PL/pgSQL by variables',
    settings: ['set plpgsql.variable_conflict = use_variable', 'set plpgsql.check_asserts = off'],
  },
  {
    name: 'jit always',
    rootSince: 12,
    settings: [
      'set jit = on',
      'set jit_above_cost = 0',
      'set jit_inline_above_cost = 0',
      'set jit_optimize_above_cost = 0',
    ],
  },
  {
    name: 'genetic planner',
    settings: ['set geqo_threshold = 2', 'set join_collapse_limit = 1', 'set from_collapse_limit = 1'],
  },
  {
    name: 'parallel plans always',
    rootSince: 16,
    settings: [
      'set debug_parallel_query = on',
      'set parallel_setup_cost = 0',
      'set min_parallel_table_scan_size = 0',
    ],
  },
  {
    name: 'asynchronous and deferred',
    settings: [
      'set synchronous_commit = off',
      'set default_transaction_deferrable = on',
      'set default_transaction_isolation = serializable',
    ],
  },
  {
    name: 'messages for debugging',
    settings: ['set client_min_messages = debug1', 'set debug_print_plan = off'],
  },
];

/** No `=`, `<>` and `||` here: a hostile search_path has its own. */
function sessionCase({ name, settings, rootSince, refused }: Session): TortureCase {
  const session = `'${name}'`;
  const columns = COLUMNS.split(',')
    .map((column) => column.trim().split(' ')[0])
    .join(', ');
  return {
    name: `session: ${name}`,
    ...(rootSince === undefined ? {} : { rootSince }),
    shared: { schema: 't_sessions', rows: `session = ${session}` },
    setup: `create type public.session_float_place as (at timestamptz, days interval, share double precision, bytes bytea, price money);
      ${HOSTILE} ${SETUP}`,
    session: settings,
    steps: [
      ...(refused === undefined ? [] : [{ refused }]),
      `insert into %S.keyed select ${session}, id, ${columns} from %S.src where id between 1 and 4`,
      `insert into %S.keyed select ${session}, id, ${columns} from %S.src where id between 5 and 5`,
      `insert into %S.keyed (session, id, c_timestamptz, c_interval, c_money, c_bytea, c_double)
         select ${session}, 100, c_timestamptz, c_interval, c_money, c_bytea, c_double from %S.src where id between 6 and 6`,
      `update %S.keyed set c_timestamptz = c_timestamptz + interval '1 hour', c_double = c_double / 7, c_interval = c_interval * 2, c_real = c_real * 3
        where session >= ${session} and session <= ${session} and id between 2 and 3`,
      `update %S.keyed set c_text = null where session >= ${session} and session <= ${session} and id between 4 and 4`,
      `update %S.keyed set id = id + 500 where session >= ${session} and session <= ${session} and id between 3 and 4`,
      `delete from %S.keyed where session >= ${session} and session <= ${session} and id between 2 and 2`,
      `insert into %S.bare select ${session}, id, ${columns} from %S.src`,
      `insert into %S.bare select ${session}, id, ${columns} from %S.src where id between 1 and 2`,
      `update %S.bare set n = n + 10, c_double = c_double / 3 where session >= ${session} and session <= ${session} and n between 1 and 2`,
      `delete from %S.bare where session >= ${session} and session <= ${session} and n between 3 and 3`,
      `delete from %S.bare where session >= ${session} and session <= ${session} and n is null`,
      `insert into %S.by_values select ${session}, c_timestamptz, c_double, c_bytea, 'new' from %S.src where id between 1 and 5`,
      `update %S.by_values set t = 'changed' where session >= ${session} and session <= ${session} and k_double > 1`,
      `update %S.by_values set k_time = k_time + interval '1.000001 seconds', k_double = k_double * 1.1 where session >= ${session} and session <= ${session} and k_double < 1`,
      `delete from %S.by_values where session >= ${session} and session <= ${session} and k_double > 1.5`,
      `begin; insert into %S.counter values (${session}, 0); update %S.counter set n = 1 where session >= ${session} and session <= ${session}; commit`,
    ],
  };
}

export const SESSION_CASES: readonly TortureCase[] = SESSIONS.map(sessionCase);
