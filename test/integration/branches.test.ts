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

  // What a leaf is compared with is its provider, also when that is a branch.
  await leaf.must('compare');
  await leaf.query(
    "set session_replication_role = replica; update public.account set note = 'changed here' where id = 1; reset session_replication_role",
  );
  expect(await leaf.run('compare', 'public.account')).toMatchObject({ exitCode: 2 });
  // A table of a branch is copied anew beside the nodes below it.
  await branch.must('resync', 'public.account');
  await branch.must('wait-sync');
  await leaf.must('resync', 'public.account');
  await leaf.must('wait-sync');
  await leaf.must('compare');
  const { stdout } = await root.must('status');
  expect(stdout).toMatch(/root \(root\).*branch \(branch\).*leaf \(leaf\)/s);
});

test('a node that changes its provider while it copies a table ends with the table in sync', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 15 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 15, provider: 'root' },
    },
  });
  const root = tree.node('root');
  const branch = tree.node('branch');
  const leaf = tree.node('leaf');
  for (const node of tree.nodes) {
    await node.query('create table public.big (id bigint primary key, v text)');
  }
  await root.query("insert into public.big select i, repeat('x', 100) from generate_series(1, 20000) as i");
  await root.must('add-table', 'public.big');
  await branch.must('add-table', 'public.big');
  await branch.must('wait-sync');
  await tree.caughtUp(root, [leaf]);

  // The copy takes long enough for the change to come in between.
  await leaf.stopWorker();
  leaf.startWorker({ PGCASCADE_FAILPOINTS: 'copy-snapshot-taken=sleep:4000' });
  await leaf.must('add-table', 'public.big');
  await waitUntil('the copy has begun, and holds back the queue of its provider', async () => {
    const consumers = await root.query(
      "select from pgq.get_consumer_info() where consumer_name = 'leaf_worker.copy.public.big'",
    );
    return consumers.length > 0;
  });
  await root.query("update public.big set v = 'changed' where id <= 100");
  await leaf.must('change-provider', 'branch');
  expect(leaf.worker?.stderr).not.toContain('Copy finished');
  await root.query(
    "update public.big set v = 'changed again' where id <= 50; delete from public.big where id > 19990",
  );
  await leaf.must('wait-sync');
  await tree.caughtUp(root, [branch, leaf]);
  expect(await tree.differences(root, leaf)).toEqual([]);
  // Nothing is left on the old provider that would hold back its queue.
  expect(
    await root.query("select consumer_name from pgq.get_consumer_info() where consumer_name ~ 'leaf'"),
  ).toEqual([]);
});
