import { expect, test } from 'vitest';
import { MAJORS, openNode } from './node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a reader's watermark moves forward only, to ticks that exist`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.run("select pgq_node.register_subscriber('q', 'n2', 'w2', null)");
    await node.tick();
    expect(await node.code("pgq_node.set_subscriber_watermark('q', 'n9', 2)")).toBe(404);
    expect(await node.code("pgq_node.set_subscriber_watermark('q', 'n2', 1)")).toBe(100);
    expect(await node.answer("pgq_node.set_subscriber_watermark('q', 'n2', 2)")).toBe(
      '200 n2 watermark set to 2',
    );
    expect(await node.code("pgq_node.set_subscriber_watermark('q', 'n2', 1)")).toBe(405);
    await expect(node.row("pgq_node.set_subscriber_watermark('q', 'n2', 99)")).rejects.toThrow(
      'tick not found',
    );
  });

  test(`PostgreSQL ${major}: the root publishes the lowest position of all readers and moves its own worker there`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    await node.tick();
    await node.tick();
    await node.run("select pgq_node.register_subscriber('q', 'n2', 'w2', 3)");
    await node.run("select pgq_node.set_subscriber_watermark('q', 'n2', 2)");

    expect(await node.answer("pgq_node.set_global_watermark('q', null)")).toBe(
      '200 Global watermark set to 2',
    );
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({ global_watermark: 2n });
    expect(await node.row("pgq_node.get_worker_state('q')")).toMatchObject({ completed_tick: 2n });
    expect((await node.events()).at(-1)).toEqual(['pgq.global-watermark', '2', 'q', null, null]);
    await expect(node.row("pgq_node.set_global_watermark('q', 99)")).rejects.toThrow('tick not found');
  });

  test(`PostgreSQL ${major}: a branch takes the global watermark it is told, skips a tick that it lacks, and chooses none`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch');
    await node.run("select pgq.ticker('q', 4, now(), 1)");
    expect(await node.code("pgq_node.set_global_watermark('q', null)")).toBe(500);
    expect(await node.code("pgq_node.set_global_watermark('q', 3)")).toBe(200);
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({ global_watermark: 1n });
    expect(await node.code("pgq_node.set_global_watermark('q', 4)")).toBe(200);
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({ global_watermark: 4n });
    expect(await node.events()).toEqual([]);
  });

  test(`PostgreSQL ${major}: a leaf ignores the global watermark`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    expect(await node.code("pgq_node.set_global_watermark('q', 4)")).toBe(100);
    expect(await node.code("pgq_node.set_global_watermark('q', null)")).toBe(100);
  });

  test(`PostgreSQL ${major}: maint_watermark publishes on a root only, and only what is five minutes old`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.makeReplica('leaf', 'other');
    expect(await node.row("pgq_node.maint_watermark('q')")).toEqual({ maint_watermark: 0 });
    expect(await node.row("pgq_node.maint_watermark('other')")).toEqual({ maint_watermark: 0 });
    expect(await node.row("pgq_node.maint_watermark('nowhere')")).toEqual({ maint_watermark: 0 });
    expect(await node.events()).toEqual([]);

    await node.run("update pgq.tick set tick_time = now() - interval '5 minutes'");
    await node.tick();
    await node.run("select pgq_node.maint_watermark('q')");
    expect(await node.events()).toEqual([['pgq.global-watermark', '2', 'q', null, null]]);
    await node.run("select pgq_node.maint_watermark('q')");
    expect(await node.events()).toHaveLength(1);
  });

  test(`PostgreSQL ${major}: a branch of a combined queue moves its leaf to the place its root has merged`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch', 'all');
    await node.makeReplica('leaf', 'part', { combinedQueue: 'all' });
    await node.makeReplica('leaf', 'alone');
    expect(await node.code("pgq_node.set_partition_watermark('all', 'part', 5)")).toBe(200);
    expect(await node.row("pgq_node.get_node_info('part')")).toMatchObject({ worker_last_tick: 5n });
    expect(await node.code("pgq_node.set_partition_watermark('all', 'alone', 5)")).toBe(201);
    expect(await node.code("pgq_node.set_partition_watermark('all', 'nowhere', 5)")).toBe(201);
    expect(await node.code("pgq_node.set_partition_watermark('part', 'alone', 5)")).toBe(401);
  });
}
