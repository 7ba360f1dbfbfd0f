import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';

const reason = whyNoStockPackages();
const TABLES =
  'create table public.item (id int primary key, v text, n int); create table public.side (id int primary key)';
const SCRIPTS = {
  'columns.sql':
    "alter table public.item add more text default 'x';\nalter table public.item rename n to amount;\n",
  'data.sql': `--*-- Local-Table: item,
--*--   side
update @item@ set amount = amount * 2, v = 'it''s;';
do $$ begin delete from public.item where id = 5; end $$;
`,
  'elsewhere.sql': '--*-- Need-Table: nowhere\ndrop table nowhere;\n',
};

describe.skipIf(reason !== undefined)(
  stockTitle('scripts in a cascade with the stock Londiste', reason),
  () => {
    test.each([
      ['our root, over a stock leaf', false],
      ['a stock root, over our leaf', true],
    ])('%s, every node runs them', { timeout: 180_000 }, async (_what, isStock) => {
      await using tree = await openTree({
        nodes: {
          root: { major: 15, isStock },
          leaf: { major: 15, provider: 'root', isStock: !isStock },
        },
        rootCommands: isStock ? [] : [['capture-format', 'urlenc']],
        tables: TABLES,
        rows: "insert into public.item select g, 'v', g from generate_series(1, 20) as g",
      });
      const [root, leaf] = tree.nodes as [TestNode, TestNode];
      await root.query("update public.item set n = n + 1; insert into public.item values (30, 'a', 1)");
      for (const [name, sql] of Object.entries(SCRIPTS)) {
        await writeFile(join(tree.folder, name), sql);
        await root.must('execute', name);
      }
      await root.query(
        "insert into public.item values (40, 'b', 1, 'more'); update public.item set amount = 0 where id = 7",
      );
      await tree.caughtUp(root, [leaf]);
      expect(await tree.differences(root, leaf)).toEqual([]);
      expect(await leaf.query('select execute_file from londiste.applied_execute')).toHaveLength(3);
      expect(await root.query('select amount, v, more from public.item where id = 3')).toEqual([
        { amount: 8, v: "it's;", more: 'x' },
      ]);
    });
  },
);
