import { expect, test } from 'vitest';
import { MAJORS, openNode } from './node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a consumer's state is what was recorded last, and unknown consumers are 404`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf', 'q', { watermark: 5 });
    expect(await node.row("pgq_node.get_consumer_state('q', 'w2')")).toEqual({
      ret_code: 100,
      ret_note: 'Ok',
      node_type: 'leaf',
      node_name: 'n2',
      completed_tick: 5n,
      provider_node: 'n1',
      provider_location: 'dbname=one',
      paused: false,
      uptodate: false,
      cur_error: null,
    });
    expect(await node.row("pgq_node.get_consumer_state('q', 'nobody')")).toMatchObject({
      ret_code: 404,
      node_type: null,
    });

    expect(await node.code("pgq_node.set_consumer_error('q', 'w2', 'no disk')")).toBe(100);
    expect(await node.code("pgq_node.set_consumer_error('q', 'nobody', 'no disk')")).toBe(101);
    expect(await node.row("pgq_node.get_consumer_state('q', 'w2')")).toMatchObject({ cur_error: 'no disk' });

    expect(await node.code("pgq_node.set_consumer_completed('q', 'w2', 6)")).toBe(100);
    expect(await node.row("pgq_node.get_consumer_state('q', 'w2')")).toMatchObject({
      completed_tick: 6n,
      cur_error: null,
    });
    for (const call of [
      "set_consumer_completed('q', 'nobody', 6)",
      "set_consumer_uptodate('q', 'nobody', true)",
      "set_consumer_paused('q', 'nobody', true)",
      "change_consumer_provider('q', 'nobody', 'n1')",
      "unregister_consumer('q', 'nobody')",
    ]) {
      expect(await node.code(`pgq_node.${call}`), call).toBe(404);
    }
  });

  test(`PostgreSQL ${major}: a pause waits for the consumer's answer, and the same pause again does not`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    const state = async () => {
      const { paused, uptodate } = await node.row("pgq_node.get_consumer_state('q', 'w2')");
      return { paused, uptodate };
    };
    expect(await node.answer("pgq_node.set_consumer_uptodate('q', 'w2', true)")).toBe(
      '200 Consumer uptodate = 1',
    );
    expect(await state()).toEqual({ paused: false, uptodate: true });
    expect(await node.code("pgq_node.set_consumer_paused('q', 'w2', false)")).toBe(201);
    expect(await state()).toEqual({ paused: false, uptodate: true });
    expect(await node.code("pgq_node.set_consumer_paused('q', 'w2', true)")).toBe(200);
    expect(await state()).toEqual({ paused: true, uptodate: false });
    await node.run("select pgq_node.set_consumer_uptodate('q', 'w2', true)");
    expect(await node.code("pgq_node.set_consumer_paused('q', 'w2', true)")).toBe(201);
    expect(await state()).toEqual({ paused: true, uptodate: true });
    expect(await node.code("pgq_node.set_consumer_paused('q', 'w2', false)")).toBe(200);
    expect(await state()).toEqual({ paused: false, uptodate: false });
  });

  test(`PostgreSQL ${major}: a change of provider keeps the position and waits for the consumer's answer`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf', 'q', { watermark: 5 });
    await node.run(`
      select pgq_node.register_location('q', 'n3', 'dbname=three', false);
      select pgq_node.set_consumer_uptodate('q', 'w2', true);
    `);
    expect(await node.code("pgq_node.change_consumer_provider('q', 'w2', 'n3')")).toBe(200);
    expect(await node.row("pgq_node.get_consumer_state('q', 'w2')")).toMatchObject({
      completed_tick: 5n,
      provider_node: 'n3',
      provider_location: 'dbname=three',
      uptodate: false,
    });
    await expect(node.row("pgq_node.change_consumer_provider('q', 'w2', 'n9')")).rejects.toThrow(
      'local_state_provider_fkey',
    );
  });

  test(`PostgreSQL ${major}: a copy's consumer is registered, moved by a second call, listed and forgotten`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf', 'q', { watermark: 5 });
    expect(await node.code("pgq_node.register_consumer('q', 'w2.copy.public.t', 'n1', 6)")).toBe(200);
    expect(await node.code("pgq_node.register_consumer('q', 'w2.copy.public.t', 'n1', 8)")).toBe(201);
    expect(await node.rows("pgq_node.get_consumer_info('q')")).toEqual([
      {
        consumer_name: 'w2',
        provider_node: 'n1',
        last_tick_id: 5n,
        paused: false,
        uptodate: false,
        cur_error: null,
      },
      {
        consumer_name: 'w2.copy.public.t',
        provider_node: 'n1',
        last_tick_id: 8n,
        paused: false,
        uptodate: false,
        cur_error: null,
      },
    ]);
    expect(await node.code("pgq_node.unregister_consumer('q', 'w2.copy.public.t')")).toBe(200);
    expect(await node.rows("pgq_node.get_consumer_info('q')")).toHaveLength(1);
  });

  test(`PostgreSQL ${major}: node attributes are replaced as a whole`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch');
    expect(await node.code("pgq_node.set_node_attrs('q', 'sync_watermark=n3')")).toBe(200);
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({ node_attrs: 'sync_watermark=n3' });
    expect(await node.code("pgq_node.set_node_attrs('q', null)")).toBe(200);
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({ node_attrs: null });
  });
}
