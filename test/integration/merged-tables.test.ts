import { expect, test } from 'vitest';
import { openShards, type Shards } from '../support/shards.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

const TABLES = `
  create table public.item (id bigint primary key, v text);
  create table public.other (id bigint primary key, v text);`;

function rows(shard: number): string {
  return `
    insert into public.item select g * 10 + ${shard}, 'row ' || g from generate_series(1, 100) as g;
    insert into public.other select g * 10 + ${shard}, 'row ' || g from generate_series(1, 100) as g;`;
}

/** Table → state of one queue's part: what the worker sees, or the code it is parked with. */
async function states(shards: Shards, queue: string): Promise<Record<string, string>> {
  const found = await shards.meeting.query<{ table_name: string; state: string }>(
    `select table_name, coalesce(error_code, merge_state, 'waits') as state from pgcascade.table_list($1)`,
    [queue],
  );
  return Object.fromEntries(found.map((row) => [row.table_name, row.state]));
}

test('parts come, go, are parked and copied anew, and no row of another part is lost or doubled', {
  timeout: 300_000,
}, async () => {
  await using shards = await openShards({ from: [13, 18], to: 16, tables: TABLES, rows });
  const [one, two] = [shards.shard(1), shards.shard(2)];
  const settled = async () => {
    await shards.caughtUp();
    await shards.expectUnion('public.item');
    await shards.expectUnion('public.other');
  };

  // The second part comes when the first is in use, and is added to it.
  await one.leaf.must('add-table', 'item', 'other', '--no-merge');
  await one.leaf.must('wait-sync');
  await one.root.query("update public.item set v = 'changed' where id < 100");
  await two.leaf.must('add-table', 'item', '--no-merge');
  const added = await two.leaf.must('add-table', 'other', '--merge-all');
  expect(added.stdout).toBe('added public.other, fed by queues q2, q1\n');
  await settled();
  expect(one.leaf.worker?.stderr.match(/Copy started/g)).toHaveLength(2);
  await expect(shards.meeting.query('delete from public.item')).rejects.toThrow('queue');

  // TRUNCATE of one source: its part is parked, and the other's rows stay and go on.
  await two.root.query("truncate public.item; insert into public.item values (72, 'after')");
  await one.root.query("insert into public.item values (2001, 'meanwhile')");
  await waitUntil('the part is parked', async () => (await states(shards, 'q2'))['public.item'] === 'PC402');
  expect(await states(shards, 'q1')).toEqual({ 'public.item': 'ok', 'public.other': 'ok' });
  await waitUntilSeen(
    'the other part goes on',
    () => shards.meeting.query<{ n: bigint }>('select count(*) as n from public.item where id % 10 = 1'),
    ([seen]) => seen?.n === 101n,
  );
  const refused = await two.leaf.run('repair', '--apply', 'item');
  expect(refused.stdout).toContain('stays parked. Several queues feed it: resync it.');
  expect(refused.exitCode).toBe(3);
  const resync = await two.leaf.must('resync', 'item');
  expect(resync.stdout).toBe('public.item will be copied anew from queues q2, q1\n');
  await settled();

  // The table is emptied for a resync while the other queue's worker is in the middle of a batch that changes it.
  const gate = await shards.meeting.application();
  await gate.execute('begin; lock table public.other in access exclusive mode');
  await one.root.query(`begin; update public.other set v = 'x';
    update public.item set v = 'x' where id = 11; delete from public.item where id = 21;
    insert into public.item values (3001, 'new'); commit`);
  await waitUntilSeen(
    'the batch waits',
    () => gate.query(`select from pg_locks where relation = 'public.other'::regclass and not granted`),
    (waiting) => waiting.length > 0,
  );
  await two.leaf.must('resync', 'item');
  await waitUntilSeen(
    'the table is emptied',
    () => gate.query(`select from pgcascade.empty_part where queue_name = 'q1'`),
    (emptied) => emptied.length > 0,
  );
  await gate.close();
  await settled();
  expect(one.leaf.worker?.stderr).toContain('was emptied meanwhile');
  expect(await shards.meeting.query('select * from pgcascade.table_error')).toEqual([]);

  // Compare reads all sources: equal is said when the union is, also while all of them are written.
  shards.startWriting(
    (shard, round) => `insert into public.item values (${(5_000 + round) * 10 + shard}, 'written');
      update public.item set v = v || '.' where id = ${(round % 90) * 10 + 10 + shard}`,
  );
  const equal = await two.leaf.run('compare', 'item', 'other', '--json');
  await shards.stopWriting();
  expect(JSON.parse(equal.stdout)).toMatchObject({ equal: 2, different: 0, notChecked: 0 });
  await shards.caughtUp();
  const wrong = await shards.meeting.application();
  await wrong.execute(`set session_replication_role = replica;
    update public.item set v = 'wrong' where id = 31;
    delete from public.item where id = 50012;
    insert into public.item values (99999, 'nobody has it');`);
  await wrong.close();
  for (const { leaf } of shards.shards) {
    const found = await leaf.run('compare', 'item', 'other', '--json');
    expect(found.exitCode).toBe(2);
    expect(JSON.parse(found.stdout).tables).toMatchObject([
      {
        verdict: 'different',
        changed: { rows: 1, keys: [['31']] },
        missing: { rows: 1, keys: [['50012']] },
        extra: { rows: 1, keys: [['99999']] },
      },
      { verdict: 'equal' },
    ]);
  }
  // What is right is the union of all parts, whichever node is asked; nobody's worker writes meanwhile.
  const repaired = await two.leaf.run('repair', '--apply', 'item', 'other');
  expect(repaired.stdout).toContain('public.item: 1 inserted, 1 updated, 1 deleted\n');
  expect(repaired.stdout).toMatch(/2 tables compared at tick \d+: all equal/);
  expect(repaired.exitCode).toBe(0);
  await settled();
  await one.leaf.stopWorker();
  const unknown = await two.leaf.run('compare', 'item', '--timeout=2');
  expect(unknown.exitCode).toBe(3);
  one.leaf.startWorker();
  await one.leaf.must('resync', 'item');
  await settled();

  // A resync does not empty the table when a part could not be copied again.
  await one.leaf.query(`update pgq_node.node_location set node_location = regexp_replace(node_location, 'port=[0-9]+', 'port=1')
    where queue_name = 'q1' and node_name = 'root1'`);
  expect(await two.leaf.run('resync', 'other')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('fed by queue "q1" too'),
  });
  expect(await states(shards, 'q2')).toEqual({ 'public.item': 'ok', 'public.other': 'ok' });

  // One part goes: its rows stay, the other part goes on, and the table stays closed to writers.
  await one.leaf.must('remove-table', 'other');
  await expect(shards.meeting.query('delete from public.other')).rejects.toThrow('queue');
  await two.root.query("insert into public.other values (9992, 'later')");
  await waitUntil('the other part goes on', async () => {
    const found = await shards.meeting.query('select from public.other where id = 9992');
    return found.length === 1;
  });
  expect(await shards.meeting.query('select from public.other where id % 10 = 1 limit 1')).toHaveLength(1);
});
