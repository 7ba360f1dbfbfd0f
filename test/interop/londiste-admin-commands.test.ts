import { describe, expect, test } from 'vitest';
import { BANK_ROWS, BankClient, STOCK_BANK_TABLES } from '../support/bank.js';
import { seededRandom } from '../support/random.js';
import { withStockCommands } from '../support/stock-node.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const reason = whyNoStockPackages();

describe.skipIf(reason !== undefined)(
  stockTitle('admin commands of either kind on nodes of either kind', reason),
  () => {
    test('nodes are paused, moved and taken over under load, there and back', {
      timeout: 240_000,
    }, async () => {
      await using tree = await openTree({
        nodes: {
          root: { major: 18 },
          stock: { major: 15, provider: 'root', isStock: true, isBranch: true },
          ours: { major: 17, provider: 'root', isBranch: true },
          leaf: { major: 13, provider: 'ours' },
        },
        rootCommands: [['capture-format', 'urlenc']],
        tables: STOCK_BANK_TABLES,
        rows: BANK_ROWS,
      });
      const [root, stock, ours, leaf] = tree.nodes as [TestNode, TestNode, TestNode, TestNode];
      const leafByStock = await withStockCommands(leaf, tree.queue);
      let firstMark = 0n;
      const underLoad = async (writable: TestNode, work: () => Promise<unknown>, next = writable) => {
        firstMark += 1_000_000n;
        const random = seededRandom(Number(firstMark));
        const client = new BankClient(writable.cluster, writable.database.name, random, firstMark, {
          pauseMs: 20,
        });
        await waitUntil('transactions before', () => client.acknowledged.length >= 10);
        const started = performance.now();
        await work();
        process.stderr.write(`${Math.round(performance.now() - started)} ms\n`);
        const before = client.acknowledged.length;
        if (next === writable) {
          await waitUntil('transactions after', () => client.acknowledged.length >= before + 10);
        }
        await client.stop();
      };
      const allEqual = async (from: TestNode) => {
        const others = tree.nodes.filter((node) => node !== from);
        await tree.caughtUp(from, others);
        for (const node of others) expect(await tree.differences(from, node), node.name).toEqual([]);
      };
      const providerOf = async (node: TestNode) =>
        (
          await node.query<{ provider_node: string }>(
            'select provider_node from pgq_node.local_state s join pgq_node.node_info n on n.worker_name = s.consumer_name',
          )
        ).map((row) => row.provider_node);

      // Ours goes to the stock branch by our command, and back by the stock one, which waits for our worker twice.
      await underLoad(root, () => leaf.must('change-provider', 'stock'));
      expect(await providerOf(leaf)).toEqual(['stock']);
      await allEqual(root);
      await underLoad(root, () => leafByStock.must('change-provider', '--provider=ours'));
      expect(await providerOf(leaf)).toEqual(['ours']);
      await underLoad(root, async () => {
        await leafByStock.must('pause');
        expect((await leafByStock.must('status')).stdout).toMatch(/PAUSED/);
        await leafByStock.must('resume');
      });
      await allEqual(root);

      // The stock node becomes the root by its own command, and ours by ours.
      await underLoad(root, () => stock.must('takeover', 'root'), stock);
      expect(await providerOf(root)).toEqual(['stock']);
      await underLoad(stock, async () => undefined);
      await allEqual(stock);
      await underLoad(stock, () => ours.must('takeover', 'stock'), ours);
      expect(await providerOf(stock)).toEqual(['ours']);
      await underLoad(ours, async () => undefined);
      await allEqual(ours);
      // Ours takes the place of the stock node and moves it below itself.
      await underLoad(ours, () => root.must('takeover', 'stock'));
      expect([await providerOf(root), await providerOf(stock)]).toEqual([['ours'], ['root']]);
      // Our command on the stock node, killed before and after the change: its worker must not stay paused.
      const stockByOurs = new TestNode('stock-by-ours', tree.folder, stock.database);
      await stockByOurs.writeIniFiles(tree.queue, []);
      await stockByOurs.killedAt('move-registered', 'change-provider', 'ours');
      await stockByOurs.killedAt('move-changed', 'change-provider', 'ours');
      await stockByOurs.must('change-provider', 'ours');
      expect(await providerOf(stock)).toEqual(['ours']);
      await allEqual(ours);
      for (const node of [...tree.nodes, leafByStock]) {
        const { stdout } = await node.must('status');
        expect(stdout).toMatch(/ours \(root\)/);
        expect(stdout).not.toMatch(/ERR|PAUSED|NOT UPTODATE|cannot/);
      }
    });
  },
);
