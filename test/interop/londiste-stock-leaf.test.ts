import { describe, expect, test } from 'vitest';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import { openTree } from '../support/tree.js';

const reason = whyNoStockPackages();

describe.skipIf(reason !== undefined)(stockTitle('stock nodes under a root of ours', reason), () => {
  test('stock leaf', { timeout: 120_000 }, async () => {
    await using tree = await openTree({
      nodes: { root: { major: 18 }, leaf: { major: 15, provider: 'root', isStock: true } },
      tables: 'create table a (id int primary key, t text); create table b (id int primary key, n numeric(38,20), f float8, ok bool)',
      rows: "insert into a values (1, 'x'); insert into b values (1, 1.5, 0.1, true)",
    });
    const root = tree.node('root'), leaf = tree.node('leaf');
    expect(await tree.differences(tree.node('root'), tree.node('leaf'))).toEqual([]);
    await root.query("insert into b values (2, 123456789012345678.12345678901234567890, 0.1, false); update b set ok = false");
    await tree.caughtUp(root, [leaf], 20_000).catch((e) => { console.log(e); console.log(leaf.worker?.stderr.slice(-5000), leaf.worker?.stdout.slice(-2000)) });
    expect(await tree.differences(tree.node('root'), tree.node('leaf'))).toEqual([]);
    console.log((await leaf.run('status')).stdout);
  });
});
