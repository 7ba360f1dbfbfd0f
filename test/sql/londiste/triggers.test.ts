import { expect, test } from 'vitest';
import { MAJORS, type NodeFixture, openNode } from '../pgq_node/node-fixture.js';

/** Stands in for the generic trigger functions: none of these tests fires a trigger. */
const TRIGGER_FUNCTIONS = ['logutriga', 'sqltriga', 'jsontriga']
  .map(
    (name) =>
      `create or replace function pgq.${name}() returns trigger language plpgsql as 'begin return null; end';`,
  )
  .join('\n');

async function triggersOf(node: NodeFixture, table: string): Promise<string[]> {
  const rows = await node.rows<{ definition: string }>(
    `(select tgname, pg_get_triggerdef(oid) as definition from pg_trigger
       where tgrelid = $1::text::regclass and not tgisinternal order by tgname) as t`,
    [table],
  );
  return rows.map(({ definition }) => definition.replace('EXECUTE PROCEDURE', 'EXECUTE FUNCTION'));
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: where pgq has no generic trigger functions a table can be added without triggers only`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      drop function if exists pgq.logutriga();
      drop function if exists pgq.sqltriga();
      create table t (id int primary key);
    `);
    expect(await node.answer("londiste.local_add_table('q', 't')")).toBe(
      '400 Function pgq.logutriga() is not installed; add the table with no_triggers',
    );
    expect(await node.rows("londiste.get_table_list('q')")).toEqual([]);
  });

  test(`PostgreSQL ${major}: a table gets a row trigger and a truncate trigger, which go when it is removed`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`${TRIGGER_FUNCTIONS} create table t (id int primary key)`);
    expect(await node.answer("londiste.local_add_table('q', 't', '{backup,ignore=a}')")).toBe(
      '200 Table added: public.t',
    );
    expect(await triggersOf(node, 't')).toEqual([
      "CREATE TRIGGER _londiste_q AFTER INSERT OR DELETE OR UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION pgq.logutriga('q', 'backup', 'ignore=a')",
      "CREATE TRIGGER _londiste_q_truncate AFTER TRUNCATE ON public.t FOR EACH STATEMENT EXECUTE FUNCTION pgq.sqltriga('q')",
    ]);
    await node.run("select londiste.local_remove_table('q', 't')");
    expect(await triggersOf(node, 't')).toEqual([]);
  });

  test(`PostgreSQL ${major}: on a leaf both triggers refuse writes, and they go when the root removes the table`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`${TRIGGER_FUNCTIONS}
      create table other (id int primary key);
      select londiste.global_add_table('q', 't'), londiste.local_add_table('q', 't', null, null, 'other');
    `);
    expect(await triggersOf(node, 'other')).toEqual([
      "CREATE TRIGGER _londiste_q AFTER INSERT OR DELETE OR UPDATE ON public.other FOR EACH ROW EXECUTE FUNCTION pgq.logutriga('q', 'ev_extra1=''public.t''', 'deny')",
      "CREATE TRIGGER _londiste_q_truncate AFTER TRUNCATE ON public.other FOR EACH STATEMENT EXECUTE FUNCTION pgq.sqltriga('q', 'deny')",
    ]);
    await node.run("select londiste.global_remove_table('q', 't')");
    expect(await triggersOf(node, 'other')).toEqual([]);
  });

  test(`PostgreSQL ${major}: tgflags choose function, time and events, and change_handler makes the triggers anew`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`${TRIGGER_FUNCTIONS} create table t (id int primary key)`);
    await node.run("select londiste.local_add_table('q', 't', '{tgflags=JID}')");
    expect((await triggersOf(node, 't'))[0]).toBe(
      "CREATE TRIGGER _londiste_q AFTER INSERT OR DELETE ON public.t FOR EACH ROW EXECUTE FUNCTION pgq.jsontriga('q')",
    );
    expect(await node.code("londiste.local_change_handler('q', 't', '{skip}', 'handler=x')")).toBe(200);
    expect(await triggersOf(node, 't')).toEqual([
      "CREATE TRIGGER _londiste_q_truncate AFTER TRUNCATE ON public.t FOR EACH STATEMENT EXECUTE FUNCTION pgq.sqltriga('q')",
      "CREATE TRIGGER zzz__londiste_q BEFORE INSERT OR DELETE OR UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION pgq.logutriga('q', 'SKIP')",
    ]);
    expect(await node.rows("londiste.get_table_list('q')")).toMatchObject([{ table_attrs: 'handler=x' }]);
    expect(await node.code("londiste.local_change_handler('q', 'absent', null, null)")).toBe(404);
    expect(await node.code("londiste.local_change_handler('nowhere', 't', null, null)")).toBe(400);
  });

  test(`PostgreSQL ${major}: triggers that suppress writes of one queue exclude those of another, and nothing is changed then`, async () => {
    await using node = await openNode(major);
    await node.makeRoot('a');
    await node.makeRoot('b');
    await node.run(`${TRIGGER_FUNCTIONS} create table t (id int primary key)`);
    await node.run("select londiste.local_add_table('a', 't', '{skip}')");
    expect(await node.code("londiste.local_add_table('b', 't', '{skip}')")).toBe(405);
    expect(await node.code("londiste.local_add_table('b', 't')")).toBe(403);
    expect(await node.code("londiste.local_add_table('b', 't', '{tgflags=B}')")).toBe(200);
    await node.run("select londiste.local_remove_table('b', 't')");
    expect(await triggersOf(node, 't')).toHaveLength(2);
    expect(await node.rows("londiste.get_table_list('b')")).toEqual([]);
  });

  test(`PostgreSQL ${major}: a trigger of the table that fires before ours is reported`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`${TRIGGER_FUNCTIONS}
      create table t (id int primary key);
      create function f() returns trigger language plpgsql as 'begin return null; end';
      create trigger "A" after insert on t for each row execute procedure f();
    `);
    expect(await node.code("londiste.local_add_table('q', 't')")).toBe(301);
    expect(await node.rows("londiste.get_table_list('q')")).toMatchObject([{ local: true }]);
  });

  test(`PostgreSQL ${major}: the triggers of replication are told from the user's`, async () => {
    await using node = await openNode(major);
    await node.run(`${TRIGGER_FUNCTIONS}
      create function public.sqltriga() returns trigger language plpgsql as 'begin return null; end';
    `);
    expect(
      await node.row(`londiste.is_replica_func('pgq.sqltriga'::regproc) as ours,
                      londiste.is_replica_func('public.sqltriga'::regproc) as theirs,
                      londiste.is_replica_func('pgq.version'::regproc) as plain`),
    ).toEqual({ ours: true, theirs: false, plain: false });
  });
}
