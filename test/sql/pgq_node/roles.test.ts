import { expect, test } from 'vitest';
import { waitUntilSeen } from '../../support/wait-until.js';
import { MAJORS, openNode } from './node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a root becomes a branch in three steps, in order, of which two can be repeated`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.register_location('q', 'n2', 'dbname=two', false)");
    const step = (n: number) => node.row(`pgq_node.demote_root('q', ${n}, 'n2')`);

    await expect(step(2)).rejects.toThrow('steps in wrong order');
    await expect(step(3)).rejects.toThrow('steps in wrong order');
    expect(await step(1)).toEqual({
      ret_code: 200,
      ret_note: 'Step 1: Writing disabled for: q',
      last_tick: 1n,
    });
    await expect(node.run("select pgq.insert_event('q', 'type', 'data')")).rejects.toThrow('disallowed');
    expect(await step(1)).toMatchObject({ ret_code: 200 });
    expect(await step(2)).toEqual({
      ret_code: 200,
      ret_note: 'Step 2: Inserted last tick: q',
      last_tick: 2n,
    });
    expect(await step(2)).toMatchObject({ last_tick: 3n });
    expect(await step(3)).toEqual({
      ret_code: 200,
      ret_note: 'Step 3: Demoted root to branch: q',
      last_tick: 3n,
    });
    expect(await step(1)).toMatchObject({ ret_code: 301 });
    expect(await node.row("pgq_node.get_worker_state('q')")).toMatchObject({
      node_type: 'branch',
      provider_node: 'n2',
      completed_tick: 3n,
      uptodate: false,
    });
  });

  test(`PostgreSQL ${major}: the last tick of a root contains a write that was under way when writing was disabled`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq.register_consumer('q', 'reader')");
    const writer = await node.open();
    await writer.execute('begin');
    await writer.query("select pgq.insert_event('q', 'type', 'late')");

    await node.run("select pgq_node.demote_root('q', 1, null)");
    const closing = await node.open();
    const lastTick = closing.one<{ last_tick: bigint }>("select * from pgq_node.demote_root('q', 2, null)");
    await waitUntilSeen(
      'step 2 waits for the writer',
      () => node.rows("pg_locks where not granted and mode = 'ExclusiveLock'"),
      (locks) => locks.length > 0,
    );
    await writer.execute('commit');
    expect((await lastTick).last_tick).toBe(2n);

    const batch = await node.row<{ batch: bigint }>("pgq.next_batch('q', 'reader') as batch");
    expect(await node.rows('pgq.get_batch_events($1)', [batch.batch])).toMatchObject([{ ev_data: 'late' }]);
  });

  test(`PostgreSQL ${major}: the last tick of a root is refused where its snapshot could be older than its lock`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("select pgq_node.demote_root('q', 1, null)");
    await node.run('begin isolation level repeatable read');
    await expect(node.row("pgq_node.demote_root('q', 2, null)")).rejects.toThrow('read committed');
    await node.run('rollback');
  });

  test(`PostgreSQL ${major}: a branch becomes a root whose ticks and events go on after those it has`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch', 'q', { watermark: 7 });
    await node.run("select pgq.ticker('q', 9, now(), 500)");
    expect(await node.answer("pgq_node.promote_branch('q')")).toBe('200 Branch node promoted to root');
    expect(await node.code("pgq_node.promote_branch('q')")).toBe(301);
    expect(await node.row("pgq_node.get_node_info('q')")).toMatchObject({
      node_type: 'root',
      provider_node: 'n2',
      worker_last_tick: 9n,
      worker_uptodate: false,
    });
    const { id } = await node.row<{ id: bigint }>("pgq.insert_event('q', 'type', 'data') as id");
    expect(id).toBeGreaterThan(500n);
    expect(await node.tick()).toBe(10n);
  });
}
