import { expect, test } from 'vitest';
import { openTree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

/*
 * Blocks are sent before it is known what became of the one before. Small blocks, and one transaction over many of them, in which
 * some do not go as they were planned.
 */

const TABLES = `
    create table whole (id int primary key, n int);
    create table lacking (id int primary key, n int);
    create table refusing (id int primary key, n int);
    create table swapped (id int primary key, v int unique);`;

/** Changes of each table between those of the others, so that every block has some of each. */
const CHANGES = `
    do $$ begin
      for i in 1..60 loop
        insert into whole values (1000 + i, i);
        update lacking set n = n + 1 where id = i;
        insert into refusing values (1000 + i, i);
        update swapped set v = -1 where id = 1;
        update swapped set v = case when v = 1 then 2 else 1 end where id = 2;
        update swapped set v = 3 - (select v from swapped where id = 2) where id = 1;
        update whole set n = n + 1 where id = i;
      end loop;
    end $$`;

test('a batch of many blocks is exact when some of them are refused and some find too few rows', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 13 }, leaf: { major: 18, provider: 'root' } },
    tables: TABLES,
    ini: ['max_block_rows = 7'],
  });
  const [root, leaf] = [tree.node('root'), tree.node('leaf')];
  await using application = await root.application();
  await application.execute(`
      insert into whole select i, 0 from generate_series(1, 60) as i;
      insert into lacking select i, 0 from generate_series(1, 60) as i;
      insert into refusing select i, 0 from generate_series(1, 60) as i;
      insert into swapped values (1, 1), (2, 2)`);
  await tree.caughtUp(root, [leaf]);
  await application.execute(CHANGES);
  await tree.caughtUp(root, [leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);

  await using behind = await leaf.connect();
  await behind.execute(`
      set session_replication_role = replica;
      delete from public.lacking where id = 33;
      insert into public.refusing values (2047, 0)`);
  await application.execute(CHANGES.replaceAll('1000', '2000'));
  const parked = await waitUntilSeen(
    'both tables are parked',
    () =>
      behind.query<{ table_name: string; message: string }>(
        'select table_name, message from pgcascade.table_error order by 1',
      ),
    (rows) => rows.length === 2,
  );
  expect(parked).toEqual([
    { table_name: 'public.lacking', message: 'The row to be changed is not on the subscriber.' },
    {
      table_name: 'public.refusing',
      message: 'The table refuses the row (SQLSTATE 23505, constraint refusing_pkey).',
    },
  ]);
  // The rows of the block before the one with the conflict are there, those of later ones are not.
  const [lacking] = await behind.query<{ changed: bigint; latest: number }>(
    'select count(*) as changed, max(id) as latest from public.lacking where n = 2',
  );
  expect(Number(lacking?.changed)).toBe(lacking?.latest);
  expect(lacking?.latest).toBeLessThan(33);
  expect(await behind.query('select from public.refusing where id > 2047')).toEqual([]);
  const equal = ['public.whole', 'public.swapped'];
  const differences = await tree.differences(root, leaf);
  expect(differences.filter((line) => equal.some((name) => line.includes(name)))).toEqual([]);

  for (const table of ['public.lacking', 'public.refusing']) await leaf.must('resync', table);
  await application.execute(CHANGES.replaceAll('1000', '3000'));
  await tree.caughtUp(root, [leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);
});
