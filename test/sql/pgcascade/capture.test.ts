import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { type FreshDatabase, freshDatabase } from '../../support/cluster.js';

const QUEUE = 'app';

interface Event {
  readonly type: string;
  readonly data: string;
  readonly extra1: string;
  readonly extra2: string | null;
  readonly extra3: string | null;
}

/** `quick`: one statement captures what most statements are. `long`: the queue's row is looked at, as around a rotation. */
describe.each([
  { major: 10, way: 'quick' },
  { major: 13, way: 'quick' },
  { major: 18, way: 'quick' },
  { major: 18, way: 'long' },
] as const)('capture on PostgreSQL $major, the $way way', ({ major, way }) => {
  let database: FreshDatabase;
  let admin: Connection;
  let seen = 0n;

  beforeAll(async () => {
    database = await freshDatabase(major, 'capture');
    admin = await database.connect();
    await installSchemas(admin);
    await admin.query('select pgq.create_queue($1)', [QUEUE]);
    if (way === 'quick') await admin.query('select pgq.ticker()');
    expect(await admin.one('select last_value::int as open from pgq.event_1_open_seq')).toEqual({
      open: way === 'quick' ? 0 : -1,
    });
  });

  afterAll(async () => {
    await admin.close();
    await database[Symbol.asyncDispose]();
  });

  /** Makes a table and its triggers. */
  async function capture(name: string, definition: string, mode = 'statement'): Promise<void> {
    await admin.execute(definition);
    const plan = await admin.one('select mode, reason from pgcascade.create_capture($1, $2, $2)', [
      QUEUE,
      name,
    ]);
    expect(plan['mode']).toBe(mode);
  }

  /** The events that have come since the last call, in order. */
  async function events(): Promise<Event[]> {
    const rows = await admin.query<{ id: bigint } & Event & Record<string, unknown>>(
      `select ev_id as id, ev_type as type, ev_data as data, ev_extra1 as extra1, ev_extra2 as extra2, ev_extra3 as extra3
         from pgq.event_1 where ev_id > $1 order by ev_id`,
      [seen],
    );
    seen = rows.at(-1)?.id ?? seen;
    return rows.map(({ type, data, extra1, extra2, extra3 }) => ({ type, data, extra1, extra2, extra3 }));
  }

  const operations = async () => (await events()).map((e) => `${/"op":"(\w)/.exec(e.type)?.[1]} ${e.extra3}`);

  test('an insert, an update and a delete become events in the format of jsontriga', async () => {
    await capture(
      'public.plain',
      'create table public.plain (id bigint primary key, note text, amount numeric(10,2))',
    );
    await admin.execute(`insert into public.plain values (9007199254740993, 'a "quoted" note', 1.5)`);
    await admin.execute(`update public.plain set note = null`);
    await admin.execute(`delete from public.plain`);
    const type = (op: string) => `{"op":"${op}","table":["public","plain"],"pkey":["id"]}`;
    const common = { extra1: 'public.plain', extra2: null, extra3: '9007199254740993' };
    expect(await events()).toEqual([
      {
        ...common,
        type: type('INSERT'),
        data: '{"id":9007199254740993,"note":"a \\"quoted\\" note","amount":"1.50"}',
      },
      { ...common, type: type('UPDATE'), data: '{"id":9007199254740993,"note":null,"amount":"1.50"}' },
      { ...common, type: type('DELETE'), data: '{"id":9007199254740993}' },
    ]);
  });

  test('in urlencoded form events are as logutriga writes them, with the settings pinned and the key beside', async () => {
    await admin.query("select pgcascade.set_capture_format($1, 'urlenc')", [QUEUE]);
    await capture(
      'public.encoded',
      `create table public.encoded (b text, a int, ok boolean, c char(4), n numeric(38,20), f float8, at timestamptz, x bytea,
                                    list text[], "ö &=" text, primary key (b, a))`,
    );
    const noKey = 'create table public.encoded_no_key (n int, t text)';
    await capture('public.encoded_no_key', noKey, 'mixed');
    await admin.query("select pgcascade.set_capture_format($1, 'json')", [QUEUE]);
    await using writer = await database.application();
    await writer.execute(
      "set datestyle = 'SQL, DMY'; set timezone = 'Asia/Tokyo'; set bytea_output = 'escape'",
    );
    await writer.execute(`insert into public.encoded values
      (E'q w\\\\ü''', 3, true, 'ab', 123456789012345678.10, 0.5, '2020-01-02 03:04:05+00', '\\x00ff', '{a,null}', '')`);
    await writer.execute('update public.encoded set ok = false, "ö &=" = null, c = null');
    await writer.execute('update public.encoded set a = 4');
    await writer.execute('delete from public.encoded');
    await writer.execute(
      "insert into public.encoded_no_key values (1, 'x'); update public.encoded_no_key set n = 2",
    );
    await writer.execute('truncate public.encoded');
    const common = { extra1: 'public.encoded', extra2: null };
    const rest = (ok: string, c: string, last: string) =>
      `ok=${ok}&${c}&n=123456789012345678.10000000000000000000&f=0.5&at=2020-01-02+03%3a04%3a05%2b00&x=%5cx00ff&list=%7ba%2cNULL%7d&%c3%b6+%26%3d${last}`;
    const key = 'b=q+w%5c%c3%bc%27';
    const extra3 = (a: number) => `("q w\\\\ü'",${a})`;
    expect(await events()).toEqual([
      { ...common, type: 'I:b,a', data: `${key}&a=3&${rest('t', 'c=ab++', '=')}`, extra3: extra3(3) },
      { ...common, type: 'U:b,a', data: `${key}&a=3&${rest('f', 'c', '')}`, extra3: extra3(3) },
      { ...common, type: 'D:b,a', data: `${key}&a=3`, extra3: extra3(3) },
      { ...common, type: 'I:b,a', data: `${key}&a=4&${rest('f', 'c', '')}`, extra3: extra3(4) },
      { ...common, type: 'D:b,a', data: `${key}&a=4`, extra3: extra3(4) },
      { type: 'I:', data: 'n=1&t=x', extra1: 'public.encoded_no_key', extra2: null, extra3: null },
      { type: 'U:', data: 'n=2&t=x', extra1: 'public.encoded_no_key', extra2: 'n=1&t=x', extra3: null },
      { ...common, type: 'R', data: '', extra3: null },
    ]);
    await admin.execute('create table public.comma ("a,b" int primary key)');
    await admin.query("select pgcascade.set_capture_format($1, 'urlenc')", [QUEUE]);
    await expect(
      admin.query("select pgcascade.create_capture($1, 'public.comma', 'public.comma')", [QUEUE]),
    ).rejects.toThrow('has a column with a comma in its name');
    await admin.query("select pgcascade.set_capture_format($1, 'json')", [QUEUE]);
  });

  test('an update that changes nothing sends no event', async () => {
    await capture('public.still', 'create table public.still (id int primary key, doc json)');
    await admin.execute(`insert into public.still values (1, '{"a": 1}')`);
    await events();
    await admin.execute('update public.still set doc = doc');
    expect(await events()).toEqual([]);
    await admin.execute(`update public.still set doc = '{"a":1}'`);
    expect((await events()).map((e) => e.data)).toEqual(['{"id":1,"doc":"{\\"a\\":1}"}']);
  });

  test('a chain of key changes in one statement ends in the right keys', async () => {
    await capture('public.chained', 'create table public.chained (id int primary key, v text)');
    await admin.execute(`insert into public.chained select g, 'v' || g from generate_series(1, 3) as g`);
    await events();
    await admin.execute('update public.chained set id = id + 1 where id = 3');
    expect((await operations()).sort()).toEqual(['D 3', 'I 4']);
    await admin.execute('begin; set constraints all deferred');
    await admin.execute(
      `update public.chained set id = 3 where id = 2; update public.chained set id = 2 where id = 1; commit`,
    );
    expect(await operations()).toEqual(expect.arrayContaining(['D 2', 'I 3', 'D 1', 'I 2']));
  });

  test('a key of several columns is one text in index order', async () => {
    await capture(
      'public.wide_key',
      'create table public.wide_key (a int, b text, c date, primary key (c, b))',
    );
    await admin.execute(`insert into public.wide_key values (1, 'x,y', '2020-02-03')`);
    const [event] = await events();
    expect(event?.extra3).toBe('(2020-02-03,"x,y")');
    expect(event?.type).toContain('"pkey":["c","b"]');
  });

  test('a unique index over not-null columns serves as a key, one over nullable columns does not', async () => {
    await capture(
      'public.unique_key',
      'create table public.unique_key (a int not null, b int); create unique index on public.unique_key (a)',
    );
    await capture(
      'public.no_key',
      'create table public.no_key (a int, b text); create unique index on public.no_key (a)',
      'mixed',
    );
    await admin.execute('insert into public.unique_key values (1, 2); delete from public.unique_key');
    expect(await operations()).toEqual(['I 1', 'D 1']);
  });

  test('without a key the old row travels with an update and a delete', async () => {
    await capture('public.keyless', 'create table public.keyless (a int, b text)', 'mixed');
    await admin.execute(`insert into public.keyless values (1, null), (1, null)`);
    await admin.execute(`update public.keyless set b = 'x'`);
    await admin.execute(`delete from public.keyless where a = 1`);
    const all = await events();
    expect(all.map((e) => [e.data, e.extra2])).toEqual([
      ['{"a":1,"b":null}', null],
      ['{"a":1,"b":null}', null],
      ['{"a":1,"b":"x"}', '{"a":1,"b":null}'],
      ['{"a":1,"b":"x"}', '{"a":1,"b":null}'],
      ['{"a":1,"b":"x"}', null],
      ['{"a":1,"b":"x"}', null],
    ]);
  });

  test('the settings of the writer do not change an event', async () => {
    await capture(
      'public.settings',
      `create table public.settings (id int primary key, d date, t timestamp, tz timestamptz, i interval, by bytea,
        f float8, r float4, m money, arr timestamptz[], rng daterange, o oid, ip inet, ch "char", bits bit(3))`,
    );
    const insert = (id: number) =>
      `insert into public.settings values (${id}, '2020-02-03', '2020-02-03 04:05:06.789', '2020-02-03 04:05:06+00',
        '1 year 2 days 03:04:05', '\\x00ff5c', 0.1, 0.1, 12.34, array['2020-02-03 04:05:06+00'::timestamptz],
        '[2020-02-03,2020-02-05)', 7, '10.0.0.1', 'x', '101')`;
    await admin.execute(insert(1));
    await using other = await database.cluster.application(database.name);
    await other.execute(
      `set DateStyle = 'SQL, DMY'; set IntervalStyle = sql_standard; set TimeZone = 'Asia/Kathmandu';
       set bytea_output = escape; set extra_float_digits = -3; set search_path = ''; set standard_conforming_strings = on`,
    );
    await other.execute(
      `insert into public.settings select 2, d, t, tz, i, by, f, r, m, arr, rng, o, ip, ch, bits from public.settings`,
    );
    const [one, two] = await events();
    expect(two?.data.replace('"id":2', '"id":1')).toBe(one?.data);
    expect(one?.data).toContain('"tz":"2020-02-03 04:05:06+00"');
    expect(one?.data).toContain('"by":"\\\\x00ff5c"');
    expect(one?.data).toContain('"ip":"10.0.0.1"');
  });

  test('a role without any right on our schemas can write', async () => {
    await capture('public.open_to_all', 'create table public.open_to_all (id int primary key)');
    const role = `capture_writer_${major}`;
    await admin.execute(`drop role if exists ${role}`);
    await admin.execute(`create role ${role} login; grant select, insert on public.open_to_all to ${role}`);
    await admin.transaction(async (tx) => {
      await tx.execute(`set local session authorization ${role}`);
      await tx.execute('insert into public.open_to_all values (1)');
    });
    expect(await operations()).toEqual(['I 1']);
    await admin.execute(`revoke all on public.open_to_all from ${role}; drop role ${role}`);
  });

  test('names with quotes, spaces, dots and percent signs are captured', async () => {
    await capture(
      'public.We"i.rd %s',
      'create table public."We""i.rd %s" ("k %I""" int primary key, "select" text)',
    );
    await admin.execute(
      `insert into public."We""i.rd %s" values (1, 'x'); update public."We""i.rd %s" set "select" = 'y'`,
    );
    const all = await events();
    expect(all.map((e) => e.extra1)).toEqual(['public.We"i.rd %s', 'public.We"i.rd %s']);
    expect(JSON.parse(all[1]?.data ?? '')).toEqual({ 'k %I"': 1, select: 'y' });
    expect(JSON.parse(all[1]?.type ?? '').table).toEqual(['public', 'We"i.rd %s']);
  });

  test('a table without columns and a truncate are captured', async () => {
    await capture('public.empty', 'create table public.empty ()', 'mixed');
    await admin.execute('insert into public.empty default values; truncate public.empty');
    expect((await events()).map((e) => e.data)).toEqual(['{}', '{}']);
  });

  test('writes to a partitioned table are events of the parent, whichever way they come', async () => {
    await capture(
      'public.parted',
      `create table public.parted (id int, d date, v text) partition by range (d);
       create table public.parted_1 partition of public.parted for values from ('2020-01-01') to ('2020-02-01');
       create table public.parted_2 partition of public.parted for values from ('2020-02-01') to ('2020-03-01')`,
      'row',
    );
    await admin.execute(`insert into public.parted values (1, '2020-01-05', 'a')`);
    await admin.execute(`insert into public.parted_2 values (2, '2020-02-05', 'b')`);
    await admin.execute(`update public.parted set v = 'c'`);
    const all = await events();
    expect(all.map((e) => e.extra1)).toEqual(Array(4).fill('public.parted'));
  });

  test('a TRUNCATE of one partition is a DELETE for each of its rows, that of the table one event', async () => {
    await capture(
      'public.cut',
      `create table public.cut (id int not null) partition by range (id);
       create table public.cut_1 partition of public.cut for values from (0) to (10);
       create table public.cut_2 partition of public.cut for values from (10) to (20)`,
      'row',
    );
    // All in one message, so at one statement_timestamp.
    await admin.execute(
      `insert into public.cut values (1), (11); truncate public.cut; insert into public.cut values (2), (12);
       truncate public.cut_1; truncate public.cut_2, public.cut_1`,
    );
    const seenNow = (await events()).map((e) => `${/"op":"(\w)/.exec(e.type)?.[1]} ${e.data}`);
    expect(seenNow).toEqual([
      'I {"id":1}',
      'I {"id":11}',
      'T {}',
      'I {"id":2}',
      'I {"id":12}',
      'D {"id":2}',
      'D {"id":12}',
    ]);
  });

  test.skipIf(major < 12)('a generated column is not sent', async () => {
    await capture(
      'public.computed',
      'create table public.computed (id int primary key, a int, twice int generated always as (a * 2) stored)',
    );
    await admin.execute('insert into public.computed values (1, 2)');
    expect((await events())[0]?.data).toBe('{"id":1,"a":2}');
  });

  test('rows that a foreign key cascade deletes are events', async () => {
    await capture('public.parent', 'create table public.parent (id int primary key)');
    await capture(
      'public.child',
      `create table public.child (id int primary key,
        parent int references public.parent on delete cascade on update cascade)`,
      'row',
    );
    await admin.execute(
      'insert into public.parent values (1), (2); insert into public.child values (10, 1), (11, 1), (20, 2)',
    );
    await events();
    await admin.execute('delete from public.parent where id = 1');
    expect((await operations()).sort()).toEqual(['D 1', 'D 10', 'D 11']);
    await admin.execute('update public.parent set id = 3 where id = 2');
    expect((await operations()).sort()).toEqual(['D 2', 'I 3', 'U 20']);
  });

  test('a row that several foreign key actions of one statement change ends as it is', async () => {
    await admin.execute('create table public.person (id int primary key)');
    await capture(
      'public.ticket',
      `create table public.ticket (id int primary key, made_by int references public.person on delete set null,
         changed_by int references public.person on delete set null, closed_by int references public.person on delete set null)`,
      'row',
    );
    await admin.execute(
      'insert into public.person values (11); insert into public.ticket values (1, 11, 11, 11)',
    );
    await events();
    await admin.execute('delete from public.person where id = 11');
    const last = (await events()).at(-1);
    expect(JSON.parse(last?.data ?? '')).toEqual({ id: 1, made_by: null, changed_by: null, closed_by: null });
  });

  test('a row that one foreign key action changes and another deletes ends deleted', async () => {
    await admin.execute('create table public.owner_a (id int primary key)');
    await capture(
      'public.owned',
      `create table public.owned (id int primary key, b int references public.owner_a on delete cascade,
         a int references public.owner_a on delete set null)`,
      'row',
    );
    await admin.execute('insert into public.owner_a values (1); insert into public.owned values (5, 1, 1)');
    await events();
    await admin.execute('delete from public.owner_a');
    expect((await operations()).at(-1)).toBe('D 5');
  });

  test('insert on conflict, copy and a writable CTE are captured row by row', async () => {
    await capture('public.many_ways', 'create table public.many_ways (id int primary key, v int)');
    await admin.execute('insert into public.many_ways values (1, 1)');
    await admin.execute(
      'insert into public.many_ways values (1, 5), (2, 2) on conflict (id) do update set v = excluded.v',
    );
    await admin.execute(
      'with gone as (delete from public.many_ways where id = 1 returning *) insert into public.many_ways select id, 9 from gone',
    );
    const all = await operations();
    expect(all.slice(0, 1)).toEqual(['I 1']);
    expect(all.slice(1, 3).sort()).toEqual(['I 2', 'U 1']);
    expect(all.slice(3)).toEqual(['D 1', 'I 1']);
  });

  test('a row trigger of the user and a cascading self-reference lead to row mode, a deferrable key is none', async () => {
    await admin.execute(
      `create function public.noop() returns trigger language plpgsql as 'begin return null; end'`,
    );
    await capture(
      'public.with_trigger',
      `create table public.with_trigger (id int primary key);
       create trigger t after insert on public.with_trigger for each row execute procedure public.noop()`,
      'row',
    );
    await capture(
      'public.tree',
      'create table public.tree (id int primary key, up int references public.tree on delete cascade)',
      'row',
    );
    await capture('public.late_key', 'create table public.late_key (id int primary key deferrable)', 'mixed');
    await admin.execute(
      'insert into public.tree values (1, null), (2, 1), (3, 2); delete from public.tree where id = 1',
    );
    expect((await operations()).sort()).toEqual(['D 1', 'D 2', 'D 3', 'I 1', 'I 2', 'I 3']);
  });

  test('capture made twice sends each event once, dropped it sends none', async () => {
    await capture('public.twice', 'create table public.twice (id int primary key)');
    await admin.query('select pgcascade.create_capture($1, $2, $2)', [QUEUE, 'public.twice']);
    await admin.execute('insert into public.twice values (1)');
    expect(await operations()).toEqual(['I 1']);
    await admin.query('select pgcascade.drop_capture($1, $2)', [QUEUE, 'public.twice']);
    await admin.execute('insert into public.twice values (2)');
    expect(await operations()).toEqual([]);
    const { left } = await admin.one<{ left: bigint }>(
      `select count(*) as left from pg_trigger where tgrelid = 'public.twice'::regclass`,
    );
    expect(left).toBe(0n);
  });

  test('a table of a leaf refuses writes, but not those of replication', async () => {
    await admin.execute('create table public.guarded (id int primary key)');
    await admin.query('select pgcascade.create_deny($1, $2, $2)', [QUEUE, 'public.guarded']);
    await expect(admin.execute('insert into public.guarded values (1)')).rejects.toThrow(
      "Table 'public.guarded' to queue 'app': change not allowed (INSERT)",
    );
    await expect(admin.execute('truncate public.guarded')).rejects.toThrow('change not allowed (TRUNCATE)');
    await admin.execute('set session_replication_role = replica; insert into public.guarded values (1)');
    await admin.execute('reset session_replication_role');
  });

  test('what a table is captured by is found by index, however few tables there were when the session began', async () => {
    for (let no = 0; no < 8; no++)
      await capture(`public.many_${no}`, `create table public.many_${no} (id int primary key)`);
    const scans = `select relname::text as name, seq_scan from pg_stat_xact_sys_tables
      where schemaname = 'pg_catalog' and relname in ('pg_trigger', 'pg_index', 'pg_inherits', 'pg_constraint') order by 1`;
    const [before, after] = await admin.transaction(async (tx) => {
      const first = await tx.query(scans);
      await tx.query(
        `select pgcascade.table_signature('public.many_3'), pgcascade.table_key('public.many_3'::regclass)`,
      );
      return [first, await tx.query(scans)];
    });
    expect(after).toEqual(before);
  });

  test('a table or queue that is not there is refused with its code', async () => {
    await expect(
      admin.query('select pgcascade.create_capture($1, $2, $2)', [QUEUE, 'public.nowhere']),
    ).rejects.toMatchObject({ code: 'PC400' });
    await expect(
      admin.query('select pgcascade.create_capture($1, $2, $2)', ['nowhere', 'public.plain']),
    ).rejects.toMatchObject({ code: 'PC302' });
  });
});

test('a large update in the transaction of the rows is captured at once, though the table was analyzed empty', async () => {
  await using database = await freshDatabase(13, 'large');
  await using admin = await database.connect();
  await installSchemas(admin);
  await admin.query('select pgq.create_queue($1)', [QUEUE]);
  await admin.execute('create table public.many (id bigint primary key, n int); analyze public.many');
  await admin.query("select pgcascade.create_capture($1, 'public.many', 'public.many')", [QUEUE]);
  await admin.transaction(async (tx) => {
    await tx.execute('insert into public.many select i, 0 from generate_series(1, 400000) as i');
    // Each old row compared with each new one takes hours; a join by their key a second.
    await tx.execute("set local statement_timeout = '60s'");
    await tx.execute('update public.many set n = n + 1 where id % 4 = 0');
  });
  const counts = await admin.query(
    "select ev_type like '%UPDATE%' as updated, count(*)::int as events from pgq.event_1 group by 1 order by 1",
  );
  expect(counts).toEqual([
    { updated: false, events: 400_000 },
    { updated: true, events: 100_000 },
  ]);
});
