import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `create table public.strict (id int primary key, v int unique);
  create table public.other (id int primary key);`;

test('an event that cannot be written parks its table, the others go on, and resync brings it back', async () => {
  await using chain = await openChain({ from: 15, to: 18, tables: TABLES });
  await chain.leaf.query(
    `set session_replication_role = replica; insert into public.strict values (99, 7); reset session_replication_role`,
  );
  await chain.root.query(
    `begin; insert into public.strict values (1, 7); insert into public.other values (1); commit`,
  );
  await chain.root.query('insert into public.other values (2)');
  await chain.caughtUp();

  const parked = await chain.leaf.query('select table_name, error_code from pgcascade.table_error');
  expect(parked).toEqual([{ table_name: 'public.strict', error_code: 'PC402' }]);
  expect(await chain.leaf.query('select count(*) as n from public.other')).toEqual([{ n: 2n }]);
  expect((await chain.leaf.must('status')).stdout).toContain('public.strict is parked');
  expect((await chain.leaf.run('compare')).exitCode).toBe(3);

  await chain.leaf.must('resync', 'strict');
  await chain.leaf.must('wait-sync');
  await waitUntilSeen(
    'nothing is parked',
    () => chain.leaf.query('select 1 from pgcascade.table_error'),
    (rows) => rows.length === 0,
  );
  expect((await chain.leaf.must('compare')).exitCode).toBe(0);
  expect(await chain.differences()).toEqual([]);
});
