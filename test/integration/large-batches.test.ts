import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `create table public.big (id bigint primary key, v text, n numeric(12, 2));
  create table public.plain_log (v text);`;

test('one transaction of 200,000 rows is one batch and arrives whole', async () => {
  await using chain = await openChain({ from: 13, to: 18, tables: TABLES });
  await chain.root.query(
    `insert into public.big select g, 'row ' || g, g / 7.0 from generate_series(1, 200000) as g`,
  );
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  await chain.root.query(
    `begin; update public.big set n = n + 1; delete from public.big where id % 2 = 0; commit`,
  );
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
});

test('a long transaction that spans several ticks and commits late loses and doubles nothing', async () => {
  await using chain = await openChain({ from: 18, to: 13, tables: TABLES });
  await using late = await chain.root.application();
  await late.execute('begin');
  for (let i = 0; i < 5; i++) {
    await late.execute(
      `insert into public.big values (${1_000_000 + i}, 'late', 0); insert into public.plain_log values ('late')`,
    );
    await chain.root.query(
      `insert into public.big values (${i}, 'early', 0); insert into public.plain_log values ('early')`,
    );
    // The tick and the batches between the parts are what makes this case.
    await waitUntilSeen(
      'the early row is on the leaf',
      async () => (await chain.leaf.query<{ n: bigint }>('select count(*) as n from public.big'))[0]?.n,
      (rows) => rows === BigInt(i + 1),
    );
  }
  await late.execute('commit');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  const [row] = await chain.leaf.query('select count(*) as rows from public.plain_log');
  expect(row).toEqual({ rows: 10n });
});
