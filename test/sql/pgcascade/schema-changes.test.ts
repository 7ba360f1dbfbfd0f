import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { type FreshDatabase, freshDatabase } from '../../support/cluster.js';
import { CHANGES, type Change } from '../../support/schema-changes.js';
import { waitUntil } from '../../support/wait-until.js';

const QUEUE = 'app';

interface Event {
  readonly op: string;
  readonly table: string;
  readonly pkey: unknown;
  readonly data: unknown;
  readonly key: string | null;
  readonly old: unknown;
}

/**
 * Both ways in which a change made without `execute` is noticed: at once, by an event trigger, and where the role may not
 * create one, by the generated functions themselves and then by the ticker's look.
 */
describe.each([
  { major: 10, way: 'the look of a ticker' },
  { major: 18, way: 'an event trigger' },
  { major: 18, way: 'the look of a ticker' },
] as const)('a change on PostgreSQL $major, noticed by $way', ({ major, way }) => {
  let database: FreshDatabase;
  let admin: Connection;
  let cached: Connection;
  let seen = 0n;
  let tables = 0;

  beforeAll(async () => {
    database = await freshDatabase(major, 'changes');
    admin = await database.connect();
    cached = await database.application();
    if (way === 'the look of a ticker') {
      // It owns the database and may not create an event trigger.
      await admin.execute(`
        do $$ begin
          if not exists (select from pg_roles where rolname = 'plain_owner') then create role plain_owner; end if;
        end $$;
        alter database "${database.name}" owner to plain_owner;
        grant all on schema public to plain_owner;
        set session authorization plain_owner`);
    }
    await installSchemas(admin);
    await admin.execute(`
      select pgq_node.register_location('${QUEUE}', 'root', 'dbname=root', false);
      select pgq_node.create_node('${QUEUE}', 'root', 'root', 'worker', null, null, null);
      create function public.noop() returns trigger language plpgsql as 'begin return null; end'`);
    await admin.query('select pgq.ticker()');
  });

  afterAll(async () => {
    await cached.close();
    await admin.close();
    await database[Symbol.asyncDispose]();
  });

  // Each look goes through all tables.
  afterEach(async () => {
    await admin.query(
      'select londiste.local_remove_table(p.queue_name, p.table_name) from pgcascade.capture_plan as p',
    );
  });

  const newName = (schema = 'public') => `${schema}.t${++tables}`;

  /** Adds a table to the queue, as add-table does on a root. */
  async function capture(table: string, mode: string): Promise<void> {
    await admin.query("select londiste.local_add_table($1, $2, '{no_triggers}')", [QUEUE, table]);
    await admin.query('select pgcascade.create_capture($1, $2, $2)', [QUEUE, table]);
    expect(await modeOf(table)).toBe(mode);
    await admin.execute('truncate pgcascade.schema_change');
    await events();
  }

  async function modeOf(table: string): Promise<unknown> {
    const [plan] = await admin.query('select mode from pgcascade.capture_plan where table_name = $1', [
      table,
    ]);
    return plan?.['mode'];
  }

  /** The same as with a role that may not create it, until `createEventTrigger`. */
  async function dropEventTrigger(): Promise<void> {
    if (way === 'an event trigger') await admin.execute('drop event trigger pgcascade_schema_change');
  }

  async function createEventTrigger(): Promise<void> {
    const { made } = await admin.one('select pgcascade.create_event_trigger() as made');
    expect(made).toBe(way === 'an event trigger');
  }

  const changed = async () =>
    (await admin.query('select table_name from pgcascade.changed_tables()')).map((row) => row['table_name']);

  /** What the ticker does every two seconds at most. */
  async function look(): Promise<unknown[]> {
    const outcomes = await admin.query(
      'select pgcascade.follow_table(c.queue_name, c.table_name, false, true) as outcome from pgcascade.changed_tables() as c',
    );
    expect(await changed()).toEqual([]);
    return outcomes.map((row) => row['outcome']);
  }

  /** The look where there is no event trigger. Where there is one, nothing is left to be done. */
  async function followed(): Promise<void> {
    if (way === 'the look of a ticker') await look();
    expect(await changed()).toEqual([]);
  }

  /** The events that have come since the last call, in order. */
  async function events(): Promise<Event[]> {
    const rows = await admin.query<
      { id: bigint; type: string; data: string } & Record<string, string | null>
    >(
      `select ev_id as id, ev_type as type, ev_data as data, ev_extra1 as extra1, ev_extra2 as extra2, ev_extra3 as extra3
         from pgq.event_1 where ev_id > $1 order by ev_id`,
      [seen],
    );
    seen = rows.at(-1)?.id ?? seen;
    return rows
      .filter(({ type }) => !type.startsWith('londiste.'))
      .map(({ type, data, extra1, extra2, extra3 }) => {
        if (!type.startsWith('{'))
          return { op: type, table: data, pkey: null, data: null, key: null, old: null };
        const parsed = JSON.parse(type);
        return {
          op: parsed.op,
          table: extra1 ?? '',
          pkey: parsed.pkey,
          data: JSON.parse(data),
          key: extra3 ?? null,
          old: extra2 == null ? null : JSON.parse(extra2),
        };
      });
  }

  const brief = (list: readonly Event[]) =>
    list.map((e) => [e.op, e.key, ...(e.data === null ? [] : [e.data])]);

  const outcomes = async (table: string) =>
    (
      await admin.query(
        'select outcome from pgcascade.schema_change where table_name = $1 order by change_no',
        [table],
      )
    ).map((row) => row['outcome']);

  /** One insert, update and delete, and what they must be as events. */
  async function writeAndCheck(
    session: Connection,
    table: string,
    change: Change,
    id: number,
    sql: string,
  ): Promise<void> {
    await session.execute(sql);
    const { pkey, row, keyText } = after(change);
    const base = { table, pkey, key: keyText(id), old: null };
    const first = row(id, 'one');
    const second = row(id, 'two');
    const keyOnly = Object.fromEntries(Object.entries(first).filter(([name]) => pkey.includes(name)));
    expect(await events()).toEqual([
      { ...base, op: 'INSERT', data: first },
      { ...base, op: 'UPDATE', data: second, old: pkey.length === 0 ? first : null },
      { ...base, op: 'DELETE', data: pkey.length === 0 ? second : keyOnly },
    ]);
  }

  // The oldest server is asked one way, for the time that it takes.

  test.each(CHANGES.filter((change) => (change.from ?? 10) <= major))('$name', async (change) => {
    const table = newName();
    const fill = (sql: string) => sql.replaceAll('T', table).replaceAll('#', table.replace('public.', ''));
    await admin.execute(fill(change.table ?? 'create table T (id int primary key, v text, w int default 0)'));
    await admin.execute(fill("insert into T (id, v) values (1, 'a'), (2, 'b')"));
    await capture(table, change.before ?? 'statement');
    const prepared = OPERATIONS.map((what) => `${what}_${table.replace('.', '_')}`);
    await cached.execute(
      OPERATIONS.map((what, i) => `prepare ${prepared[i]}(int) as ${statement(change, table, what)}`).join(
        ';',
      ),
    );
    // The server keeps a plan from the sixth time on.
    await cached.execute([90, 91, 92, 93, 94, 95].map((id) => calls(prepared, id)).join(';'));
    await events();

    if (change.alone) for (const sql of change.alone) await admin.execute(fill(sql));
    await admin.transaction(async (tx) => {
      if (change.sql !== undefined) await tx.execute(fill(change.sql));
      if (change.write !== undefined) await tx.execute(fill(change.write));
    });
    if (change.events !== undefined) {
      expect((await events()).map((e) => [e.op, e.data])).toEqual(change.events);
    }
    await using fresh = await database.application();
    for (const id of [101, 103]) {
      await writeAndCheck(cached, table, change, id, calls(prepared, id));
      const plain = OPERATIONS.map((what) => statement(change, table, what)).join(';');
      await writeAndCheck(fresh, table, change, id + 1, plain.replaceAll('$1', String(id + 1)));
      await followed();
      const anew = change.isCopiedAnew === true && way === 'the look of a ticker' && id === 101;
      expect((await events()).map((e) => e.op)).toEqual(anew ? ['pgcascade.copy-anew'] : []);
    }
    expect(await modeOf(table)).toBe(change.mode ?? 'statement');
    expect((await outcomes(table)).includes('renewed')).toBe(change.note ?? change.row !== undefined);
    await cached.execute('deallocate all');
  });
  /** A captured table with two rows. */
  async function plainTable(schema = 'public', mode = 'statement', definition = PLAIN): Promise<string> {
    const table = newName(schema);
    await admin.execute(definition.replaceAll('T', table));
    await admin.execute(`insert into ${table} (id, v) values (1, 'a'), (2, 'b')`);
    await capture(table, mode);
    return table;
  }

  const destOf = async (table: string) =>
    (await admin.query('select dest_table from pgcascade.capture_plan where table_name = $1', [table]))[0]?.[
      'dest_table'
    ];

  test.each([
    ['renamed', (table: string) => `alter table ${table} rename to moved_${table.split('.')[1]}`],
    ['moved', (table: string) => `create schema if not exists other; alter table ${table} set schema other`],
    [
      'in a schema that is renamed',
      (table: string) => `alter schema ${table.split('.')[0]} rename to ${table.split('.')[0]}_now`,
    ],
  ])('a table that is %s keeps its name in the queue', async (what, change) => {
    const schema = what.startsWith('in a schema') ? `s${tables + 1}` : 'public';
    await admin.execute(`create schema if not exists ${schema}`);
    const table = await plainTable(schema);
    const [, name] = table.split('.');
    const now = { renamed: `public.moved_${name}`, moved: `other.${name}` }[what] ?? `${schema}_now.${name}`;
    await admin.transaction(async (tx) => {
      await tx.execute(change(table));
      await tx.execute(`insert into ${now} values (3, 'c')`);
    });
    await using fresh = await database.application();
    await fresh.execute(`delete from ${now} where id = 1`);
    expect(await changed()).toEqual([table]);
    expect(await look()).toEqual(['renamed']);
    expect(await outcomes(table)).toContain('renamed');
    expect(await destOf(table)).toBe(now);
    await fresh.execute(`update ${now} set v = 'z' where id = 2`);
    const all = await events();
    expect(all.map((e) => e.table)).toEqual([table, table, table]);
    expect(brief(all)).toEqual([
      ['INSERT', '3', { id: 3, v: 'c', w: 0 }],
      ['DELETE', '1', { id: 1 }],
      ['UPDATE', '2', { id: 2, v: 'z', w: 0 }],
    ]);
  });

  test.each([true, false])(
    'a table swapped by renames gives its place to the new one, in one transaction: %s',
    async (isOne) => {
      const table = await plainTable();
      await admin.execute(`create table ${table}_new (id bigint primary key, x text)`);
      await admin.execute(`insert into ${table}_new values (7, 'g')`);
      const name = table.split('.')[1];
      const swap = [
        `alter table ${table} rename to ${name}_old`,
        `alter table ${table}_new rename to ${name}`,
      ];
      if (isOne) await admin.transaction(async (tx) => tx.execute(swap.join(';')));
      else for (const sql of swap) await admin.execute(sql);
      await followed();
      expect(brief(await events())).toEqual([['pgcascade.copy-anew', null]]);
      expect(await outcomes(table)).toContain('copied anew');
      expect(await destOf(table)).toBe(table);
      await using fresh = await database.application();
      await fresh.execute(`insert into ${table} values (8, 'h'); insert into ${table}_old values (9, 'i')`);
      expect(brief(await events())).toEqual([['INSERT', '8', { id: 8, x: 'h' }]]);
    },
  );

  test('two captured tables that change their names change their places', async () => {
    const one = await plainTable();
    const two = await plainTable();
    const [a, b] = [one.split('.')[1], two.split('.')[1]];
    await admin.transaction(async (tx) =>
      tx.execute(`alter table ${one} rename to swap_tmp; alter table ${two} rename to ${a};
                  alter table public.swap_tmp rename to ${b}`),
    );
    await followed();
    const anew = await events();
    expect(anew.map((e) => [e.op, e.table]).sort()).toEqual([
      ['pgcascade.copy-anew', one],
      ['pgcascade.copy-anew', two],
    ]);
    await admin.execute(`insert into ${one} values (5, 'e'); insert into ${two} values (6, 'f')`);
    expect((await events()).map((e) => [e.table, e.key])).toEqual([
      [one, '5'],
      [two, '6'],
    ]);
  });

  test.each([true, false])(
    'a table dropped and made again is captured again, in one transaction: %s',
    async (isOne) => {
      const table = await plainTable();
      const again = [`drop table ${table}`, `create table ${table} (id int primary key, x int)`];
      if (isOne) await admin.transaction(async (tx) => tx.execute(again.join(';')));
      else for (const sql of again) await admin.execute(sql);
      if (way === 'an event trigger') {
        await admin.execute(`insert into ${table} values (1, 1)`);
        expect(brief(await events())).toEqual([
          ['pgcascade.copy-anew', null],
          ['INSERT', '1', { id: 1, x: 1 }],
        ]);
      } else {
        await look();
        expect(brief(await events())).toEqual([['pgcascade.copy-anew', null]]);
      }
      await admin.execute(`insert into ${table} values (2, 2)`);
      expect(brief(await events())).toEqual([['INSERT', '2', { id: 2, x: 2 }]]);
    },
  );

  test('a table made again by create table as takes the place too', async () => {
    const table = await plainTable();
    await admin.execute(`drop table ${table}; create table ${table} as select 1 as id`);
    await followed();
    expect(await modeOf(table)).toBe('mixed');
    expect(brief(await events())).toEqual([['pgcascade.copy-anew', null]]);
  });

  test.each(['drop table', 'drop schema'])(
    'after %s a table stays in the queue, and one that is made anew takes its place',
    async (what) => {
      const schema = `s${tables + 1}`;
      await admin.execute(`create schema ${schema}`);
      const table = await plainTable(schema);
      await admin.execute(what === 'drop table' ? `drop table ${table}` : `drop schema ${schema} cascade`);
      await look();
      await look();
      expect(await outcomes(table)).toEqual(['dropped']);
      await admin.execute(
        `create schema if not exists ${schema}; create table ${table} (id int primary key)`,
      );
      await followed();
      await admin.execute(`insert into ${table} values (1)`);
      expect(await modeOf(table)).toBe('statement');
      expect(brief(await events()).map(([operation]) => operation)).toEqual([
        'pgcascade.copy-anew',
        'INSERT',
      ]);
    },
  );

  test('partitions that come and go are noted, and those that are there captured', async () => {
    const table = await plainTable(
      'public',
      'row',
      `create table T (id int not null, v text, w int default 0) partition by list (id);
       create table T_1 partition of T for values in (1, 11); create table T_2 partition of T for values in (2, 12);
       create table T_3 (id int not null, v text, w int default 0); insert into T_3 values (3, 'c')`,
    );
    await using writer = await database.application();
    await writer.execute(`prepare put(int) as insert into ${table} values ($1, 'x')`);
    await writer.execute('execute put(11)');
    await events();

    await admin.execute(`alter table ${table} attach partition ${table}_3 for values in (3, 13)`);
    await followed();
    // Without a trigger until then, it may have rows that somebody wrote through the parent.
    const isUnseen = major === 10;
    expect(brief(await events())).toEqual(isUnseen ? [['pgcascade.copy-anew', null]] : []);
    await writer.execute('execute put(13)');
    await writer.execute(`insert into ${table}_3 values (3, 'direct')`);
    await admin.execute(`create table ${table}_4 partition of ${table} for values in (4)`);
    await followed();
    await writer.execute('execute put(4)');
    expect((await events()).map((e) => [e.op, e.table, (e.data as { id: number }).id])).toEqual([
      ['INSERT', table, 13],
      ['INSERT', table, 3],
      ['INSERT', table, 4],
    ]);
    await admin.execute(`alter table ${table} detach partition ${table}_1`);
    await followed();
    await admin.execute(`insert into ${table}_1 values (1, 'no more of it')`);
    expect(await events()).toEqual([]);
    await admin.execute(`drop table ${table}_2`);
    await followed();
    const noted = (await outcomes(table)).filter((outcome) => String(outcome).startsWith('partition'));
    expect(noted).toEqual(['partition added', 'partition added', 'partition removed', 'partition removed']);
    await writer.execute('execute put(4)');
    expect((await events()).length).toBe(1);
  });

  test('what is written to a new partition before anybody looks is captured, or the table copied anew', async () => {
    const table = newName();
    await admin.execute(`create table ${table} (id int not null, v text) partition by list (id)`);
    await capture(table, 'row');
    await admin.transaction(async (tx) =>
      tx.execute(
        `create table ${table}_1 partition of ${table} for values in (1); insert into ${table} values (1, 'a')`,
      ),
    );
    await followed();
    const first = (await events()).map((e) => e.op);
    expect(first).toEqual([major === 10 ? 'pgcascade.copy-anew' : 'INSERT']);
  });

  test.skipIf(major === 10)(
    'what is written through a new parent is captured, or the table copied anew',
    async () => {
      const table = await plainTable();
      await admin.transaction(async (tx) =>
        tx.execute(`create table ${table}_up (id int not null, v text, w int); alter table ${table} inherit ${table}_up;
                  update ${table}_up set v = 'z' where id = 1`),
      );
      await followed();
      expect((await events()).map((e) => e.op)).toEqual([
        way === 'an event trigger' ? 'UPDATE' : 'pgcascade.copy-anew',
      ]);
    },
  );

  test('triggers that somebody disables or drops are seen', async () => {
    const table = await plainTable();
    const silent = () =>
      admin.query('select disabled, missing from pgcascade.silent_tables() where table_name = $1', [table]);
    expect(await silent()).toEqual([]);
    await admin.execute(`alter table ${table} disable trigger all`);
    expect(await silent()).toEqual([{ disabled: 4n, missing: 0n }]);
    await admin.execute(`alter table ${table} enable trigger all`);
    expect(await silent()).toEqual([]);
    await dropEventTrigger();
    const { name } = await admin.one<{ name: string }>(
      `select quote_ident(tgname) as name from pg_trigger where tgrelid = $1::regclass order by tgname limit 1`,
      [table],
    );
    await admin.execute(`drop trigger ${name} on ${table}`);
    expect(await silent()).toEqual([{ disabled: 0n, missing: 1n }]);
    await admin.execute(`insert into ${table} values (3, 'c')`);
    await events();
    await createEventTrigger();
  });

  test('a write does not wait for another session that makes the functions anew', async () => {
    const table = await plainTable();
    const { no } = await admin.one('select plan_no as no from pgcascade.capture_plan where table_name = $1', [
      table,
    ]);
    await using other = await database.application();
    await dropEventTrigger();
    await admin.execute(`alter table ${table} add n int default 1`);
    await other.execute(`begin; select pg_advisory_xact_lock(1885827451, ${String(no)})`);
    await using writer = await database.application();
    await writer.execute(`set lock_timeout = '1ms'; insert into ${table} values (3, 'c', 4, 5)`);
    expect(brief(await events())).toEqual([['INSERT', '3', { id: 3, v: 'c', w: 4, n: 5 }]]);
    expect(await changed()).toEqual([table]);
    await other.execute('commit');
    await look();
    await createEventTrigger();
  });

  test('a session that has waited for the change captures it, and not only in that statement', async () => {
    const table = await plainTable();
    await using writer = await database.application();
    await writer.execute(`prepare put(int) as insert into ${table} (id, v) values ($1, 'c')`);
    for (const id of [10, 11, 12, 13, 14, 15]) await writer.execute(`execute put(${id})`);
    await events();
    await using other = await database.application();
    await other.execute(`begin; alter table ${table} add n int default 1`);
    const waiting = writer.execute('execute put(20)');
    await waitUntil('the writer waits for the table', async () => {
      const [row] = await admin.query('select from pg_locks where relation = $1::regclass and not granted', [
        table,
      ]);
      return row !== undefined;
    });
    await other.execute('commit');
    await waiting;
    await writer.execute('execute put(21)');
    expect(brief(await events())).toEqual([
      ['INSERT', '20', { id: 20, v: 'c', w: 0, n: 1 }],
      ['INSERT', '21', { id: 21, v: 'c', w: 0, n: 1 }],
    ]);
    await followed();
  });

  test('rows that a foreign key changes after its statement has waited for the change are captured whole', async () => {
    const up = newName();
    await admin.execute(`create table ${up} (id int primary key); insert into ${up} values (7)`);
    const table = await plainTable(
      'public',
      'row',
      `create table T (id int primary key, v text, w int references ${up} on delete set null)`,
    );
    await using writer = await database.application();
    await writer.execute(`update ${table} set w = 7`);
    await events();
    await using other = await database.application();
    await other.execute(`begin; alter table ${table} add n int default 1`);
    const waiting = writer.execute(`delete from ${up}`);
    await waitUntil('the writer waits for the table', async () => {
      const [row] = await admin.query('select from pg_locks where relation = $1::regclass and not granted', [
        table,
      ]);
      return row !== undefined;
    });
    await other.execute('commit');
    await waiting;
    await writer.execute(`update ${table} set n = 2 where id = 1`);
    expect(brief(await events())).toEqual([
      ['UPDATE', '1', { id: 1, v: 'a', w: null, n: 1 }],
      ['UPDATE', '2', { id: 2, v: 'b', w: null, n: 1 }],
      ['UPDATE', '1', { id: 1, v: 'a', w: null, n: 2 }],
    ]);
    await followed();
  });

  test.each(['repeatable read', 'serializable'])(
    'a %s transaction whose snapshot is older than a column is told to begin again, and loses nothing',
    async (isolation) => {
      const table = await plainTable('public', 'statement', `${PLAIN}; alter table T add x int, add y int`);
      await using writer = await database.application();
      await writer.execute(`insert into ${table} values (5, 'e')`);
      await events();
      for (const change of [
        'add n int default 1',
        'rename n to m',
        'alter m type text',
        'alter m drop default, alter m type jsonb using m::jsonb',
        'drop m',
      ]) {
        await writer.execute(`begin isolation level ${isolation}; select count(*) from pg_class`);
        await admin.execute(`alter table ${table} ${change}`);
        await expect(writer.execute(`update ${table} set v = v || '+' where id = 1`)).rejects.toMatchObject({
          code: '40001',
        });
        await writer.execute('rollback');
        // Its own change it sees.
        await writer.execute(
          `begin isolation level ${isolation}; alter table ${table} add k int; update ${table} set k = 3 where id = 2; rollback`,
        );
        await writer.execute(`begin isolation level ${isolation}`);
        await writer.execute(`update ${table} set v = v || '+' where id = 1`);
        await writer.execute('commit');
        await followed();
      }
      expect((await events()).map((e) => Object.keys(e.data as object))).toEqual([
        ['id', 'v', 'w', 'x', 'y', 'n'],
        ['id', 'v', 'w', 'x', 'y', 'm'],
        ['id', 'v', 'w', 'x', 'y', 'm'],
        ['id', 'v', 'w', 'x', 'y', 'm'],
        ['id', 'v', 'w', 'x', 'y'],
      ]);
      await writer.execute(`begin isolation level ${isolation}; select count(*) from pg_class`);
      await admin.execute(
        `create trigger mine after insert on ${table} for each row execute procedure public.noop()`,
      );
      await followed();
      // Whatever it is told, it is not silent.
      const outcome = await writer.execute(`insert into ${table} values (6, 'f')`).then(
        () => 'captured',
        (error: { code?: string }) => error.code,
      );
      await writer.execute(outcome === 'captured' ? 'commit' : 'rollback');
      const sent = (await events()).map((e) => [e.op, e.key]);
      expect(outcome === 'captured' ? sent : outcome).toEqual(
        outcome === 'captured' ? [['INSERT', '6']] : '40001',
      );
    },
  );

  test.runIf(way === 'an event trigger')('a follow that fails warns, and the change succeeds', async () => {
    const table = await plainTable();
    await using reader = await database.application();
    await reader.execute(`begin; select from ${table}`);
    await using changer = new NoticeSession(database.url);
    await changer.connect();
    await changer.query(
      `create trigger mine after insert on ${table} for each row execute procedure public.noop()`,
    );
    expect(changer.warnings).toEqual([
      `pgcascade: triggers of table ${table} will be made anew by the ticker: canceling statement due to lock timeout`,
    ]);
    expect(await modeOf(table)).toBe('statement');
    expect(await changed()).toEqual([table]);
    await admin.execute(`insert into ${table} values (3, 'c')`);
    await reader.execute('commit');
    expect(await look()).toEqual(['renewed']);
    expect(await modeOf(table)).toBe('row');
    expect(brief(await events())).toEqual([['INSERT', '3', { id: 3, v: 'c', w: 0 }]]);
  });

  test('four sessions write while columns come and go: no write fails, and the events make the table', async () => {
    const table = newName();
    await admin.execute(`create table ${table} (id int primary key, v int)`);
    await capture(table, 'statement');
    let done = false;
    const failures: unknown[] = [];
    const write = async (no: number) => {
      await using session = await database.application();
      await session.execute(`prepare put(int) as insert into ${table} (id, v) values ($1, 0);
                             prepare change(int) as update ${table} set v = v + 1 where id between $1 - 3 and $1;
                             prepare remove(int) as delete from ${table} where id = $1`);
      for (let i = no * 100_000; !done; i++) {
        for (const sql of [
          `execute put(${i})`,
          `execute change(${i})`,
          i % 3 === 0 ? `execute remove(${i - 1})` : undefined,
        ]) {
          if (sql !== undefined) await session.execute(sql).catch((error: unknown) => failures.push(error));
        }
      }
    };
    const writers = [1, 2, 3, 4].map(write);
    for (let i = 0; i < 20; i++) {
      await admin.execute(`alter table ${table} add c${i} int not null default ${i}`);
      if (i % 3 === 1) await admin.execute(`alter table ${table} drop c${i - 1}`);
      if (i % 5 === 2) await look();
    }
    done = true;
    await Promise.all(writers);
    await look();
    expect(failures).toEqual([]);
    await admin.execute(`update ${table} set v = v + 1`);
    const replayed = new Map<string | null, unknown>();
    for (const { op, key, data } of await events()) {
      if (op === 'INSERT') expect(replayed.has(key)).toBe(false);
      else expect(replayed.has(key)).toBe(true);
      if (op === 'DELETE') replayed.delete(key);
      else replayed.set(key, data);
    }
    const rows = await admin.query<{ id: number; row: string }>(
      `select id, to_json(t)::text as row from ${table} as t`,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(replayed).toEqual(new Map(rows.map(({ id, row }) => [String(id), JSON.parse(row)])));
  });
});

/** A session that keeps the warnings it gets. */
class NoticeSession extends pg.Client implements AsyncDisposable {
  readonly warnings: string[] = [];

  constructor(url: string) {
    super(url);
    this.on('notice', ({ severity, message }) => {
      if (severity === 'WARNING') this.warnings.push(message ?? '');
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

const PLAIN = 'create table T (id int primary key, v text, w int default 0)';

const OPERATIONS = ['insert', 'update', 'delete'] as const;

const calls = (prepared: readonly string[], id: number) =>
  prepared.map((name) => `execute ${name}(${id})`).join(';');

function statement(change: Change, table: string, what: 'insert' | 'update' | 'delete'): string {
  const usual = {
    insert: "insert into T (id, v) values ($1, 'one')",
    update: "update T set v = 'two' where id = $1",
    delete: 'delete from T where id = $1',
  };
  return (change.statements ?? usual)[what].replaceAll('T', table);
}

function after(change: Change) {
  return {
    pkey: change.pkey ?? ['id'],
    row: change.row ?? ((id: number, v: string) => ({ id, v, w: 0 })),
    keyText: change.keyText ?? ((id: number) => String(id)),
  };
}
