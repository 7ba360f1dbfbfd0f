import { expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES, BankClient } from '../support/bank.js';
import { seededRandom } from '../support/random.js';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const QUEUE_ROWS = `
  select e.ev_id, e.ev_type, e.ev_data, e.ev_extra1, e.ev_extra2, e.ev_extra3, e.ev_extra4, e.ev_time::text
    from pgq.event_template as e order by e.ev_id`;

test('a leaf below a branch gets what the root writes, and the branch has the same events and ticks', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 10 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 18, provider: 'branch' },
    },
    tables: BANK_TABLES,
    rows: BANK_ROWS,
  });
  const root = tree.node('root');
  const branch = tree.node('branch');
  const leaf = tree.node('leaf');
  const client = new BankClient(root.cluster, root.database.name, seededRandom(7), 0n, { truncates: false });
  await waitUntil('200 transactions', () => client.acknowledged.length >= 200);
  await client.stop();
  // Values that the format of the transport has to quote.
  await root.query(
    `insert into public.log values (now(), E'line\\nbreak \\x01 \\x02 \\r "quotes" \\\\ '), (null, ''), (now(), null)`,
  );
  await tree.caughtUp(root, [branch, leaf]);
  expect(await tree.differences(root, branch)).toEqual([]);
  expect(await tree.differences(root, leaf)).toEqual([]);

  const since = (await branch.query<{ id: bigint }>('select min(ev_id) as id from pgq.event_template'))[0]
    ?.id;
  const eventsOf = async (node: TestNode) =>
    (await node.query<{ ev_id: bigint }>(QUEUE_ROWS)).filter(({ ev_id }) => ev_id >= (since ?? 0n));
  const events = await eventsOf(root);
  expect(events.length).toBeGreaterThan(200);
  expect(await eventsOf(branch)).toEqual(events);
});
