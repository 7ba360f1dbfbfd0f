import { expect, test } from 'vitest';
import { MAJORS, openNode } from './node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: create_node makes a root that has a queue, a global watermark and itself as provider`, async () => {
    await using node = await openNode(major);
    await node.run("select pgq_node.register_location('q', 'n1', 'dbname=one', false)");

    expect(await node.answer("pgq_node.create_node('q', 'root', 'n1', 'w1', null, null, null)")).toBe(
      '200 Node "n1" initialized for queue "q" with type "root"',
    );
    expect(await node.row("pgq_node.get_node_info('q')")).toEqual({
      ret_code: 100,
      ret_note: 'Ok',
      node_type: 'root',
      node_name: 'n1',
      global_watermark: 1n,
      local_watermark: 1n,
      provider_node: 'n1',
      provider_location: 'dbname=one',
      combined_queue: null,
      combined_type: null,
      worker_name: 'w1',
      worker_paused: false,
      worker_uptodate: false,
      worker_last_tick: 1n,
      node_attrs: null,
      target_for: [],
    });
    expect(await node.row("pgq_node.get_worker_state('q')")).toMatchObject({
      ret_code: 100,
      completed_tick: 1n,
      local_queue_top: 1n,
      worker_name: 'w1',
    });
    expect(await node.row("pgq_node.is_root_node('q') as root, pgq_node.is_leaf_node('q') as leaf")).toEqual({
      root: true,
      leaf: false,
    });
  });

  test(`PostgreSQL ${major}: worker_last_tick of a root is its newest tick, and a reader that lags holds its local watermark`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq.register_consumer('q', 'reader')");
    await node.tick();
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({
      worker_last_tick: 2n,
      local_watermark: 1n,
      global_watermark: 1n,
    });
  });

  test(`PostgreSQL ${major}: create_node makes a branch whose queue begins at the watermark and takes events from its worker only`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch', 'q', { watermark: 7 });

    expect(
      await node.row("pgq.queue where queue_name = 'q' and queue_external_ticker and queue_disable_insert"),
    ).toBeDefined();
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({
      node_type: 'branch',
      global_watermark: 7n,
      local_watermark: 7n,
      worker_last_tick: 7n,
      provider_node: 'n1',
    });
    await expect(node.run("select pgq.insert_event('q', 'type', 'data')")).rejects.toThrow(
      'Insert into queue disallowed',
    );
  });

  test(`PostgreSQL ${major}: create_node makes a leaf that has no queue`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf', 'q', { watermark: 7 });
    expect(await node.rows('pgq.queue')).toEqual([]);
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({
      node_type: 'leaf',
      global_watermark: null,
      local_watermark: 7n,
      worker_last_tick: 7n,
    });
    expect(await node.row("pgq_node.get_worker_state('q')")).toMatchObject({
      completed_tick: 7n,
      local_queue_top: null,
    });
  });

  test(`PostgreSQL ${major}: a queue knows which leaves are merged into it`, async () => {
    await using node = await openNode(major);
    await node.makeRoot('all');
    await node.makeReplica('leaf', 'part2', { combinedQueue: 'all' });
    await node.makeReplica('leaf', 'part1', { combinedQueue: 'all' });
    expect(await node.row("pgq_node.get_node_info('all')")).toMatchObject({ target_for: ['part1', 'part2'] });
    expect(await node.row("pgq_node.get_node_info('part1')")).toMatchObject({
      combined_queue: 'all',
      combined_type: 'root',
    });
  });

  test(`PostgreSQL ${major}: create_node refuses what does not fit with 401 and changes nothing`, async () => {
    await using node = await openNode(major);
    await node.run("select pgq_node.register_location('q', 'n1', 'dbname=one', false)");
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    const refused = [
      "'root', 'n1', 'w1', 'n2', null, null",
      "'root', 'n1', 'w1', null, 1, null",
      "'root', 'n1', 'w1', null, null, 'other'",
      "'root', 'n1', null, null, null, null",
      "'root', 'nobody', 'w1', null, null, null",
      "'branch', 'n1', 'w1', null, 1, null",
      "'branch', 'n1', 'w1', 'n2', null, null",
      "'branch', 'n1', 'w1', 'n2', 1, 'q'",
      "'leaf', 'n1', 'w1', 'nobody', 1, null",
      "'leaf', 'n1', 'w1', 'n2', 1, 'other'",
      "'stem', 'n1', 'w1', 'n2', 1, null",
      "null, 'n1', 'w1', 'n2', 1, null",
    ];
    for (const args of refused) {
      expect(await node.code(`pgq_node.create_node('q', ${args})`), args).toBe(401);
    }
    expect(await node.rows('pgq.queue')).toEqual([]);
    expect(await node.rows('pgq_node.node_info')).toEqual([]);

    await node.run("select pgq_node.create_node('q', 'root', 'n1', 'w1', null, null, null)");
    expect(await node.code("pgq_node.create_node('q', 'root', 'n1', 'w1', null, null, null)")).toBe(401);
  });

  test(`PostgreSQL ${major}: a queue that is not there is 404 or an error, never an empty answer`, async () => {
    await using node = await openNode(major);
    for (const call of [
      "get_node_info('q')",
      "get_worker_state('q')",
      "get_consumer_state('q', 'c')",
      "register_subscriber('q', 'n', 'w', null)",
      "set_subscriber_watermark('q', 'n', 1)",
      "set_global_watermark('q', 1)",
      "set_partition_watermark('q', 'p', 1)",
      "register_consumer('q', 'c', 'n', 1)",
      "unregister_consumer('q', 'c')",
      "change_consumer_provider('q', 'c', 'n')",
      "set_consumer_uptodate('q', 'c', true)",
      "set_consumer_paused('q', 'c', true)",
      "set_consumer_completed('q', 'c', 1)",
      "set_node_attrs('q', 'a=b')",
      "demote_root('q', 1, 'n')",
      "promote_branch('q')",
    ]) {
      expect(await node.code(`pgq_node.${call}`), call).toBe(404);
    }
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({
      ret_note: 'Unknown queue: q',
      node_type: null,
      target_for: null,
    });
    await expect(node.run("select pgq_node.is_root_node('q')")).rejects.toThrow('queue does not exist: q');
    await expect(node.run("select pgq_node.is_leaf_node('q')")).rejects.toThrow('queue does not exist: q');
  });

  test(`PostgreSQL ${major}: drop_node of the local node leaves nothing of the queue, and the node can be made again`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create table t (id int primary key);
      select pgq_node.register_location('q', 'n2', 'dbname=two', false);
      select pgq_node.register_subscriber('q', 'n2', 'w2', null);
      select londiste.local_add_table('q', 't', '{no_triggers}');
    `);
    expect(await node.answer("pgq_node.drop_node('q', 'n1')")).toBe('200 Node dropped: n1');
    for (const table of [
      'pgq.queue',
      'pgq.consumer',
      'pgq_node.node_info',
      'pgq_node.node_location',
      'pgq_node.local_state',
      'pgq_node.subscriber_info',
      'londiste.table_info',
    ]) {
      expect(await node.rows(table), table).toEqual([]);
    }
    expect(await node.code("pgq_node.drop_node('q', 'n1')")).toBe(200);
    await node.makeRoot();
  });

  test(`PostgreSQL ${major}: drop_node of another node ends its subscription, and refuses the provider`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch');
    await node.run(`
      select pgq_node.register_location('q', 'n3', 'dbname=three', false);
      select pgq_node.register_subscriber('q', 'n3', 'w3', null);
    `);
    expect(await node.code("pgq_node.drop_node('q', 'n1')")).toBe(405);
    expect(await node.code("pgq_node.drop_node('q', 'n3')")).toBe(200);
    expect(await node.rows("pgq_node.get_subscriber_info('q')")).toEqual([]);
    expect(await node.rows("pgq_node.get_queue_locations('q')")).toHaveLength(2);
    expect(await node.rows('pgq.consumer')).toHaveLength(1);
  });

  test(`PostgreSQL ${major}: drop_node of a leaf does not touch a queue that has the same name by chance`, async () => {
    await using node = await openNode(major);
    await node.run("select pgq.create_queue('q')");
    await node.makeReplica('leaf');
    expect(await node.code("pgq_node.drop_node('q', 'n2')")).toBe(200);
    expect(await node.rows('pgq.queue')).toHaveLength(1);
  });
}
