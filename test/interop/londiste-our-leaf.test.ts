import { describe, expect, test } from 'vitest';
import { BANK_ROWS, BankClient, STOCK_BANK_TABLES } from '../support/bank.js';
import { seededRandom } from '../support/random.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const reason = whyNoStockPackages();

describe.skipIf(reason !== undefined)(
  stockTitle('our nodes below a root of the stock Londiste', reason),
  () => {
    test('our leaf and our branch, and a leaf below each, end equal and compare says so', {
      timeout: 180_000,
    }, async () => {
      await using tree = await openTree({
        nodes: {
          root: { major: 15, isStock: true },
          branch: { major: 17, provider: 'root', isBranch: true },
          leaf: { major: 10, provider: 'branch' },
        },
        tables: STOCK_BANK_TABLES,
        rows: BANK_ROWS,
      });
      const [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
      const client = new BankClient(root.cluster, root.database.name, seededRandom(2), 1n, { pauseMs: 10 });
      await waitUntil('transactions', () => client.acknowledged.length >= 100);
      expect((await branch.must('compare')).stdout).toContain('all equal');
      await client.stop();
      await tree.caughtUp(root, [branch, leaf]);
      expect(await tree.differences(root, branch)).toEqual([]);
      expect(await tree.differences(root, leaf)).toEqual([]);
      expect((await branch.must('capture-format')).stdout).toBe('urlenc\n');
      for (const node of tree.nodes) {
        const { stdout } = await node.must('status');
        expect(stdout).toMatch(/root \(root\).*branch \(branch\).*leaf \(leaf\)/s);
        expect(stdout).not.toMatch(/ERR|PAUSED|NOT UPTODATE|cannot/);
      }
    });
  },
);
