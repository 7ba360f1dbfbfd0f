import { expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES, BankClient } from '../support/bank.js';
import { seededRandom } from '../support/random.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

/** The formats that the triggers of a node write, and the one that it was told. */
async function formatsOf(node: TestNode): Promise<unknown> {
  return node.query(
    `select distinct p.capture_format as written, pgcascade.capture_format('app') as told
       from pgcascade.capture_plan as p where p.purpose = 'capture'`,
  );
}

test('capture-format under load, killed at any step, is finished by the same command on root and branch, and no row is lost', {
  timeout: 120_000,
}, async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 10 },
      branch: { major: 18, provider: 'root', isBranch: true },
      leaf: { major: 14, provider: 'branch' },
    },
    tables: BANK_TABLES,
    rows: BANK_ROWS,
  });
  const [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
  const client = new BankClient(root.cluster, root.database.name, seededRandom(5), 1n, { pauseMs: 5 });
  await waitUntil('transactions before', () => client.acknowledged.length >= 20);
  await root.killedAt('capture-format-set', 'capture-format', 'urlenc');
  await root.killedAt('capture-format-table', 'capture-format', 'urlenc');
  expect(await formatsOf(root)).toHaveLength(2);
  await root.must('capture-format', 'urlenc');
  for (const node of [root, branch]) {
    expect(await formatsOf(node), node.name).toEqual([{ written: 'urlenc', told: 'urlenc' }]);
  }
  const before = client.acknowledged.length;
  await waitUntil('transactions after', () => client.acknowledged.length >= before + 50);
  await client.stop();
  await tree.caughtUp(root, [branch, leaf]);
  for (const node of [branch, leaf]) expect(await tree.differences(root, node), node.name).toEqual([]);

  const words = await root.run('capture-format', 'xml');
  expect([words.exitCode, words.stderr]).toEqual([1, expect.stringContaining('neither json nor urlenc')]);
  expect((await leaf.run('capture-format', 'json')).exitCode).toBe(1);
  await root.must('capture-format', 'json');
  expect(await formatsOf(root)).toEqual([{ written: 'json', told: 'json' }]);
});
