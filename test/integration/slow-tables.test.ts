import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';

test('a table whose blocks are refused the quick way and written again is told by status and log, once for many', async () => {
  await using chain = await openChain({
    from: 18,
    to: 15,
    tables:
      'create table public.seat (id int primary key, place int unique); create table public.t (id int primary key, v int)',
    rows: 'insert into public.seat select g, g from generate_series(1, 100) g; insert into public.t select g, g from generate_series(1, 100) g',
  });
  const { root, leaf } = chain;
  expect((await leaf.must('status')).stdout).not.toContain('Slow:');
  for (let i = 0; i < 3; i++) {
    // Places are exchanged: no single statement can do that while the key is checked row by row.
    const [one, two] = i % 2 === 0 ? [2, 1] : [1, 2];
    await root.query(`begin; update public.seat set place = -1 where id = 1; update public.seat set place = ${two} where id = 2;
      update public.seat set place = ${one} where id = 1; update public.t set v = v + 1; commit`);
    await chain.caughtUp();
  }
  expect(await chain.differences()).toEqual([]);
  const rows = await leaf.query<{ table_name: string; blocks: bigint; reason: string }>(
    'select table_name, blocks, reason from pgcascade.written_again',
  );
  expect(rows.map(({ table_name }) => table_name)).toEqual(['public.seat']);
  expect(rows[0]?.reason).toContain('SQLSTATE 23505, constraint seat_place_key');
  expect(rows[0]?.blocks).toBe(3n);
  const line = `Slow: ${rows[0]?.blocks} blocks of public.seat were written again in order`;
  expect((await leaf.must('status')).stdout).toContain(line);
  expect(leaf.worker?.stderr.match(/Blocks of a table are written twice/g)).toHaveLength(1);

  // From the worker's next start on it is counted anew.
  await leaf.stopWorker();
  leaf.startWorker();
  await root.query('update public.seat set place = 1000 where id = 50');
  await chain.caughtUp();
  expect((await leaf.must('status')).stdout).not.toContain('Slow:');
});
