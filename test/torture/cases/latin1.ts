import type { TortureCase } from '../torture-case.js';

/* What a root of the encoding LATIN1 sends to a leaf of UTF8. */

const EVERY_CHARACTER = "(select string_agg(chr(i), '' order by i) from generate_series(1, 255) as i)";

export const LATIN1_CASES: readonly TortureCase[] = [
  {
    name: 'every character of LATIN1',
    setup: `create type mood as enum ('träge', 'ñ'); create type place as (straße text, größe integer);
      create table t (id integer primary key, v text, c char(300), n name, x "char", j json, b jsonb, a text[], m mood, p place, h hstore, ci citext, raw bytea, ts tsvector);
      create table bare (v text, a text[])`,
    steps: [
      `insert into t select 1, s, s, 'é', 'e', to_json(s), to_jsonb(s), array[s, 'ÿ', null], 'träge', row(s, 1)::place, hstore(s, s), s, convert_to(s, 'LATIN1'), 'ä:1A' from (select ${EVERY_CHARACTER} as s) as q`,
      String.raw`insert into t (id, v, j) values (2, 'äöü ÿ ß', '{"é":  "\u00e9", "a": "ÿ"}'), (3, 'ascii', null)`,
      'insert into bare select v, a from t',
      "update t set v = v || 'Ä', ci = upper(ci::text) where id <= 2",
      "update bare set v = 'Å' where v = 'ascii'",
      "delete from bare where v like 'ä%'",
      'delete from t where id = 3',
    ],
  },
  {
    name: 'keys of LATIN1',
    setup: 'create table t (k text primary key, v text); create table ci (k citext primary key, v text)',
    steps: [
      `insert into t select chr(i), 'v' || chr(i) from generate_series(161, 255) as i`,
      "update t set v = 'Ü' where k in ('ä', 'ÿ')",
      "update t set k = k || '|é' where k < 'À'",
      "delete from t where k = 'ÿ'",
      "insert into ci values ('É', 'a'), ('ß', 'b')",
      "update ci set k = k || 'é', v = 'ñ'",
    ],
  },
  {
    name: 'names of LATIN1',
    setup: 'create table "täble" ("cölumn" integer primary key, "ñ é" text); create table "bäre" ("ß" text)',
    steps: [
      `insert into "täble" values (1, 'é'), (2, 'ü')`,
      `update "täble" set "ñ é" = 'Å', "cölumn" = 10 where "cölumn" = 1`,
      'delete from "täble" where "cölumn" = 2',
      `insert into "bäre" values ('ß'), ('ß')`,
      `update "bäre" set "ß" = 'é' where ctid = (select ctid from "bäre" limit 1)`,
    ],
  },
  ...['LATIN1', 'UTF8', 'SQL_ASCII'].map((encoding) => ({
    name: `a writer of LATIN1 with client_encoding ${encoding}`,
    setup: 'create table t (id integer primary key, v text)',
    session: [`set client_encoding = '${encoding}'`],
    steps: [
      `insert into t select i, chr(i) || 'x' from generate_series(161, 255) as i`,
      `update t set v = v || chr(233) where id < 200`,
      `update t set id = id + 1000 where v = chr(255) || 'x'`,
    ],
  })),
];
