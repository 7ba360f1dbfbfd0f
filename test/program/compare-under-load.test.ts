import { expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES, BankClient } from '../support/bank.js';
import { openChain } from '../support/chain.js';
import { seededRandom } from '../support/random.js';

const STILL = `create table public.still (id int primary key, v text);`;
const STILL_ROWS = `insert into public.still select g, 'row ' || g from generate_series(1, 20000) as g`;

test('compare under load finds equal tables equal, and one changed, one missing and one extra row', async () => {
  await using chain = await openChain({
    from: 13,
    to: 18,
    tables: BANK_TABLES + STILL,
    rows: `${BANK_ROWS}; ${STILL_ROWS}`,
  });
  const { cluster, database } = chain.root;
  const client = new BankClient(cluster, database.name, seededRandom(1), 1n, { truncates: false });
  try {
    for (let i = 0; i < 3; i++) {
      const before = client.acknowledged.length;
      expect((await chain.leaf.mustProgram('compare')).stdout).toContain('6 tables and 2 sequences compared');
      expect(client.acknowledged.length).toBeGreaterThan(before);
    }
    await chain.leaf.query(
      `set session_replication_role = replica;
       update public.still set v = 'other' where id = 17;
       delete from public.still where id = 4711;
       insert into public.still values (30001, 'extra');
       reset session_replication_role`,
    );
    const outcome = await chain.leaf.runProgram('compare');
    expect(outcome.exitCode).toBe(2);
    expect(outcome.stdout).toContain('public.still: DIFFERENT');
    expect(outcome.stdout).toMatch(/changed: 1 row, key 17\b/);
    expect(outcome.stdout).toMatch(/missing on the subscriber: 1 row, key 4711\b/);
    expect(outcome.stdout).toMatch(/extra on the subscriber: 1 row, key 30001\b/);
    expect(outcome.stdout).toMatch(
      /6 tables and 2 sequences compared at tick \d+: 1 different, 0 not checked/,
    );

    await chain.leaf.mustProgram('resync', 'still');
    await chain.leaf.mustProgram('wait-sync');
    await chain.leaf.mustProgram('compare');
  } finally {
    await client.stop();
  }
});
