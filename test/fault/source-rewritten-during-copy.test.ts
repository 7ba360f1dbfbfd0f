import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { waitUntil } from '../support/wait-until.js';

test.each([
  ['ALTER TABLE', 'alter table public.rewritten alter v type varchar(100) using v::varchar(100)'],
  [
    'TRUNCATE',
    `truncate public.rewritten; insert into public.rewritten select g, 'new' from generate_series(1, 10) as g`,
  ],
])('a copy that meets a %s on the source has all rows in the end', async (_what, statement) => {
  await using chain = await openChain({ from: 15, to: 15 });
  const table = 'create table public.rewritten (id int primary key, v text)';
  for (const node of [chain.root, chain.leaf]) await node.query(table);
  await chain.root.query(`insert into public.rewritten select g, 'row' from generate_series(1, 1000) as g`);
  await chain.root.must('add-table', '--all');

  await using rewriter = await chain.root.application();
  await rewriter.execute(`begin; ${statement}`);
  await chain.leaf.must('add-table', '--all');
  await waitUntil('the copy waits for the lock on the source', async () => {
    const [row] = await chain.root.query<{ waiting: boolean }>(
      `select exists (select from pg_locks where not granted and relation = 'public.rewritten'::regclass) as waiting`,
    );
    return row?.waiting;
  });
  await rewriter.execute('commit');
  await chain.leaf.must('wait-sync');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
});
