import { expect, test } from 'vitest';
import { SQLSTATE, sqlstateOf } from '../../../src/db/sqlstate.js';
import { installSchemas } from '../../../src/install/install-schemas.js';
import { loadSchemaFiles } from '../../../src/install/schema-files.js';
import { findSqlRoot } from '../../../src/install/sql-root.js';
import { startCluster } from '../../support/cluster.js';
import { MAJORS, openNode } from '../pgq_node/node-fixture.js';

const SCHEMAS = loadSchemaFiles(findSqlRoot()).filter(({ schema }) => schema !== 'pgcascade');

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a reader may list, a writer may do everything, anybody may ask for the version`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    const suffix = node.name;
    await node.run(`
      create role "reader_${suffix}" in role londiste_reader;
      create role "writer_${suffix}" in role londiste_writer;
      create role "other_${suffix}";
      create table t (id serial primary key);
      alter table t owner to "writer_${suffix}";
    `);
    const refused = async (call: string) =>
      expect(sqlstateOf(await node.row(call).catch((error: unknown) => error)), call).toBe(
        SQLSTATE.insufficientPrivilege,
      );
    try {
      await node.run(`set role "writer_${suffix}"`);
      expect(await node.code("londiste.local_add_table('q', 't', '{no_triggers}')")).toBe(200);
      expect(await node.code("londiste.local_add_seq('q', 't_id_seq')")).toBe(200);
      expect(await node.code("londiste.root_check_seqs('q')")).toBe(100);
      expect(await node.code("londiste.execute_start('q', 'f', 'select 1', true)")).toBe(200);
      expect(await node.code("londiste.execute_finish('q', 'f')")).toBe(200);
      expect(await node.rows("londiste.local_show_missing('q')")).toEqual([]);
      expect(await node.rows("londiste.get_valid_pending_fkeys('q')")).toEqual([]);
      expect(await node.row("londiste.set_session_replication_role('replica', false) as role")).toEqual({
        role: 'replica',
      });
      expect(await node.row("current_setting('session_replication_role') as role")).toEqual({
        role: 'replica',
      });
      await node.run('reset role; reset session_replication_role');
      await node.run(`set role "writer_${suffix}"`);
      expect(await node.code("londiste.local_remove_table('q', 't')")).toBe(200);

      await node.run(`set role "reader_${suffix}"`);
      expect(await node.rows("londiste.get_table_list('q')")).toEqual([]);
      expect(await node.rows("londiste.get_seq_list('q')")).toEqual([]);
      await refused("londiste.local_add_table('q', 't', '{no_triggers}')");
      await refused("londiste.set_session_replication_role('replica', true)");

      await node.run(`set role "other_${suffix}"`);
      expect(await node.row('londiste.version()')).toEqual({ version: '3.8' });
      await refused("londiste.get_table_list('q')");
    } finally {
      await node.run(`
        reset role;
        drop table t;
        drop role "reader_${suffix}", "writer_${suffix}", "other_${suffix}";
      `);
    }
  });

  test(`PostgreSQL ${major}: a session's replication role holds for the transaction or the session, and nonsense is refused`, async () => {
    await using node = await openNode(major);
    const role = async () =>
      (await node.row<{ role: string }>("current_setting('session_replication_role') as role")).role;
    await node.run("begin; select londiste.set_session_replication_role('local', true)");
    expect(await role()).toBe('local');
    await node.run('commit');
    expect(await role()).toBe('origin');
    await node.run("select londiste.set_session_replication_role('replica', false)");
    expect(await role()).toBe('replica');
    await expect(node.row("londiste.set_session_replication_role('root', false)")).rejects.toThrow(
      'invalid session_replication_role',
    );
    await expect(node.row('londiste.set_session_replication_role(null, false)')).rejects.toThrow(
      'invalid session_replication_role',
    );
  });

  test(`PostgreSQL ${major}: a database owner who may create no roles can install, and use what he installed`, async () => {
    await using cluster = await startCluster(major, { isBare: true });
    await cluster.query('postgres', 'create role owner login');
    await cluster.query('postgres', 'create database d owner owner');
    await using owner = await cluster.application('d');
    await owner.execute('set session authorization owner');
    await installSchemas(owner, { schemas: SCHEMAS });
    expect((await installSchemas(owner, { schemas: SCHEMAS })).changed).toEqual([]);
    expect(await owner.query("select from pg_roles where rolname ~ '^(pgq|londiste)_'")).toEqual([]);

    await owner.execute(`
      create table t (id serial primary key);
      select pgq_node.register_location('q', 'n1', 'dbname=one', false);
      select pgq_node.create_node('q', 'root', 'n1', 'w1', null, null, null);
      select londiste.local_add_table('q', 't', '{no_triggers}'), londiste.local_add_seq('q', 't_id_seq');
    `);
    expect(await owner.query("select * from londiste.get_seq_list('q')")).toHaveLength(1);

    // The roles may come later: the next install gives them their rights.
    await cluster.query('d', 'create role pgq_reader; create role pgq_admin; create role londiste_reader');
    await installSchemas(owner, { schemas: SCHEMAS });
    expect(
      await owner.one(`
        select has_function_privilege('pgq_reader', 'pgq_node.get_node_info(text)', 'execute') as reads_nodes,
               has_function_privilege('pgq_admin', 'pgq_node.drop_node(text, text)', 'execute') as drops_nodes,
               has_function_privilege('londiste_reader', 'londiste.get_table_list(text)', 'execute') as reads_tables,
               has_function_privilege('public', 'londiste.get_table_list(text)', 'execute') as everybody`),
    ).toEqual({ reads_nodes: true, drops_nodes: true, reads_tables: true, everybody: false });
  });
}
