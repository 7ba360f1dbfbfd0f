import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { installedDatabase } from '../../support/installed-database.js';

const MAJORS = [10, 14, 18] as const;

async function shapeOf(session: Connection, table = 'public.t'): Promise<string> {
  const { shape } = await session.one<{ shape: string }>('select pgcascade.table_shape($1) as shape', [
    table,
  ]);
  return shape;
}

test.each(MAJORS)(
  'whatever decides which rows a table takes changes its shape, and rows do not, on %i',
  async (major) => {
    await using database = await installedDatabase(major, 'shape');
    await using session = await database.connect();
    await session.execute(`
    create type public.mood as enum ('sad');
    create domain public.small as int check (value < 10);
    create table public.t (id int, v varchar(5), m public.mood, s public.small, moods public.mood[]) partition by range (id);
    create table public.t1 partition of public.t for values from (0) to (10)`);
    const seen = new Set([await shapeOf(session)]);
    for (const change of [
      'alter table public.t alter v type varchar(6)',
      'alter table public.t alter v set not null',
      "alter table public.t alter v set default 'x'",
      'alter table public.t rename v to w',
      'alter table public.t add column n numeric(3, 1)',
      "alter type public.mood add value 'glad'",
      'alter domain public.small drop constraint small_check',
      'alter table public.t add constraint positive check (id > 0)',
      'create table public.t2 partition of public.t for values from (10) to (20)',
      'create unique index on public.t1 (id)',
    ]) {
      await session.execute(change);
      const shape = await shapeOf(session);
      expect(seen, change).not.toContain(shape);
      expect(shape.split(' ')[0]).toBe([...seen][0]?.split(' ')[0]);
      seen.add(shape);
    }
    const last = await shapeOf(session);
    await session.execute("insert into public.t (id, w, s) values (1, 'a', 1); analyze public.t");
    expect(await shapeOf(session)).toBe(last);
    expect(await shapeOf(session, 'public.absent')).toBe('');
  },
);

test.each(MAJORS)(
  'a table waits until it changes, and is copied anew when it is another one, on %i',
  async (major) => {
    await using database = await installedDatabase(major, 'waiting');
    await using session = await database.connect();
    await session.execute(`
    create table public.t (id int primary key);
    select pgq_node.register_location('q', n, 'dbname=' || n, false) from unnest('{root,leaf}'::text[]) as n;
    select pgq_node.create_node('q', 'leaf', 'leaf', 'worker', 'root', 1, null);
    select londiste.global_add_table('q', 'public.t');
    select londiste.local_add_table('q', 'public.t', '{no_triggers,no_merge}')`);
    const wait = async () =>
      session.one<{ waits: boolean }>(
        `select pgcascade.wait_for_shape('q', 'public.t', 'worker.copy.public.t', 'root', 5, 77, 6, 78, 'x',
                                       pgcascade.table_shape('public.t')) as waits`,
      );
    const state = async () =>
      session.one(`select t.merge_state as state, e.error_code as error, w.tick_id as tick, w.event_id as event, s.last_tick_id as position
                   from londiste.table_info as t
                   left join pgcascade.table_error as e using (queue_name, table_name)
                   left join pgcascade.waiting_table as w using (queue_name, table_name)
                   left join pgq_node.local_state as s on s.consumer_name = 'worker.copy.public.t'`);
    const takeUp = () => session.query("select * from pgcascade.take_up_changed('q')");
    const set = (to: string | null) =>
      session.query("select londiste.local_set_table_state('q', 'public.t', null, $1)", [to]);

    // It waits for its copy: there is nothing to catch up with.
    expect(await wait()).toEqual({ waits: false });
    await set('ok');
    expect(await wait()).toEqual({ waits: true });
    const waiting = { state: 'catching-up', error: 'PC403', tick: 5n, event: 77n, position: 5n };
    expect(await state()).toEqual(waiting);
    expect(await wait()).toEqual({ waits: false });
    expect(await takeUp()).toEqual([]);

    await session.execute('alter table public.t add column v int');
    expect(await takeUp()).toEqual([{ table_name: 'public.t', is_anew: false }]);
    expect(await state()).toEqual({ ...waiting, error: null });
    expect(await takeUp()).toEqual([]);

    expect(await wait()).toEqual({ waits: true });
    await session.execute('drop table public.t');
    expect(await takeUp()).toEqual([]);
    await session.execute('create table public.t (id int primary key, v int)');
    expect(await takeUp()).toEqual([{ table_name: 'public.t', is_anew: true }]);
    expect(await state()).toMatchObject({ state: null, error: null, tick: null });

    await set('ok');
    await wait();
    await session.query("select pgcascade.clear_table_state('q', 'public.t')");
    expect(await state()).toMatchObject({ error: null, tick: null, position: null });
  },
);
