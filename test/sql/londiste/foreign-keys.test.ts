import { expect, test } from 'vitest';
import type { Row } from '../../../src/db/connection.js';
import { MAJORS, type NodeFixture, openNode } from '../pgq_node/node-fixture.js';

interface ForeignKey extends Row {
  readonly from_table: string;
  readonly to_table: string;
  readonly fkey_name: string;
}

async function keysOf(node: NodeFixture, table: string): Promise<string[]> {
  const rows = await node.rows<ForeignKey>('londiste.find_table_fkeys($1)', [table]);
  return rows.map((k) => `${k.from_table} ${k.fkey_name} ${k.to_table}`);
}

/** Runs what restore_table_fkey says until it says nothing, and returns what it said. */
async function restoreLazily(node: NodeFixture, table: string, key: string): Promise<string[]> {
  const said: string[] = [];
  for (;;) {
    const { sql } = await node.row<{ sql: string }>('londiste.restore_table_fkey($1, $2, true) as sql', [
      table,
      key,
    ]);
    if (sql === '') return said;
    said.push(sql);
    await node.run(sql);
  }
}

async function dropKey(node: NodeFixture, table: string, key: string): Promise<number> {
  const { n } = await node.row<{ n: number }>('londiste.drop_table_fkey($1, $2) as n', [table, key]);
  return n;
}

/** The user's keys as they are now. */
async function allKeys(node: NodeFixture): Promise<unknown[]> {
  return node.rows(
    `(select conrelid::regclass::text as t, conname, convalidated, pg_get_constraintdef(oid) as def
        from pg_constraint where contype = 'f' and connamespace::regnamespace::text !~ '^(pgq|londiste)'
       order by 1, 2) as k`,
  );
}

async function restorable(node: NodeFixture, queue = 'q'): Promise<string[]> {
  const rows = await node.rows<ForeignKey>('londiste.get_valid_pending_fkeys($1)', [queue]);
  return rows.map((k) => k.fkey_name);
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: foreign keys from and to a table go and come back as they were, one step at a time`, async () => {
    await using node = await openNode(major);
    await node.run(`
      create schema "S p";
      create table "S p"."Pa rent" ("I d" int primary key);
      create table "S p"."Chi""ld" (a int, b int, c int,
        constraint "K 1" foreign key (a) references "S p"."Pa rent" on delete cascade deferrable initially deferred);
      alter table "S p"."Chi""ld" add constraint unchecked foreign key (b) references "S p"."Pa rent" not valid;
      create table self (id int primary key, up int references self);
      insert into "S p"."Pa rent" values (1);
      insert into "S p"."Chi""ld" values (1, 1, 1);
    `);
    const before = await allKeys(node);
    expect(await keysOf(node, 'S p.Pa rent')).toEqual([
      'S p.Chi"ld K 1 S p.Pa rent',
      'S p.Chi"ld unchecked S p.Pa rent',
    ]);
    expect(await keysOf(node, 'S p.Chi"ld')).toHaveLength(2);
    expect(await keysOf(node, 'self')).toHaveLength(1);
    expect(await keysOf(node, 'absent')).toEqual([]);

    expect(await dropKey(node, 'S p.Chi"ld', 'K 1')).toBe(1);
    expect(await dropKey(node, 'S p.Chi"ld', 'K 1')).toBe(0);
    expect(await dropKey(node, 'S p.Chi"ld', 'unchecked')).toBe(1);
    expect(await dropKey(node, 'self', 'self_up_fkey')).toBe(1);
    expect(await allKeys(node)).toEqual([]);
    expect(await node.rows("londiste.get_table_pending_fkeys('S p.Pa rent')")).toHaveLength(2);
    expect(await node.rows("londiste.get_table_pending_fkeys('self')")).toHaveLength(1);

    const steps = await restoreLazily(node, 'S p.Chi"ld', 'K 1');
    expect(steps).toHaveLength(2);
    expect(steps[0]).toMatch(/ not valid$/);
    expect(steps[1]).toBe('alter table "S p"."Chi""ld" validate constraint "K 1"');
    expect(await restoreLazily(node, 'S p.Chi"ld', 'unchecked')).toHaveLength(1);
    expect(await node.row("londiste.restore_table_fkey('self', 'self_up_fkey') as sql")).toEqual({ sql: '' });

    expect(await allKeys(node)).toEqual(before);
    expect(await node.rows('londiste.pending_fkeys')).toEqual([]);
    expect(await restoreLazily(node, 'self', 'self_up_fkey')).toEqual([]);
  });

  test(`PostgreSQL ${major}: a restore that was cut off between its steps is taken up where it was`, async () => {
    await using node = await openNode(major);
    await node.run(`
      create table p (id int primary key);
      create table c (id int constraint k references p);
    `);
    await dropKey(node, 'c', 'k');
    await node.run('alter table c add constraint k foreign key (id) references p not valid');
    expect(await restoreLazily(node, 'c', 'k')).toEqual(['alter table public.c validate constraint k']);

    await dropKey(node, 'c', 'k');
    await node.run('alter table c add constraint k foreign key (id) references p not valid');
    expect(await node.row("londiste.restore_table_fkey('c', 'k') as sql")).toEqual({ sql: '' });
    expect(await allKeys(node)).toMatchObject([{ convalidated: true }]);
    expect(await node.rows('londiste.pending_fkeys')).toEqual([]);
  });

  test(`PostgreSQL ${major}: a key that the rows break is not lost by the attempt to restore it`, async () => {
    await using node = await openNode(major);
    await node.run('create table p (id int primary key); create table c (id int constraint k references p)');
    await dropKey(node, 'c', 'k');
    await node.run('insert into c values (1)');
    await expect(node.row("londiste.restore_table_fkey('c', 'k')")).rejects.toThrow('violates foreign key');
    await expect(restoreLazily(node, 'c', 'k')).rejects.toThrow('violates foreign key');
    expect(await node.rows('londiste.pending_fkeys')).toHaveLength(1);
    await node.run('delete from c');
    expect(await restoreLazily(node, 'c', 'k')).toHaveLength(1);
  });

  test(`PostgreSQL ${major}: a key waits until both replicated tables are in sync, and not for a table that is not replicated`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`
      create table p (id int primary key);
      create table c (id int constraint c_p references p);
      create table other (id int primary key);
      create table d (id int constraint d_other references other);
      create table e (id int constraint e_p references p);
      select londiste.global_add_table('q', t), londiste.local_add_table('q', t, '{no_triggers}')
        from unnest('{p,c,d}'::text[]) as t;
      create table f (id int constraint f_other references other);
      select londiste.drop_table_fkey(from_table, fkey_name)
        from (select distinct k.* from unnest('{p,c,d,f}'::text[]) as t, londiste.find_table_fkeys(t) as k) as k;
    `);
    expect(await allKeys(node)).toEqual([]);
    expect(await restorable(node)).toEqual([]);

    await node.run("select londiste.local_set_table_state('q', 'd', '1:1:', 'ok')");
    expect(await restorable(node)).toEqual([]);
    await node.run("select londiste.local_set_table_state('q', 'd', null, 'ok')");
    expect(await restorable(node)).toEqual(['d_other']);
    await node.run("select londiste.local_set_table_state('q', 'p', null, 'ok')");
    expect(await restorable(node)).toEqual(['d_other', 'e_p']);
    await node.run("select londiste.local_set_table_state('q', 'c', null, 'do-sync:5')");
    expect(await restorable(node)).toEqual(['d_other', 'e_p']);
    await node.run("select londiste.local_set_table_state('q', 'c', null, 'ok')");
    expect(await restorable(node)).toEqual(['c_p', 'd_other', 'e_p']);
    // f and other are of no queue: nobody here took the key off.
    await node.run('drop table c');
    expect(await restorable(node)).toEqual(['d_other', 'e_p']);
  });

  test(`PostgreSQL ${major}: of two queues that feed one table exactly one restores its keys`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf', 'a');
    await node.makeReplica('leaf', 'b');
    await node.run(`
      create table p (id int primary key);
      create table c (id int constraint k references p);
      select londiste.global_add_table(q, t) from unnest('{a,b}'::text[]) as q, unnest('{p,c}'::text[]) as t;
      select londiste.local_add_table('b', 'p', '{no_triggers,expect_sync,no_merge}'),
             londiste.local_add_table('a', 'c', '{no_triggers,merge_all}');
    `);
    await dropKey(node, 'c', 'k');
    await node.run("select londiste.local_set_table_state('a', 'c', null, 'ok')");
    expect([await restorable(node, 'a'), await restorable(node, 'b')]).toEqual([[], []]);
    await node.run("select londiste.local_set_table_state('b', 'c', null, 'ok')");
    expect([await restorable(node, 'a'), await restorable(node, 'b')]).toEqual([['k'], []]);
  });

  test(`PostgreSQL ${major}: where queues are merged, the branch restores keys, and below a root the first leaf`, async () => {
    await using node = await openNode(major);
    await node.run('create table p (id int primary key); create table c (id int constraint k references p)');
    await dropKey(node, 'c', 'k');
    await node.makeReplica('branch', 'z_all');
    await node.makeReplica('leaf', 'part', { combinedQueue: 'z_all' });
    await node.run(`
      select londiste.global_add_table('part', 'c');
      select londiste.local_add_table('part', 'c', '{no_triggers}');
    `);
    expect([await restorable(node, 'part'), await restorable(node, 'z_all')]).toEqual([[], ['k']]);
    await node.run("select pgq_node.promote_branch('z_all')");
    expect([await restorable(node, 'part'), await restorable(node, 'z_all')]).toEqual([['k'], []]);
  });
}

// Partitioned tables have foreign keys from 11 on, and can be referenced from 12 on.
for (const major of [12, 17, 18]) {
  test(`PostgreSQL ${major}: foreign keys of partitioned tables go and come back as a whole, and partitions' own ones with them`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`
      create table p (id int primary key) partition by range (id);
      create table p1 partition of p for values from (1) to (100);
      create table p2 partition of p for values from (100) to (200);
      create table plain (id int primary key);
      create table c (id int, v int, constraint c_p foreign key (id) references p) partition by range (id);
      create table c1 partition of c for values from (1) to (100);
      alter table c1 add constraint own foreign key (v) references plain;
      create table outer_c (id int constraint outer_p references p, x int constraint outer_p1 references p1);
      insert into p values (1), (101);
      insert into plain values (7);
      insert into c values (1, 7);
      insert into outer_c values (101, 1);
      select londiste.global_add_table('q', t), londiste.local_add_table('q', t, '{no_triggers}')
        from unnest('{p,c}'::text[]) as t;
    `);
    const before = await allKeys(node);
    expect(await keysOf(node, 'c')).toEqual(['public.c c_p public.p', 'public.c1 own public.plain']);
    expect(await keysOf(node, 'p')).toEqual([
      'public.c c_p public.p',
      'public.outer_c outer_p public.p',
      'public.outer_c outer_p1 public.p1',
    ]);
    expect(await keysOf(node, 'p1')).toEqual(['public.outer_c outer_p1 public.p1']);

    for (const [table, key] of [
      ['c', 'c_p'],
      ['c1', 'own'],
      ['outer_c', 'outer_p'],
      ['outer_c', 'outer_p1'],
    ] as const) {
      expect(await dropKey(node, table, key)).toBe(1);
    }
    expect(await allKeys(node)).toEqual([]);
    expect(await node.rows("londiste.get_table_pending_fkeys('c')")).toHaveLength(2);
    expect(await node.rows("londiste.get_table_pending_fkeys('p')")).toHaveLength(3);

    expect(await restorable(node)).toEqual([]);
    await node.run("select londiste.local_set_table_state('q', 'c', null, 'ok')");
    expect(await restorable(node)).toEqual(['own']);
    await node.run("select londiste.local_set_table_state('q', 'p', null, 'ok')");
    expect(await restorable(node)).toEqual(['c_p', 'own', 'outer_p', 'outer_p1']);
    for (const { from_table, fkey_name } of await node.rows<ForeignKey>(
      "londiste.get_valid_pending_fkeys('q')",
    )) {
      await restoreLazily(node, from_table, fkey_name);
    }
    expect(await allKeys(node)).toEqual(before);
    expect(await node.rows('londiste.pending_fkeys')).toEqual([]);
  });
}

test('PostgreSQL 18: a foreign key that is not enforced comes back not enforced', async () => {
  await using node = await openNode(18);
  await node.run(`
    create table p (id int primary key);
    create table c (id int, constraint k foreign key (id) references p not enforced);
    insert into c values (1);
  `);
  const before = await allKeys(node);
  await dropKey(node, 'c', 'k');
  expect(await restoreLazily(node, 'c', 'k')).toHaveLength(1);
  expect(await allKeys(node)).toEqual(before);
});
