import { expect, test } from 'vitest';
import { SQLSTATE, sqlstateOf } from '../../../src/db/sqlstate.js';
import { MAJORS, openNode } from './node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: register_subscriber starts a reader at the global watermark, or at the tick that it names`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.tick();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.run("select pgq_node.register_location('q', 'n3', 'dbname=three', false)");
    expect(await node.row("pgq_node.register_subscriber('q', 'n2', 'w2', null)")).toEqual({
      ret_code: 200,
      ret_note: 'Subscriber registered: n2',
      global_watermark: 1n,
    });
    await node.run("select pgq_node.register_subscriber('q', 'n3', 'w3', 2)");

    expect(await node.rows("pgq_node.get_subscriber_info('q')")).toEqual([
      { node_name: 'n2', worker_name: 'w2', node_watermark: 1n },
      { node_name: 'n3', worker_name: 'w3', node_watermark: 1n },
    ]);
    const consumers = await node.rows<{ consumer_name: string; last_tick: bigint }>(
      "pgq.get_consumer_info('q')",
    );
    expect(consumers.map((c) => [c.consumer_name, c.last_tick]).sort()).toEqual([
      ['.global_watermark', 1n],
      ['.n2.watermark', 1n],
      ['.n3.watermark', 1n],
      ['w2', 1n],
      ['w3', 2n],
    ]);
  });

  test(`PostgreSQL ${major}: a reader that is registered twice is an error and keeps its position`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.run("select pgq_node.register_subscriber('q', 'n2', 'w2', null)");
    await node.tick();
    const again = node.run("select pgq_node.register_subscriber('q', 'n2', 'w2', 2)");
    expect(sqlstateOf(await again.catch((error: unknown) => error))).toBe('23505');
    expect(await node.row("pgq.get_consumer_info('q', 'w2')")).toMatchObject({ last_tick: 1n });
  });

  test(`PostgreSQL ${major}: nobody can read from a leaf`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    expect(await node.code("pgq_node.register_subscriber('q', 'n1', 'w1', null)")).toBe(401);
  });

  test(`PostgreSQL ${major}: unregister_subscriber removes both consumers, and a second call finds nothing`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.run("select pgq_node.register_subscriber('q', 'n2', 'w2', null)");
    expect(await node.answer("pgq_node.unregister_subscriber('q', 'n2')")).toBe(
      '200 Subscriber unregistered: n2',
    );
    expect(await node.rows("pgq.get_consumer_info('q')")).toHaveLength(1);
    expect(await node.code("pgq_node.unregister_subscriber('q', 'n2')")).toBe(304);
  });

  test(`PostgreSQL ${major}: the API's words decide who may call: readers subscribe, administrators create, others ask for the version`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    const suffix = node.name;
    await node.run(`create role "reader_${suffix}" in role pgq_reader; create role "other_${suffix}"`);
    try {
      await node.run(`set role "reader_${suffix}"`);
      expect(await node.code("pgq_node.get_node_info('q')")).toBe(100);
      expect(await node.code("pgq_node.register_subscriber('q', 'n2', 'w2', null)")).toBe(200);
      expect(await node.code("pgq_node.set_subscriber_watermark('q', 'n2', 1)")).toBe(100);
      for (const call of [
        "pgq_node.register_location('q', 'n3', 'dbname=three', false)",
        "pgq_node.create_node('p', 'root', 'n', 'w', null, null, null)",
        "pgq_node.set_consumer_completed('q', 'w1', 2)",
        "pgq_node.drop_node('q', 'n1')",
        'pgq_node.upgrade_schema()',
      ]) {
        const error = await node.row(call).catch((reason: unknown) => reason);
        expect(sqlstateOf(error), call).toBe(SQLSTATE.insufficientPrivilege);
      }
      await node.run(`set role "other_${suffix}"`);
      expect(await node.row('pgq_node.version()')).toEqual({ version: '3.5' });
      const error = await node.row("pgq_node.get_node_info('q')").catch((reason: unknown) => reason);
      expect(sqlstateOf(error)).toBe(SQLSTATE.insufficientPrivilege);
    } finally {
      await node.run(`reset role; drop role "reader_${suffix}"; drop role "other_${suffix}"`);
    }
  });
}
