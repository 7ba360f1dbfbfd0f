import { expect, test } from 'vitest';
import { MAJORS, openNode } from '../pgq_node/node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a script is executed once and told to all nodes by the root`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    expect(await node.code("londiste.execute_start('q', 'a.sql', 'select 1', true, 'need-table=t')")).toBe(
      200,
    );
    expect(await node.code("londiste.execute_start('q', 'a.sql', 'select 2', true)")).toBe(201);
    expect(await node.code("londiste.execute_finish('q', 'a.sql')")).toBe(200);
    expect(await node.code("londiste.execute_finish('q', 'b.sql')")).toBe(404);
    expect(await node.code("londiste.execute_start('q', 'b.sql', 'select 2', true)")).toBe(200);
    expect(await node.code("londiste.execute_finish('q', 'b.sql')")).toBe(200);
    expect(await node.events()).toEqual([
      ['EXECUTE', 'select 1', 'a.sql', 'need-table=t', null],
      ['EXECUTE', 'select 2', 'b.sql', '', null],
    ]);
  });

  test(`PostgreSQL ${major}: a node below the root executes what it is sent and begins nothing`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('branch');
    expect(await node.code("londiste.execute_start('q', 'a.sql', 'select 1', true)")).toBe(401);
    expect(await node.code("londiste.execute_start('nowhere', 'a.sql', 'select 1', false)")).toBe(404);
    expect(await node.code("londiste.execute_start('q', 'a.sql', 'select 1', false)")).toBe(200);
    expect(await node.code("londiste.execute_finish('q', 'a.sql')")).toBe(200);
    expect(await node.events()).toEqual([]);
  });

  test(`PostgreSQL ${major}: periodic maintenance forgets scripts after three months`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      select londiste.execute_start('q', f, 'select 1', true) from unnest('{old,new}'::text[]) as f;
      update londiste.applied_execute set execute_time = now() - interval '4 months' where execute_file = 'old';
    `);
    expect(await node.row('londiste.periodic_maintenance()')).toEqual({ periodic_maintenance: 0 });
    expect(await node.rows('londiste.applied_execute')).toMatchObject([{ execute_file: 'new' }]);
  });
}
