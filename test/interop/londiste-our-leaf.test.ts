import { describe, expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES } from '../support/bank.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { openTree } from '../support/tree.js';

const reason = whyNoStockPackages();

describe.skipIf(reason !== undefined)(
  stockTitle('our nodes under a root of the stock Londiste', reason),
  () => {
    test('our leaf', { timeout: 120_000 }, async () => {
      await using tree = await openTree({
        nodes: { root: { major: 15, isStock: true }, leaf: { major: 18, provider: 'root' } },
        tables: 'create table a (id int primary key, t text)',
        rows: "insert into a values (1, 'x')",
      });
      expect(await tree.differences(tree.node('root'), tree.node('leaf'))).toEqual([]);
    });
  },
);
