import { expect, test } from 'vitest';
import { MAJORS, openNode } from './node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: the root tells all nodes of every location it is told`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    expect(await node.answer("pgq_node.register_location('q', 'n2', 'dbname=two', false)")).toBe(
      '200 Location registered',
    );
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.run("select pgq_node.register_location('q', 'n2', null, true)");
    expect(await node.events()).toEqual([
      ['pgq.location-info', 'n2', 'q', 'dbname=two', 'false'],
      ['pgq.location-info', 'n2', 'q', 'dbname=two', 'false'],
      ['pgq.location-info', 'n2', 'q', null, 'true'],
    ]);
    expect(await node.rows("pgq_node.get_queue_locations('q')")).toEqual([
      { node_name: 'n1', node_location: 'dbname=one', dead: false },
      { node_name: 'n2', node_location: 'dbname=two', dead: true },
    ]);
  });

  test(`PostgreSQL ${major}: a location can be changed, and one that is null for an unknown node is not stored`, async () => {
    await using node = await openNode(major);
    await node.run("select pgq_node.register_location('q', 'n1', 'dbname=one', true)");
    await node.run("select pgq_node.register_location('q', 'n1', 'dbname=uno', false)");
    expect(await node.code("pgq_node.register_location('q', 'n2', null, true)")).toBe(200);
    expect(await node.rows("pgq_node.get_queue_locations('q')")).toEqual([
      { node_name: 'n1', node_location: 'dbname=uno', dead: false },
    ]);
  });

  test(`PostgreSQL ${major}: unregister_location refuses the node itself and its provider`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    expect(await node.code("pgq_node.unregister_location('q', 'n2')")).toBe(403);
    expect(await node.code("pgq_node.unregister_location('q', 'n1')")).toBe(403);
    expect(await node.rows("pgq_node.get_queue_locations('q')")).toHaveLength(2);
  });

  test(`PostgreSQL ${major}: unregister_location ends a subscription and is told to all nodes, also when it was not known`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.run("select pgq_node.register_subscriber('q', 'n2', 'w2', null)");
    expect(await node.code("pgq_node.unregister_location('q', 'n2')")).toBe(200);
    expect(await node.code("pgq_node.unregister_location('q', 'n2')")).toBe(301);
    expect(await node.rows("pgq_node.get_subscriber_info('q')")).toEqual([]);
    expect((await node.events()).slice(1)).toEqual([
      ['pgq.unregister-location', 'n2', 'q', null, null],
      ['pgq.unregister-location', 'n2', 'q', null, null],
    ]);
  });
}
