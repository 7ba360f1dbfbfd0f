import { describe, expect, test } from 'vitest';
import { BANK_ROWS, BankClient, STOCK_BANK_TABLES } from '../support/bank.js';
import { seededRandom } from '../support/random.js';
import { stockTitle, whyNoStockPackages } from '../support/stock-server.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const reason = whyNoStockPackages();

const TYPES = `
  create table public.every_type (id int primary key, n numeric(38,20), f float8, r real, j jsonb, js json, b bytea, ts timestamp,
    tz timestamptz, d date, iv interval, ok boolean, c char(5), v varchar(9), t text, ints int[], texts text[], oks boolean[],
    doubles float8[], u uuid, i inet, x bit(3), p point, rg int4range);`;
/** Some rows of extremes; `i` makes them differ. */
const row = (
  i: number,
) => `insert into public.every_type values (${i}, 123456789012345678.12345678901234567890, 0.1 + ${i} * 1e-17,
    1.1, '{"a": [1.10, null, true], "b": "x\\"y"}', '{ "z":1,  "z":2 }', '\\x00ff5c27', '2001-02-03 04:05:06.789', 'infinity', '0044-03-15 BC',
    '1 mon -2 days 03:00:00.5', ${i % 2 === 0}, 'ab ', '', E'tab\\there, \\\\ back, '' quote, ü, % & = +', '{1,NULL,3}', '[0:1]={"a,b","NULL"}', '{t,f,NULL}',
    '{0.1,NaN,-Infinity}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1/8', '101', '(1.5,-0)', '[1,5)')`;
const LOAD = [
  row(2),
  row(3),
  'update public.every_type set n = -n, ok = not ok, j = null, iv = -iv, oks = null where id in (1, 3)',
  'update public.every_type set id = 20 where id = 2',
  'delete from public.every_type where id = 3',
];

describe.skipIf(reason !== undefined)(stockTitle('nodes of the stock Londiste below ours', reason), () => {
  test('values of every type arrive exactly on a stock leaf and on a stock branch and the leaf of ours below it', {
    timeout: 180_000,
  }, async () => {
    await using tree = await openTree({
      nodes: {
        root: { major: 18 },
        branch: { major: 15, provider: 'root', isStock: true, isBranch: true },
        leaf: { major: 13, provider: 'branch' },
        stock: { major: 15, provider: 'root', isStock: true },
      },
      rootCommands: [['capture-format', 'urlenc']],
      tables: `${STOCK_BANK_TABLES} ${TYPES}`,
      rows: `${BANK_ROWS}; ${row(1)}`,
    });
    const [root, ...others] = tree.nodes as [TestNode, ...TestNode[]];
    const client = new BankClient(root.cluster, root.database.name, seededRandom(1), 1n, { pauseMs: 10 });
    for (const statement of LOAD) await root.query(statement);
    await waitUntil('transactions', () => client.acknowledged.length >= 100);
    await client.stop();
    await tree.caughtUp(root, others);
    for (const node of others) {
      expect(await tree.differences(root, node), node.name).toEqual([]);
      const { stdout } = await node.must('status');
      for (const member of ['root (root)', 'branch (branch)', 'leaf (leaf)', 'stock (leaf)']) {
        expect(stdout).toContain(member);
      }
      expect(stdout).not.toMatch(/ERR|PAUSED|NOT UPTODATE|cannot/);
    }
    // One more proof that the rows were looked at: one digit of one number.
    await tree.node('stock').query(`set session_replication_role = 'replica';
      update public.every_type set n = n + 0.00000000000000000001 where id = 20; set session_replication_role = 'origin'`);
    expect(await tree.differences(root, tree.node('stock'))).toHaveLength(1);
  });
});
