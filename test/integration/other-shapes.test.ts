import { expect, test } from 'vitest';
import { openTree } from '../support/tree.js';

interface Shape {
  readonly name: string;
  readonly root: string;
  readonly leaf: string;
  /** Its name on the leaf. */
  readonly dest?: string;
  /** Oldest version of both servers. */
  readonly since?: number;
}

/** The rows are (id, a, b) on the root; `a` is the text of a number. */
const SHAPES: readonly Shape[] = [
  {
    name: 'extra',
    root: '(id int primary key, a text, b timestamp)',
    leaf: "(id int primary key, a text, b timestamp, here text not null default 'here', more int)",
  },
  {
    name: 'other_order',
    root: '(id int primary key, a text, b timestamp)',
    leaf: '(b timestamp, here serial, a text, id int primary key)',
  },
  {
    name: 'cast',
    root: '(id int primary key, a varchar(20), b timestamp)',
    leaf: '(id bigint primary key, a text, b timestamp(6) without time zone)',
  },
  {
    name: 'renamed',
    root: '(id int primary key, a text, b timestamp)',
    leaf: '(id int primary key, a text, b timestamp)',
    dest: 'public.another_name',
  },
  {
    name: 'partitions_here',
    root: '(id int primary key, a text, b timestamp)',
    leaf: '(id int not null, a text, b timestamp) partition by range (id)',
  },
  {
    name: 'partitions_there',
    root: '(id int not null, a text, b timestamp) partition by range (id)',
    leaf: '(id int not null, a text, b timestamp)',
  },
  {
    name: 'generated_there',
    since: 12,
    root: '(id int primary key, a text, b timestamp, g text generated always as (upper(a)) stored)',
    leaf: "(id int primary key, g text default 'none', a text, b timestamp)",
  },
  {
    name: 'generated_only_there',
    since: 12,
    root: '(id int primary key, a text, b timestamp, g text generated always as (upper(a)) stored)',
    leaf: '(id int primary key, a text, b timestamp)',
  },
  {
    name: 'generated_here',
    since: 12,
    root: '(id int primary key, a text, b timestamp)',
    leaf: '(id int primary key, a text, g text generated always as (upper(a)) stored, b timestamp)',
  },
];

function create(name: string, definition: string): string {
  const cut = name.slice(name.indexOf('.') + 1);
  const parts = definition.includes('partition by')
    ? `create table ${name}_1 partition of ${name} for values from (minvalue) to (500);
       create table ${name}_2 partition of ${name} for values from (500) to (maxvalue);
       create unique index ${cut}_1_key on ${name}_1 (id); create unique index ${cut}_2_key on ${name}_2 (id);`
    : '';
  return `create table ${name} ${definition}; ${parts}`;
}

test.each([
  [10, 18],
  [18, 18],
])(
  'tables of other shapes are copied, written in bulk and by few rows, and compared: from %s to %s',
  async (from, to) => {
    await using tree = await openTree({
      nodes: { root: { major: from }, leaf: { major: to, provider: 'root' } },
    });
    const [root, leaf] = [tree.node('root'), tree.node('leaf')];
    const shapes = SHAPES.filter(({ since = 0 }) => Math.min(from, to) >= since);
    for (const { name, root: there, leaf: here, dest = `public.${name}` } of shapes) {
      await root.query(`${create(`public.${name}`, there)}
      insert into public.${name} (id, a, b) select g, 'copied ' || g, '2026-01-01' from generate_series(1, 900) g`);
      await leaf.query(create(dest, here));
      await root.prepare('add-table', `public.${name}`);
      await leaf.prepare(
        'add-table',
        `public.${name}`,
        ...(dest === `public.${name}` ? [] : [`--dest-table=${dest}`]),
      );
    }
    await leaf.prepare('wait-sync');
    for (const { name } of shapes) {
      await root.query(`begin; insert into public.${name} (id, a, b) values (1001, null, 'infinity');
      update public.${name} set a = 'few' where id in (3, 700); delete from public.${name} where id in (4, 701);
      update public.${name} set id = 1002 where id = 705; commit`);
    }
    await tree.caughtUp(root, [leaf]);
    for (const { name } of shapes) {
      await root.query(`insert into public.${name} (id, a, b) select g, 'many ' || g, now() from generate_series(2000, 2600) g;
      update public.${name} set a = 'changed ' || id where id % 2 = 0; delete from public.${name} where id between 100 and 300`);
    }
    await tree.caughtUp(root, [leaf]);

    expect(await leaf.query('select table_name, message from pgcascade.table_error')).toEqual([]);
    for (const { name, dest = `public.${name}` } of shapes) {
      const rows = 'select id::text, a, b::text from';
      const expected = await root.query(`${rows} public.${name} order by id`);
      expect(expected).toHaveLength(1299);
      expect(await leaf.query(`${rows} ${dest} order by id`), name).toEqual(expected);
    }
    const { stdout } = await leaf.run('compare');
    // A generated column's values are not sent: where it is none on this node, it keeps its default, and compare says so.
    expect(stdout.match(/^.*(DIFFERENT|not checked \().*$/gm) ?? []).toEqual(
      shapes
        .filter(({ name }) => name === 'generated_there')
        .map(({ name }) => expect.stringContaining(`public.${name}: DIFFERENT`)),
    );
    expect(stdout.match(/: equal/g)).toHaveLength(
      shapes.filter(({ name }) => name !== 'generated_there').length,
    );
    // What is only here is worked out here, or keeps its default.
    const here = await leaf.query<{ n: bigint }>(
      "select count(*) as n from public.extra where here = 'here' and more is null",
    );
    expect(here).toEqual([{ n: 1299n }]);
    if (shapes.some(({ name }) => name === 'generated_there')) {
      expect(await leaf.query("select count(*) as n from public.generated_there where g = 'none'")).toEqual([
        { n: 1299n },
      ]);
    }
    await leaf.query(
      `set session_replication_role = replica; update public.another_name set a = 'wrong' where id = 3; reset session_replication_role`,
    );
    expect(await leaf.run('compare', 'public.renamed')).toMatchObject({ exitCode: 2 });
  },
);
