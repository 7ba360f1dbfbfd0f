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
      // The load truncates the log, and then compare says that it could not look at it.
      const written = ['account', 'ledger', 'purchase', 'purchase_line'].map((name) => `public.${name}`);
      expect((await branch.must('compare', ...written)).stdout).toContain('all equal');
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

      // Nothing of ours is there, and what stock nodes have of their own is no difference.
      for (const node of [branch, leaf]) {
        expect((await node.run('check')).stdout).toMatch(
          /^5 tables and 3 sequences of "\w+" checked against "\w+": nothing blocks and nothing differs$/m,
        );
      }
      await branch.query("alter table public.account alter column note set default 'here'");
      const checked = await branch.run('check', 'public.account', '--json');
      await branch.query('alter table public.account alter column note drop default');
      expect(JSON.parse(checked.stdout)).toMatchObject({
        provider: 'root',
        findings: [{ severity: 'differs', what: 'default', object: 'column note' }],
        notChecked: [],
      });
      expect(checked.exitCode).toBe(2);

      // A handler needs nothing of ours on the provider.
      await branch.must('change-handler', 'public.account', '--handler-arg=where=id % 2 = 0');
      await branch.must('wait-sync');
      await root.query("update public.account set note = 'filtered'");
      await tree.caughtUp(root, [branch]);
      await branch.must('compare', 'public.account');
      expect(await branch.query('select from public.account where id % 2 = 1')).toEqual([]);
    });
  },
);
