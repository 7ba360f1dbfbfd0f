import { expect, test } from 'vitest';
import { MAJORS, type NodeFixture, openNode } from '../pgq_node/node-fixture.js';

/** The values published for a sequence, in order. */
async function published(node: NodeFixture, sequence: string): Promise<bigint[]> {
  return (await node.events())
    .filter(([type, , extra1]) => type === 'londiste.update-seq' && extra1 === `public.${sequence}`)
    .map(([, data]) => BigInt(data));
}

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a sequence is published three buffers ahead, and again when one buffer is left`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run('create sequence s');
    expect(await node.answer("londiste.local_add_seq('q', 's')")).toBe('200 Sequence added: public.s');
    expect(await node.code("londiste.local_add_seq('q', 's')")).toBe(201);
    expect(await node.rows("londiste.get_seq_list('q')")).toEqual([
      { seq_name: 'public.s', last_value: 30001n, local: true },
    ]);
    expect(await node.events()).toEqual([['londiste.update-seq', '30001', 'public.s', null, null]]);

    await node.run("select setval('s', 20000)");
    expect(await node.code("londiste.root_check_seqs('q')")).toBe(100);
    expect(await published(node, 's')).toEqual([30001n]);
    await node.run("select setval('s', 20001)");
    await node.run("select londiste.root_check_seqs('q')");
    expect(await published(node, 's')).toEqual([30001n, 50001n]);

    await node.run("select londiste.root_check_seqs('q', 20000)");
    expect(await published(node, 's')).toHaveLength(2);
    await node.run("select setval('s', 30001); select londiste.root_check_seqs('q', 20000)");
    expect(await published(node, 's')).toEqual([30001n, 50001n, 90001n]);
    await node.run("select londiste.root_check_seqs('q', 1)");
    await node.run("select londiste.root_check_seqs('q', null)");
    expect(await published(node, 's')).toHaveLength(3);
  });

  test(`PostgreSQL ${major}: a value that was set but never given out is published ahead of, too`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(
      "create sequence s; select setval('s', 70000, false); select londiste.local_add_seq('q', 's')",
    );
    expect(await published(node, 's')).toEqual([100000n]);
    await node.run("select setval('s', 200000, false); select londiste.root_check_seqs('q')");
    expect(await published(node, 's')).toEqual([100000n, 230000n]);
  });

  test(`PostgreSQL ${major}: what is published never passes the end of the range and never uses it up`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create sequence up as smallint;
      create sequence down as smallint increment -1;
      create sequence round minvalue 1 maxvalue 1000 cycle;
      create sequence full_up maxvalue 5 start 5;
      select londiste.local_add_seq('q', s) from unnest('{up,down,round,full_up}'::text[]) as s;
      select nextval('full_up');
    `);
    expect(await published(node, 'full_up')).toEqual([5n]);

    for (let i = 0; i < 6; i++) {
      await node.run("select londiste.root_check_seqs('q')");
    }
    expect(await published(node, 'up')).toEqual([16384n]);
    expect(await published(node, 'down')).toEqual([-16384n]);
    expect(await published(node, 'round')).toEqual([500n]);
    expect(await published(node, 'full_up')).toEqual([5n]);

    await node.run("select setval('up', 16000), setval('down', -32767), setval('round', 1000)");
    await node.run("select londiste.root_check_seqs('q')");
    expect(await published(node, 'up')).toEqual([16384n, 24383n]);
    expect(await published(node, 'down')).toEqual([-16384n, -32767n]);
    expect(await published(node, 'round')).toEqual([500n, 1000n]);

    // A new cycle begins far behind what was published.
    await node.run("select nextval('round'); select londiste.root_check_seqs('q')");
    expect(await published(node, 'round')).toEqual([500n, 1000n]);
  });

  test(`PostgreSQL ${major}: the real value is below what was published at any time, to the end of the range`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("create sequence s as smallint; select londiste.local_add_seq('q', 's')");
    await node.run(`
      do $$
      begin
        for v in 1 .. 32767 loop
          perform nextval('s');
          if v % 100 = 0 or v > 32700 then
            perform londiste.root_check_seqs('q');
            if (select last_value < v from londiste.seq_info) then
              raise 'published % at %', (select last_value from londiste.seq_info), v;
            end if;
          end if;
        end loop;
      end $$;
    `);
    const values = await published(node, 's');
    expect(values.length).toBeLessThan(60);
    expect(values.at(-1)).toBe(32767n);
    expect(values).toEqual([...values].sort((a, b) => Number(a - b)));
  });

  test(`PostgreSQL ${major}: sequences at the ends of bigint are published without overflow`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create sequence low minvalue -9223372036854775808 start -9223372036854775808;
      create sequence high maxvalue 9223372036854775807 start 9223372036854775807;
      create sequence high_down increment -1 maxvalue 9223372036854775807 start 9223372036854775807;
      select londiste.local_add_seq('q', s) from unnest('{low,high,high_down}'::text[]) as s;
      select londiste.root_check_seqs('q');
    `);
    expect(await published(node, 'low')).toEqual([-9223372036854745808n]);
    expect(await published(node, 'high')).toEqual([9223372036854775807n]);
    expect(await published(node, 'high_down')).toEqual([9223372036854745807n]);
  });

  test(`PostgreSQL ${major}: sequences that share a range by their remainder keep it`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create sequence s increment 7 start 3;
      create sequence wide increment 100000 start 5;
      select londiste.local_add_seq('q', 's'), londiste.local_add_seq('q', 'wide');
    `);
    expect((await published(node, 's'))[0]).toBe(3n + 29_995n);
    expect((await published(node, 'wide'))[0]).toBe(100_005n);
  });

  test(`PostgreSQL ${major}: a sequence that was dropped on the root does not stop the others`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run(`
      create sequence a; create sequence "B c";
      select londiste.local_add_seq('q', 'a'), londiste.local_add_seq('q', 'B c');
      drop sequence a;
      select setval('"B c"', 40000);
    `);
    expect(await node.code("londiste.root_check_seqs('q')")).toBe(100);
    expect(await published(node, 'B c')).toEqual([30001n, 70000n]);
  });

  test(`PostgreSQL ${major}: only the root checks sequences, and only others take published values`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.makeReplica('leaf', 'l');
    expect(await node.code("londiste.root_check_seqs('l')")).toBe(402);
    expect(await node.code("londiste.root_check_seqs('nowhere')")).toBe(404);
    expect(await node.code("londiste.global_update_seq('q', 's', 5)")).toBe(402);
    expect(await node.code("londiste.global_update_seq('nowhere', 's', 5)")).toBe(404);
  });

  test(`PostgreSQL ${major}: a leaf's sequence follows what is published, in its own direction and within its limits`, async () => {
    await using node = await openNode(major);
    await node.makeReplica('leaf');
    await node.run(`
      create sequence up;
      create sequence down increment -1;
      create sequence small as smallint;
      create sequence fresh start 5;
    `);
    expect(await node.answer("londiste.local_add_seq('q', 'up')")).toBe(
      '404 Sequence not available on queue: public.up',
    );
    for (const [sequence, value] of [
      ['up', 100],
      ['down', -100],
      ['small', 100_000],
      ['fresh', 5],
    ]) {
      await node.row('londiste.global_update_seq($1, $2, $3)', ['q', sequence, value]);
      expect(await node.code('londiste.local_add_seq($1, $2)', ['q', sequence])).toBe(200);
    }
    expect(await node.code("londiste.local_add_seq('q', 'up')")).toBe(201);
    expect(await node.code("londiste.local_add_seq('q', 'absent')")).toBe(400);
    expect(await node.code("londiste.local_add_seq('nowhere', 'up')")).toBe(400);

    const current = () =>
      node.row(`(select (select last_value from up) as up, (select last_value from down) as down,
                        (select last_value from small) as small, (select is_called from fresh) as fresh) as s`);
    expect(await current()).toEqual({ up: 100n, down: -100n, small: 32767n, fresh: true });

    await node.run("select setval('up', 500)");
    await node.row("londiste.global_update_seq('q', 'up', 300)");
    await node.row("londiste.global_update_seq('q', 'down', -50)");
    expect(await current()).toMatchObject({ up: 500n, down: -100n });
    await node.row("londiste.global_update_seq('q', 'up', 700)");
    await node.row("londiste.global_update_seq('q', 'down', -700)");
    expect(await current()).toMatchObject({ up: 700n, down: -700n });

    await node.run('drop sequence up');
    expect(await node.answer("londiste.global_update_seq('q', 'up', 900)")).toBe(
      '404 Sequence not found: public.up',
    );
  });

  test(`PostgreSQL ${major}: a sequence removed on the root leaves the queue, on a leaf it stays known`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.makeReplica('leaf', 'l');
    await node.run(`
      create sequence s; create sequence u;
      select londiste.local_add_seq('q', 's'), londiste.local_add_seq('q', 'u');
      select londiste.global_update_seq('l', 's', 5), londiste.local_add_seq('l', 's');
    `);
    expect(await node.code("londiste.local_remove_seq('q', 's')")).toBe(200);
    expect(await node.code("londiste.local_remove_seq('q', 's')")).toBe(404);
    expect(await node.code("londiste.local_remove_seq('nowhere', 's')")).toBe(400);
    expect(await node.code("londiste.global_remove_seq('q', 'u')")).toBe(200);
    expect(await node.code("londiste.global_remove_seq('q', 'u')")).toBe(404);
    expect(await node.code("londiste.global_remove_seq('nowhere', 'u')")).toBe(400);
    expect((await node.events()).slice(-2)).toEqual([
      ['londiste.remove-seq', 'public.s', null, null, null],
      ['londiste.remove-seq', 'public.u', null, null, null],
    ]);

    expect(await node.code("londiste.local_remove_seq('l', 's')")).toBe(200);
    expect(await node.code("londiste.local_remove_seq('l', 's')")).toBe(404);
    expect(await node.rows("londiste.get_seq_list('l')")).toEqual([
      { seq_name: 'public.s', last_value: 5n, local: false },
    ]);
    expect(await node.code("londiste.global_remove_seq('l', 's')")).toBe(200);
  });

  test(`PostgreSQL ${major}: two sessions that check the same sequence publish it once`, async () => {
    await using node = await openNode(major);
    await node.makeRoot();
    await node.run("create sequence s; select londiste.local_add_seq('q', 's'), setval('s', 40000)");
    const other = await node.open();
    await other.execute('begin');
    await other.query("select londiste.root_check_seqs('q')");
    const second = node.code("londiste.root_check_seqs('q')");
    await other.execute('commit');
    expect(await second).toBe(100);
    expect(await published(node, 's')).toEqual([30001n, 70000n]);
  });
}
