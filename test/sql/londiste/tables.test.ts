import { expect, test } from 'vitest';
import type { Row } from '../../../src/db/connection.js';
import { waitUntilSeen } from '../../support/wait-until.js';
import { MAJORS, openNode } from '../pgq_node/node-fixture.js';

interface ListedTable extends Row {
  readonly table_name: string;
  readonly local: boolean;
  readonly merge_state: string | null;
  readonly table_attrs: string | null;
  readonly dest_table: string | null;
}

interface MissingObject extends Row {
  readonly obj_kind: string;
  readonly obj_name: string;
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a table added on the root is in sync at once and told to all nodes, once`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run('create table t (id int primary key)');
    expect(await node.answer("londiste.local_add_table('q', 't', '{no_triggers}')")).toBe(
      '200 Table added with no triggers: public.t',
    );
    expect(await node.code("londiste.local_add_table('q', 'public.t', '{no_triggers}')")).toBe(200);
    expect(await node.rows("londiste.get_table_list('q')")).toEqual([
      {
        table_name: 'public.t',
        local: true,
        merge_state: 'ok',
        custom_snapshot: null,
        table_attrs: null,
        dropped_ddl: null,
        copy_role: null,
        copy_pos: 0,
        dest_table: null,
      },
    ]);
    expect(await node.events()).toEqual([['londiste.add-table', 'public.t', null, null, null]]);
  });

  test(`PostgreSQL ${major}: a leaf adds what the root has registered, to be copied or as in sync`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run('create table t (id int primary key); create table other (id int primary key)');
    expect(await node.answer("londiste.local_add_table('q', 't', '{no_triggers}')")).toBe(
      '404 Table not available on queue: public.t',
    );
    expect(await node.code("londiste.global_add_table('q', 't')")).toBe(200);
    expect(await node.code("londiste.global_add_table('q', 'public.t')")).toBe(200);
    expect(await node.code("londiste.global_add_table('q', 'u')")).toBe(200);

    expect(await node.code("londiste.local_add_table('q', 't', '{no_triggers}', 'a=b')")).toBe(200);
    expect(
      await node.code("londiste.local_add_table('q', 'u', '{no_triggers,expect_sync}', null, 'other')"),
    ).toBe(200);
    const list = await node.rows<ListedTable>("londiste.get_table_list('q')");
    expect(list.map((t) => [t.table_name, t.local, t.merge_state, t.table_attrs, t.dest_table])).toEqual([
      ['public.t', true, null, 'a=b', null],
      ['public.u', true, 'ok', null, 'public.other'],
    ]);
  });

  test(`PostgreSQL ${major}: a table that was added before cannot be added in another way`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run('create table t (id int primary key); create table other (id int primary key)');
    await node.run("select londiste.local_add_table('q', 't', '{no_triggers}', 'a=b')");
    expect(await node.code("londiste.local_add_table('q', 't', '{no_triggers}', 'a=b')")).toBe(200);
    expect(await node.code("londiste.local_add_table('q', 't', '{no_triggers}', 'a=c')")).toBe(410);
    expect(await node.code("londiste.local_add_table('q', 't', '{no_triggers}')")).toBe(410);
    expect(await node.code("londiste.local_add_table('q', 't', '{no_triggers}', 'a=b', 'other')")).toBe(410);
  });

  test(`PostgreSQL ${major}: tables without a key, partitioned tables and names that need quotes can be added without triggers`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create table nokey (a int);
      create table parts (a int) partition by range (a);
      create schema "S p";
      create table "S p"."Ta ""b.le" (id int);
    `);
    for (const table of ['nokey', 'parts', 'S p.Ta "b.le']) {
      expect(await node.code("londiste.local_add_table('q', $1, '{no_triggers}')", [table]), table).toBe(200);
    }
  });

  test(`PostgreSQL ${major}: what cannot be added is refused with its code and nothing is registered`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(
      'create table nokey (a int); create view v as select 1 as a; create table t (id int primary key)',
    );
    expect(await node.code("londiste.local_add_table('nowhere', 't', '{no_triggers}')")).toBe(400);
    expect(await node.answer("londiste.local_add_table('q', 'nokey')")).toBe(
      '400 Primary key missing on table: public.nokey',
    );
    expect(await node.answer("londiste.local_add_table('q', 'absent', '{no_triggers}')")).toBe(
      '404 Table does not exist: public.absent',
    );
    expect(await node.code("londiste.local_add_table('q', 'v', '{no_triggers}')")).toBe(404);
    expect(await node.rows("londiste.get_table_list('q')")).toEqual([]);
    expect(await node.events()).toEqual([]);
    expect(await node.code("londiste.local_add_table('q', 'absent', '{virtual_table}')")).toBe(200);
  });

  test(`PostgreSQL ${major}: a table removed on the root leaves the queue with the sequences it owns, and all nodes are told`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create table t (id serial primary key, i int generated by default as identity);
      create sequence alone;
      select londiste.local_add_table('q', 't', '{no_triggers}'),
             londiste.local_add_seq('q', 't_id_seq'),
             londiste.local_add_seq('q', 't_i_seq'),
             londiste.local_add_seq('q', 'alone');
    `);
    expect(await node.answer("londiste.local_remove_table('q', 't')")).toBe('200 Table removed: public.t');
    expect(await node.rows("londiste.get_table_list('q')")).toEqual([]);
    expect(await node.rows("londiste.get_seq_list('q')")).toMatchObject([{ seq_name: 'public.alone' }]);
    expect((await node.events()).slice(-3).sort()).toEqual([
      ['londiste.remove-seq', 'public.t_i_seq', null, null, null],
      ['londiste.remove-seq', 'public.t_id_seq', null, null, null],
      ['londiste.remove-table', 'public.t', null, null, null],
    ]);
    expect(await node.code("londiste.local_remove_table('q', 't')")).toBe(400);
  });

  test(`PostgreSQL ${major}: a table removed on a leaf is still known there, and its copy that was under way is undone`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`
      create table t (id int, v int);
      insert into t values (1, 1);
      select londiste.global_add_table('q', 't'), londiste.global_add_table('q', 'u'),
             londiste.local_add_table('q', 't', '{no_triggers}');
      select londiste.local_set_table_state('q', 't', null, 'in-copy');
      select londiste.local_set_table_struct('q', 't',
        'alter table t add primary key (id); create index v_idx on t (v)');
    `);
    expect(await node.code("londiste.local_remove_table('q', 't')")).toBe(200);
    expect(await node.rows('t')).toEqual([]);
    expect(await node.rows("pg_indexes where tablename = 't'")).toHaveLength(2);
    expect(await node.rows("londiste.get_table_list('q')")).toMatchObject([
      { table_name: 'public.t', local: false, merge_state: null, dropped_ddl: null },
      { table_name: 'public.u', local: false },
    ]);
    expect(await node.code("londiste.local_remove_table('q', 't')")).toBe(400);
    expect(await node.code("londiste.global_remove_table('q', 't')")).toBe(200);
    expect(await node.code("londiste.global_remove_table('q', 't')")).toBe(400);
  });

  test(`PostgreSQL ${major}: state, attributes and owed statements are kept for local tables only`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`
      create table t (id int primary key);
      select londiste.global_add_table('q', 't'), londiste.global_add_table('q', 'u'),
             londiste.local_add_table('q', 't', '{no_triggers}');
    `);
    for (const table of ['u', 'absent']) {
      expect(await node.code(`londiste.local_set_table_state('q', '${table}', null, 'ok')`)).toBe(404);
      expect(await node.code(`londiste.local_set_table_attrs('q', '${table}', 'a=b')`)).toBe(404);
      expect(await node.code(`londiste.local_set_table_struct('q', '${table}', 'select 1')`)).toBe(404);
    }
    expect(await node.code("londiste.local_set_table_state('q', 't', '1:2:', 'catching-up')")).toBe(200);
    expect(await node.code("londiste.local_set_table_attrs('q', 't', 'a=b')")).toBe(200);
    expect(await node.code("londiste.local_set_table_struct('q', 't', 'select 1')")).toBe(200);
    expect((await node.rows("londiste.get_table_list('q')"))[0]).toMatchObject({
      merge_state: 'catching-up',
      custom_snapshot: '1:2:',
      table_attrs: 'a=b',
      dropped_ddl: 'select 1',
    });
    // Statements that are still owed cannot get lost by a change of state.
    await expect(node.row("londiste.local_set_table_state('q', 't', null, 'ok')")).rejects.toThrow(
      'table_info_dropped_ddl_check',
    );
    await node.run("select londiste.local_set_table_struct('q', 't', null)");
    expect(await node.code("londiste.local_set_table_state('q', 't', null, 'ok')")).toBe(200);
  });

  test(`PostgreSQL ${major}: missing on the root lists what is not registered, and no partition, temporary or own object`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create table t (id serial primary key);
      create table parts (a int) partition by range (a);
      create table part_1 partition of parts for values from (1) to (2);
      create table base (a int);
      create table child () inherits (base);
      create view v as select 1 as a;
      create temp table tmp (id serial);
      create table pgcascade.ours (id serial);
      create schema "A b";
      create table "A b"."C.d" (a int);
      create sequence lone;
      create table renamed (a int);
      select londiste.local_add_table('q', 'base', '{no_triggers}'), londiste.local_add_seq('q', 'lone'),
             londiste.local_add_table('q', 'other', '{no_triggers}', null, 'renamed');
    `);
    const missing = await node.rows<MissingObject>("londiste.local_show_missing('q')");
    expect(missing.map((o) => `${o.obj_kind} ${o.obj_name}`)).toEqual([
      'r A b.C.d',
      'r public.child',
      'r public.parts',
      'r public.t',
      'S public.t_id_seq',
    ]);
  });

  test(`PostgreSQL ${major}: missing on a leaf lists what the root has and the leaf has not added`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`
      create table t (id serial primary key);
      create table unknown_to_root (id int);
      select londiste.global_add_table('q', 't'), londiste.global_add_table('q', 'u'),
             londiste.global_update_seq('q', 't_id_seq', 5), londiste.global_update_seq('q', 'u_id_seq', 5);
      select londiste.local_add_table('q', 't', '{no_triggers}'), londiste.local_add_seq('q', 't_id_seq');
    `);
    const missing = await node.rows<MissingObject>("londiste.local_show_missing('q')");
    expect(missing.map((o) => `${o.obj_kind} ${o.obj_name}`)).toEqual(['r public.u', 'S public.u_id_seq']);
    await expect(node.rows("londiste.local_show_missing('nowhere')")).rejects.toThrow('queue does not exist');
  });

  test(`PostgreSQL ${major}: two queues feed one table only where that was asked for`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf', 'a');
    await node.makeReplica('leaf', 'b');
    await node.run(`
      create table t (id int primary key);
      create table u (id int primary key);
      select londiste.global_add_table(q, t) from unnest('{a,b}'::text[]) q, unnest('{t,u}'::text[]) t;
    `);
    expect(await node.code("londiste.local_add_table('a', 't', '{no_triggers}')")).toBe(405);
    expect(await node.code("londiste.local_add_table('a', 't', '{no_triggers,no_merge}')")).toBe(200);
    expect(await node.code("londiste.local_add_table('b', 't', '{no_triggers,merge_all}')")).toBe(405);
    expect(await node.code("londiste.local_add_table('a', 'u', '{no_triggers,merge_all}')")).toBe(200);
    expect(await node.rows("londiste.get_table_list('b')")).toMatchObject([
      { table_name: 'public.t', local: false },
      { table_name: 'public.u', local: true, merge_state: null },
    ]);
  });

  test(`PostgreSQL ${major}: a table of a merged queue is added to the queue that it is merged into`, async () => {
    await using node = await openNode(major);
    await node.makeRoot('all');
    await node.makeReplica('leaf', 'part', { combinedQueue: 'all' });
    await node.run(`
      create table t (id int primary key);
      select londiste.global_add_table('part', 't'), londiste.local_add_table('part', 't', '{no_triggers}');
    `);
    expect(await node.rows("londiste.get_table_list('all')")).toMatchObject([
      { table_name: 'public.t', local: true, merge_state: 'ok' },
    ]);
    expect(await node.events('all')).toEqual([['londiste.add-table', 'public.t', null, null, null]]);
  });

  test(`PostgreSQL ${major}: two sessions that add the same table on the root tell the nodes once`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run('create table t (id int primary key)');
    const other = await node.open();
    await other.execute('begin');
    await other.query("select londiste.local_add_table('q', 't', '{no_triggers}')");
    const second = (await node.open()).one(
      "select * from londiste.local_add_table('q', 't', '{no_triggers}')",
    );
    await waitUntilSeen(
      'the second session waits for the first',
      () => node.rows('pg_locks where not granted'),
      (locks) => locks.length > 0,
    );
    await other.execute('commit');
    expect(await second).toMatchObject({ ret_code: 200, ret_note: 'Table already added: public.t' });
    expect(await node.events()).toHaveLength(1);
  });

  test(`PostgreSQL ${major}: only the root can send messages of its own`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch');
    await expect(node.row("londiste.root_notify_change('q', 'EXECUTE', 'select 1')")).rejects.toThrow(
      'only root node can send events',
    );
  });
}
