import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { restoreForeignKeys } from '../../../src/worker/foreign-keys.js';
import { installedDatabase } from '../../support/installed-database.js';

const MAJORS = [10, 18] as const;

const TABLES = `
create table public.parent (id int primary key);
create table public.child (id int primary key, parent_id int constraint child_parent references public.parent, at date);
create table public.audit (what text);
create function public.note() returns trigger language plpgsql as $$
begin
  insert into public.audit values (tg_name);
  return new;
end $$;
create trigger noted after insert on public.child for each row execute procedure public.note();
create trigger also after insert on public.child for each row execute procedure public.note();
create rule doubled as on insert to public.child do also insert into public.audit values ('rule')`;

interface LeafDatabase extends AsyncDisposable {
  readonly session: Connection;
  /** Registers tables, in sync, on a leaf of this queue whose worker needs things kept off. */
  leaf(queue: string, ...tables: string[]): Promise<void>;
  /** The worker of the queue has got its right. */
  getsRight(queue: string): Promise<void>;
  /** How the triggers and rules of a table are enabled, but for ours. */
  enabled(table: string): Promise<Record<string, string>>;
  keys(): Promise<{ here: string[]; saved: string[] }>;
}

async function openLeaf(major: number): Promise<LeafDatabase> {
  const database = await installedDatabase(major, 'taken_off');
  const session = await database.application();
  const names = async (sql: string) =>
    (await session.query<{ name: string }>(sql)).map(({ name }) => name).sort();
  return {
    session,
    leaf: async (queue, ...tables) => {
      await session.query(
        `select pgq_node.register_location($1, n, 'dbname=' || n, false) from unnest('{root,leaf}'::text[]) as n`,
        [queue],
      );
      await session.query(
        `select pgq_node.create_node($1, 'leaf', 'leaf', $1 || '_worker', 'root', 1, null)`,
        [queue],
      );
      await session.query('insert into pgcascade.unprivileged_worker (queue_name) values ($1)', [queue]);
      for (const table of tables) {
        await session.query('select londiste.global_add_table($1, $2)', [queue, table]);
        await session.query(`select londiste.local_add_table($1, $2, '{no_triggers,no_merge}')`, [
          queue,
          table,
        ]);
        await session.query("select londiste.local_set_table_state($1, $2, null, 'ok')", [queue, table]);
      }
    },
    getsRight: async (queue) => {
      await session.query('delete from pgcascade.unprivileged_worker where queue_name = $1', [queue]);
    },
    enabled: async (table) => {
      const rows = await session.query<{ name: string; is: string }>(
        `select tgname::text as name, tgenabled::text as is from pg_trigger
          where tgrelid = $1::regclass and not tgisinternal and tgfoid <> 'pgcascade.deny_write'::regproc
         union all
         select rulename::text, ev_enabled::text from pg_rewrite where ev_class = $1::regclass and ev_type <> '1'
         order by 1`,
        [table],
      );
      return Object.fromEntries(rows.map(({ name, is }) => [name, is]));
    },
    keys: async () => ({
      here: await names(
        "select conname::text as name from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace",
      ),
      saved: await names('select fkey_name as name from londiste.pending_fkeys'),
    }),
    [Symbol.asyncDispose]: async () => {
      await session.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

const ACT = { also: 'O', doubled: 'O', noted: 'O' };
const OFF = { also: 'D', doubled: 'D', noted: 'D' };
const TAKE_OFF = "select pgcascade.take_all_off('q', '{}')";

test.each(MAJORS)(
  'a database that is restored from a dump knows what is kept off its tables, on %i',
  async (major) => {
    await using at = await openLeaf(major);
    const { session } = at;
    await session.execute(TABLES);
    await at.leaf('q', 'public.child');
    await session.execute(TAKE_OFF);
    expect(await at.enabled('public.child')).toEqual(OFF);
    // What a dump has of the record, and another table under the name.
    const dumped = await session.query<{ line: string }>(
      'select t::text as line from pgcascade.taken_off as t',
    );
    await session.execute(
      `alter table public.child rename to gone;
       create table public.child (id int primary key);
       create trigger noted after insert on public.child for each row execute procedure public.note();
       alter table public.child disable trigger noted;
       drop table public.gone;
       delete from pgcascade.taken_off`,
    );
    for (const { line } of dumped) {
      await session.query('insert into pgcascade.taken_off select ($1::pgcascade.taken_off).*', [line]);
    }
    await at.getsRight('q');
    await session.execute("select pgcascade.put_back('public.child'::regclass)");
    expect(await at.enabled('public.child')).toEqual({ noted: 'O' });
  },
);

test.each(MAJORS)('what a script disables or makes is as the script has left it, on %i', async (major) => {
  await using at = await openLeaf(major);
  const { session } = at;
  await session.execute(`${TABLES}; comment on constraint child_parent on public.child is 'why'`);
  await at.leaf('q', 'public.parent', 'public.child');
  await session.execute(TAKE_OFF);
  expect(await at.keys()).toEqual({ here: [], saved: ['child_parent'] });

  await session.transaction(async (tx) => {
    await tx.query("select * from pgcascade.put_back_for_script('q', null)");
    expect(await at.enabled('public.child')).toEqual(ACT);
    expect((await at.keys()).here).toEqual(['child_parent']);
    await tx.execute(
      `alter table public.child disable trigger noted;
       alter table public.child disable rule doubled;
       alter table public.child rename constraint child_parent to renamed;
       create trigger younger after insert on public.child for each row execute procedure public.note()`,
    );
    await tx.execute(TAKE_OFF);
  });
  expect(await at.enabled('public.child')).toEqual({ ...OFF, younger: 'D' });
  expect(await at.keys()).toEqual({ here: [], saved: ['renamed'] });

  await at.getsRight('q');
  await session.execute("select pgcascade.put_back('public.child'::regclass)");
  expect(await at.enabled('public.child')).toEqual({ also: 'O', doubled: 'D', noted: 'D', younger: 'O' });
  expect(await session.query('select from pgcascade.taken_off')).toEqual([]);
  await restoreForeignKeys(session, pino({ level: 'silent' }), new AbortController().signal);
  expect(await at.keys()).toEqual({ here: ['renamed'], saved: [] });
  const [comment] = await session.query(
    "select obj_description(oid, 'pg_constraint') as text from pg_constraint where conname = 'renamed'",
  );
  expect(comment).toEqual({ text: 'why' });
});

test.each(MAJORS)("a script finds its own queue's tables as they are on the root, on %i", async (major) => {
  await using at = await openLeaf(major);
  const { session } = at;
  await session.execute(
    `${TABLES}; create table public.other (id int primary key, up int constraint other_up references public.other);
     create table public.copied (id int primary key, up int constraint copied_up references public.copied);
     create trigger noted after insert on public.other for each row execute procedure public.note();
     create trigger noted after insert on public.copied for each row execute procedure public.note()`,
  );
  await at.leaf('q', 'public.parent', 'public.child', 'public.copied');
  await at.leaf('r', 'public.other');
  await session.execute(`${TAKE_OFF}; select pgcascade.take_all_off('r', '{}')`);
  // Its copy has taken the key off, and puts it back; and it holds the table's lock.
  await session.execute("select londiste.local_set_table_state('q', 'public.copied', null, 'in-copy')");
  const saved = ['child_parent', 'copied_up', 'other_up'];
  expect(await at.keys()).toEqual({ here: [], saved });
  await session.transaction(async (tx) => {
    await tx.query("select * from pgcascade.put_back_for_script('q', null)");
    expect(await at.keys()).toEqual({ here: ['child_parent'], saved: ['copied_up', 'other_up'] });
    expect(await at.enabled('public.other')).toEqual({ noted: 'D' });
    expect(await at.enabled('public.copied')).toEqual({ noted: 'D' });
    await tx.execute(TAKE_OFF);
  });
  expect(await at.keys()).toEqual({ here: [], saved });
});

test.each(MAJORS)('a saved key that cannot be made keeps no script from running, on %i', async (major) => {
  await using at = await openLeaf(major);
  const { session } = at;
  await session.execute(TABLES);
  await at.leaf('q', 'public.parent', 'public.child');
  await session.execute(TAKE_OFF);
  await session.execute(
    `insert into londiste.pending_fkeys values ('public.child', 'public.parent', 'broken',
       'alter table only public.child add constraint broken foreign key (nothing) references public.parent')`,
  );
  const script = () =>
    session.transaction(async (tx) => {
      const said = await tx.query<{ problem: string | null }>(
        "select problem from pgcascade.put_back_for_script('q', null)",
      );
      expect(await at.keys()).toEqual({ here: ['child_parent'], saved: ['broken'] });
      await tx.execute(TAKE_OFF);
      return said.flatMap(({ problem }) => problem ?? []);
    });
  expect(await script()).toEqual([
    expect.stringMatching(/"broken" of public\.child: .*"nothing".* not exist/),
  ]);
  // It is told once.
  expect(await script()).toEqual([]);
  expect(await at.keys()).toEqual({ here: [], saved: ['broken', 'child_parent'] });
  expect(await session.query('select object_name from pgcascade.put_back_error')).toEqual([
    { object_name: 'broken' },
  ]);
});

test.each(MAJORS)(
  "where a trigger of PgQ in C that refuses the application's writes is off, ours refuses them, on %i",
  async (major) => {
    await using at = await openLeaf(major);
    const { session } = at;
    // As that trigger it is none of PL/pgSQL, and gets PgQ's arguments.
    await session.execute(
      `${TABLES};
       create function pgq.in_c() returns trigger language internal as 'suppress_redundant_updates_trigger';
       create trigger closed before update on public.parent for each row execute procedure pgq.in_c('q', 'deny');
       create trigger captured before update on public.child for each row execute procedure pgq.in_c('q', 'ev_extra1=deny');
       insert into public.parent values (1); insert into public.child values (1)`,
    );
    await at.leaf('q', 'public.parent', 'public.child');
    await session.execute(TAKE_OFF);
    expect(await at.enabled('public.parent')).toEqual({ closed: 'D' });
    const write = 'update public.parent set id = id + 1';
    await expect(session.execute(write)).rejects.toThrow('change not allowed');
    await session.execute('update public.child set parent_id = null');
    await session.transaction(async (tx) => {
      await tx.query('select pgcascade.begin_replication()');
      await tx.execute(write);
    });
    // It would refuse the script's writes too, as the role may not tell it who writes.
    await session.transaction(async (tx) => {
      await tx.query("select * from pgcascade.put_back_for_script('q', null)");
      expect(await at.enabled('public.parent')).toEqual({ closed: 'D' });
      await tx.execute(TAKE_OFF);
    });
    await at.getsRight('q');
    await session.execute("select pgcascade.put_back('public.parent'::regclass)");
    expect(await at.enabled('public.parent')).toEqual({ closed: 'O' });
    await session.execute(write);
  },
);

test.each(MAJORS)(
  'a part that is made while its parent is kept off is kept off, and comes back with it, on %i',
  async (major) => {
    await using at = await openLeaf(major);
    const { session } = at;
    await session.execute(TABLES);
    await at.leaf('q', 'public.child');
    await session.execute(TAKE_OFF);
    const make = (part: string) =>
      session.execute(
        `select londiste.create_partition('public.child', 'public.${part}', 'id', 'at', '2026-01-01', 'month')`,
      );
    await make('part');
    await session.execute("select pgcascade.take_part_off('public.part')");
    expect(await at.enabled('public.part')).toEqual(OFF);
    expect(await session.one("select pgcascade.acts('{public.child}') as acts")).toEqual({ acts: false });

    await at.getsRight('q');
    for (const table of ['public.child', 'public.part']) {
      await session.query('select pgcascade.put_back($1::regclass)', [table]);
      expect(await at.enabled(table)).toEqual(ACT);
    }
    await make('later');
    await session.execute("select pgcascade.take_part_off('public.later')");
    expect(await at.enabled('public.later')).toEqual(ACT);
  },
);

test.each(MAJORS)(
  'a new root captures a table as the keys need that have come back with it, on %i',
  async (major) => {
    await using at = await openLeaf(major);
    const { session } = at;
    await session.execute(
      `create table public.parent (id int primary key);
       create table public.child (id int primary key, parent_id int constraint child_parent references public.parent on delete set null);
       select pgq.create_queue('q');
       select pgq_node.register_location('q', 'root', 'dbname=root', false);
       select pgq_node.create_node('q', 'root', 'root', 'root_worker', null, null, null);
       select pgcascade.take_key_off('public.child', 'child_parent');
       select pgcascade.create_capture('q', 'public.child', 'public.child')`,
    );
    const mode = () => session.one('select mode from pgcascade.capture_plan');
    expect(await mode()).toEqual({ mode: 'statement' });
    expect(await session.one("select key_count, late from pgcascade.put_all_back('q')")).toEqual({
      key_count: 1,
      late: [],
    });
    expect(await mode()).toEqual({ mode: 'row' });
  },
);
