import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BANK_ROWS, BANK_TABLES, BankClient } from '../support/bank.js';
import { seededRandom } from '../support/random.js';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntil } from '../support/wait-until.js';

const LOST_WRITES = `
  update public.account set balance = balance + 7, note = 'lost-1' where id = 1;
  update public.account set balance = balance - 7 where id = 2;
  delete from public.purchase where id = (select max(id) from public.purchase);
  insert into public.ledger (mark, amount) values (-1, 1)`;
const LATE_WRITES = `
  update public.account set balance = balance + 9, note = 'lost-2' where id = 3;
  update public.account set balance = balance - 9 where id = 1;
  update public.account set id = 1003 where id = 4;
  insert into public.ledger (mark, amount) values (-2, 1)`;

/** Runs a command under load and prints how long it took. */
async function step(node: TestNode, ...words: string[]): Promise<void> {
  const started = performance.now();
  const outcome = await node.mustProgram(...words).catch((error: Error) => {
    throw new Error(
      `${error.message}\nThe worker of ${node.name} said last:\n${node.worker?.stderr.slice(-3000)}`,
    );
  });
  const ms = Math.round(performance.now() - started);
  process.stderr.write(`${node.name}: ${words.join(' ')}: ${ms} ms\n${outcome.stdout}`);
}

/** The copies that the running workers have begun: none may be added by moving nodes about. */
function copiesBegun(nodes: readonly TestNode[]): number {
  return nodes.reduce((sum, { worker }) => sum + (worker?.stderr.match(/Copy started/g)?.length ?? 0), 0);
}

async function expectEqual(tree: Tree, root: TestNode, others: readonly TestNode[]): Promise<void> {
  await tree.caughtUp(root, others);
  for (const node of others) {
    expect(await tree.differences(root, node), `${root.name} and ${node.name}`).toEqual([]);
  }
}

test('nodes change their places under load: no event is lost or doubled, and no table is copied again', {
  timeout: 300_000,
}, async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 10 },
      b1: { major: 13, provider: 'root', isBranch: true },
      b2: { major: 15, provider: 'root', isBranch: true },
      l1: { major: 17, provider: 'b1' },
      l2: { major: 18, provider: 'b2' },
    },
    tables: BANK_TABLES,
    rows: BANK_ROWS,
    ownServers: true,
  });
  const [root, b1, b2, l1, l2] = ['root', 'b1', 'b2', 'l1', 'l2'].map((name) => tree.node(name)) as [
    TestNode,
    TestNode,
    TestNode,
    TestNode,
    TestNode,
  ];
  const copies = copiesBegun(tree.nodes);
  expect(copies).toBeGreaterThan(0);
  const acknowledged: bigint[] = [];
  let firstMark = 0n;
  const underLoad = async (writable: TestNode, work: () => Promise<void>, next = writable) => {
    firstMark += 1_000_000n;
    const client = new BankClient(
      writable.cluster,
      writable.database.name,
      seededRandom(Number(firstMark)),
      firstMark,
      {
        truncates: false,
        // Ten processes share the machine: what is proved here is not speed.
        pauseMs: 20,
      },
    );
    await waitUntil('transactions before', () => client.acknowledged.length >= 20);
    await work();
    const before = client.acknowledged.length;
    if (next === writable)
      await waitUntil('transactions after', () => client.acknowledged.length >= before + 20);
    await client.stop();
    acknowledged.push(...client.acknowledged);
  };

  // A leaf goes to another branch.
  await underLoad(root, () => step(l1, 'change-provider', 'b2'));
  await expectEqual(tree, root, [b1, b2, l1, l2]);

  // A branch takes the place of the other one, and its leaves.
  await underLoad(root, () => step(b1, 'takeover', 'b2', '--all'));
  await expectEqual(tree, root, [b1, b2, l1, l2]);
  expect(
    (await l2.query<{ provider: string }>('select provider_node as provider from pgq_node.local_state')).at(
      0,
    ),
  ).toEqual({
    provider: 'b1',
  });

  // A branch becomes the root. The old one reads from it.
  await underLoad(root, () => step(b1, 'takeover', 'root'), b1);
  await underLoad(b1, async () => undefined);
  await expectEqual(tree, b1, [root, b2, l1, l2]);

  // The root's server dies with events that nobody has got.
  await underLoad(b1, async () => undefined);
  await tree.caughtUp(b1, [root, b2, l1, l2]);
  expect(copiesBegun(tree.nodes)).toBe(copies);
  await Promise.all([root, b2, l1, l2].map((node) => node.stopWorker()));
  await b1.query(LOST_WRITES);
  await b1.query("select pgq.force_tick('app')");
  await b1.stopPrograms();
  await b1.cluster.kill();
  for (const node of [root, b2, l1, l2]) node.startWorker();
  await step(b2, 'takeover', 'b1', '--dead-root');
  await underLoad(b2, async () => undefined);
  await expectEqual(tree, b2, [root, l1, l2]);

  // It comes back, and an application has not heard of the change.
  await b1.cluster.restart();
  b1.startTicker();
  b1.startWorker();
  await b1.query(LATE_WRITES);
  await underLoad(b2, () => step(b1, 'resurrect'));
  await expectEqual(tree, b2, [root, b1, l1, l2]);
  const lost = (await readFile(join(b1.folder, 'lost-events-b1.jsonl'), 'utf8')).trim().split('\n');
  const marks = lost.flatMap((line) => /\\"mark\\":(-\d+)/.exec(line)?.[1] ?? []);
  expect(marks).toEqual(['-1', '-2']);
  await underLoad(b2, () => step(l2, 'change-provider', 'b1'));
  await expectEqual(tree, b2, [root, b1, l1, l2]);

  const present = await b2.query<{ mark: bigint }>('select mark from public.ledger');
  const marksThere = new Set(present.map(({ mark }) => mark));
  expect(acknowledged.filter((mark) => !marksThere.has(mark))).toEqual([]);
  // All workers have been started anew since.
  expect(copiesBegun(tree.nodes)).toBe(0);
});
