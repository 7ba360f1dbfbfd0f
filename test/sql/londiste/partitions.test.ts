import { expect, test } from 'vitest';
import { MAJORS, openNode } from '../pgq_node/node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a child has what its parent has, takes its period only, and is made once`, async () => {
    await using node = await openNode(major);
    const { session } = node;
    const role = `part_reader_${node.name}`;
    await node.run(`
      create table "O" (id integer primary key, "At" timestamptz not null, n integer default 7 check (n > 0));
      create index on "O" (n);
      create role "${role}";
      grant select on "O" to "${role}";
      create table log (t text);
      create function note() returns trigger language plpgsql as 'begin insert into public.log values (tg_table_name); return new; end';
      create trigger "noted ON x" after insert on "O" for each row execute procedure note();
      create trigger silent before update on "O" for each row execute procedure note();
      alter table "O" disable trigger silent;
      create rule kept as on delete to "O" where old.n = 8 do instead nothing`);
    try {
      const create =
        "londiste.create_partition('public.O', 'public.O_1', null, 'At', '2020-02-10 12:00+00', 'month')";
      expect(await session.queryArrays(`select ${create}, ${create}`)).toEqual([[1, 0]]);
      await node.run(`insert into "O_1" (id, "At") values (1, '2020-02-01'), (2, '2020-02-29 23:59:59.9')`);
      await node.run(`insert into "O_1" values (3, '2020-02-02', 8); delete from "O_1" where id = 3`);
      expect(await session.queryArrays('select id, n from "O" order by id')).toEqual([
        [1, 7],
        [2, 7],
        [3, 8],
      ]);
      expect(await session.queryArrays('select * from public.log')).toEqual([['O_1'], ['O_1'], ['O_1']]);
      for (const row of [
        "(4, '2020-01-31 23:59')",
        "(4, '2020-03-01')",
        "(1, '2020-02-02')",
        "(4, '2020-02-02', 0)",
      ]) {
        await expect(node.run(`insert into "O_1" values ${row}`)).rejects.toThrow(/violates/);
      }
      expect(
        await session.one(`select has_table_privilege('${role}', '"O_1"', 'select') as reads,
             (select count(*) from pg_index where indrelid = '"O_1"'::regclass)::int4 as indexes,
             (select tgenabled::text from pg_trigger where tgrelid = '"O_1"'::regclass and tgname = 'silent') as silent`),
      ).toEqual({ reads: true, indexes: 2, silent: 'D' });
      // Without a field any row fits; a key is made where the parent has none.
      await node.run('create table loose (a integer, b integer)');
      expect(
        await session.one(
          "select londiste.create_partition('loose', 'loose_x', 'a, b', null, now(), 'day') as made",
        ),
      ).toEqual({ made: 1 });
      await expect(node.run('insert into loose_x values (1, 1), (1, 1)')).rejects.toThrow(/duplicate/);
      for (const [call, message] of [
        ["'none', 'x', null, null, now(), 'day'", /Table not found/],
        ["'O', 'x', null, 'At', now(), 'week'", /No such period/],
        ["'O', 'x', null, 'n', now(), 'day'", /no date or timestamp/],
      ] as const) {
        await expect(node.run(`select londiste.create_partition(${call})`)).rejects.toThrow(message);
      }
    } finally {
      await node.run(`drop table "O" cascade; drop role "${role}"`);
    }
  });

  test(`PostgreSQL ${major}: a table that is partitioned by range gets a partition of its own kind`, async () => {
    await using node = await openNode(major);
    const { session } = node;
    await node.run('create table p (id integer, d date not null) partition by range (d)');
    for (const [day, period] of [
      ['2020-01-31', 'day'],
      ['2020-02-01', 'month'],
      ['2021-05-05', 'year'],
      ['2022-05-05 10:00', 'hour'],
    ]) {
      await node.run(
        `select londiste.create_partition('p', 'p_${period}', 'id', 'd', '${day}', '${period}')`,
      );
    }
    await node.run(
      "insert into p values (1, '2020-01-31'), (2, '2020-02-29'), (3, '2021-12-31'), (4, '2022-05-05')",
    );
    expect(await session.queryArrays('select tableoid::regclass::text, id from p order by id')).toEqual([
      ['p_day', 1],
      ['p_month', 2],
      ['p_year', 3],
      ['p_hour', 4],
    ]);
    await expect(node.run("insert into p values (5, '2020-02-29'), (5, '2020-02-29')")).rejects.toThrow(
      /duplicate/,
    );
    await expect(
      node.run("select londiste.create_partition('p', 'x', null, null, now(), 'day')"),
    ).rejects.toThrow(/not partitioned by range of nothing/);
  });

  test(`PostgreSQL ${major}: partitions are obsolete when their whole period ended too long ago`, async () => {
    await using node = await openNode(major);
    const { session } = node;
    const obsolete = async (period: string, retention: string, format: string, age: string) => {
      const { is } = await session.one<{ is: boolean }>(
        `select londiste.is_obsolete_partition('s.t_' || to_char(now() - '${age}'::interval, '${format}'), '${retention}', '${period}') as is`,
      );
      return is;
    };
    expect(await obsolete('day', '3 days', 'YYYY_MM_DD', '3 days')).toBe(false);
    expect(await obsolete('day', '3 days', 'YYYY_MM_DD', '5 days')).toBe(true);
    expect(await obsolete('hour', '2 hours', 'YYYY_MM_DD_HH24', '2 hours')).toBe(false);
    expect(await obsolete('hour', '2 hours', 'YYYY_MM_DD_HH24', '4 hours')).toBe(true);
    expect(await obsolete('month', '1 month', 'YYYY_MM', '1 month')).toBe(false);
    expect(await obsolete('month', '1 month', 'YYYY_MM', '3 months')).toBe(true);
    expect(await obsolete('year', '1 year', 'YYYY', '1 year')).toBe(false);
    expect(await obsolete('year', '1 year', 'YYYY', '3 years')).toBe(true);
    // Names of another period, and such as are no time.
    expect(await obsolete('day', '1 day', 'YYYY_MM', '3 years')).toBe(false);
    expect(await obsolete('month', '1 day', 'YYYY_MM_DD', '3 years')).toBe(false);
    expect(await obsolete('day', '1 day', 'YYYY_13_01', '3 years')).toBe(false);
    await node.run(`
      create table t (id integer);
      create table t_2001_01_01 () inherits (t);
      create table t_2999_01_01 () inherits (t);
      create table t_other () inherits (t);
      create table t_2001_01_02 (id integer)`);
    const list = "select f from londiste.list_obsolete_partitions('t', '1 day', 'day') as f";
    expect(await session.queryArrays(list)).toEqual([['public.t_2001_01_01']]);
    const drop = "select f from londiste.drop_obsolete_partitions('t', '1 day', 'day') as f";
    expect(await session.queryArrays(drop)).toEqual([['public.t_2001_01_01']]);
    expect(await session.queryArrays(drop)).toEqual([]);
    expect(
      await session.queryArrays(
        "select to_regclass('public.t_2001_01_01') is null, to_regclass('public.t_2001_01_02') is null",
      ),
    ).toEqual([[true, false]]);
  });
}
