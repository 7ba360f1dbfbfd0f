import { expect, test } from 'vitest';
import { MAJORS, openNode } from '../pgq_node/node-fixture.js';

for (const major of MAJORS) {
  test(`PostgreSQL ${major}: a name splits at its first dot, and one without a dot is of schema public`, async () => {
    await using node = await openNode(major);
    const { session } = node;
    expect(
      await session.queryArrays(`
        select n, londiste.make_fqname(n), londiste.quote_fqname(n), s.schema_part, s.name_part
          from unnest(array['t', 's.t', 's.t.u', 'A b.C"d']) as n, londiste.split_fqname(n) as s`),
    ).toEqual([
      ['t', 'public.t', 'public.t', 'public', 't'],
      ['s.t', 's.t', 's.t', 's', 't'],
      ['s.t.u', 's.t.u', 's."t.u"', 's', 't.u'],
      ['A b.C"d', 'A b.C"d', '"A b"."C""d"', 'A b', 'C"d'],
    ]);
  });

  test(`PostgreSQL ${major}: oids are found by kind, partitioned tables as tables`, async () => {
    await using node = await openNode(major);
    await node.run(`
      create table t (b text, a int, c int, primary key (a, b));
      alter table t drop column c;
      create table nokey (a int, b int);
      create table parts (a int) partition by range (a);
      create sequence s;
      create view v as select 1 as a;
    `);
    expect(
      await node.session.one(`select londiste.find_table_oid('t') = 't'::regclass as "table",
                      londiste.find_table_oid('parts') = 'parts'::regclass as parts,
                      londiste.find_rel_oid('parts', 'r') as parts_as_r,
                      londiste.find_table_oid('v') as view,
                      londiste.find_seq_oid('s') = 's'::regclass as seq,
                      londiste.find_seq_oid('t') as table_as_seq,
                      londiste.find_table_oid('absent.t') as absent,
                      londiste.find_column_types('t') as types,
                      londiste.find_column_types('nokey') as nokey_types,
                      londiste.find_column_types('absent') as absent_types`),
    ).toEqual({
      table: true,
      parts: true,
      parts_as_r: null,
      view: null,
      seq: true,
      table_as_seq: null,
      absent: null,
      types: 'kk',
      nokey_types: 'vv',
      absent_types: null,
    });
  });
}
