import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { waitUntilSeen } from '../support/wait-until.js';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const TABLES = NAMES.map((name) => `create table public.${name} (id int primary key)`).join(';');

test('a table that is removed while its copy waits for its turn leaves nothing behind and can be added again', async () => {
  await using chain = await openChain({ from: 18, to: 18 });
  for (const node of [chain.root, chain.leaf]) await node.query(TABLES);
  await chain.root.query(NAMES.map((name) => `insert into public.${name} values (1)`).join(';'));
  await chain.root.must('add-table', '--all');
  // With the first four tables locked all lanes wait, and the others behind them.
  await using blocker = await chain.leaf.application();
  await blocker.execute('begin; lock table public.a, public.b, public.c, public.d in access share mode');
  // Rows that are kept make a table one that is copied by itself.
  await chain.leaf.must('add-table', '--skip-truncate', 'a', 'b', 'c', 'd');
  await waitUntilSeen(
    'the first copies are under way',
    async () =>
      (
        await chain.leaf.query<{ n: bigint }>(
          `select count(*) as n from londiste.table_info where merge_state = 'in-copy'`,
        )
      )[0]?.n,
    (count) => count === 4n,
  );
  await chain.leaf.must('add-table', 'e', 'f');
  await chain.leaf.must('remove-table', 'f');
  await blocker.execute('rollback');
  await chain.leaf.must('wait-sync');
  expect(await chain.leaf.query('select table_name from pgcascade.table_error')).toEqual([]);
  await waitUntilSeen(
    'no copy consumer is left on the root',
    () => chain.root.query(`select co_name from pgq.consumer where co_name like '%.copy.%'`),
    (consumers) => consumers.length === 0,
  );
  await chain.leaf.must('add-table', 'f');
  await chain.leaf.must('wait-sync');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
});
