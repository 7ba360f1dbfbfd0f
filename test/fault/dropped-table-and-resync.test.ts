import { afterAll, beforeAll, expect, test } from 'vitest';
import { GATED_LOCK, Gate, gated } from '../support/gate.js';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

const GONE = 'create table public.gone (id int primary key, v text)';
const TABLES = `${GONE};
  create table public.other (id int primary key, v text);
  create table public.big (id int primary key, v text);`;
const ROWS = `insert into public.gone select g, 'old' from generate_series(1, 100) as g;
  insert into public.big select g, 'row ' || g from generate_series(1, 5000) as g; analyze`;

let tree: Tree;
let root: TestNode;
let branch: TestNode;
let leaf: TestNode;

beforeAll(async () => {
  tree = await openTree({
    nodes: {
      root: { major: 15 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 15, provider: 'root' },
    },
    tables: TABLES,
    rows: ROWS,
    ini: ['copy_split_size = 64kB'],
  });
  [root, branch, leaf] = tree.nodes as [TestNode, TestNode, TestNode];
});

afterAll(async () => {
  await tree?.[Symbol.asyncDispose]();
});

/** Writes to both tables, again and again, until it is disposed of; a failure is told then. */
class Application implements AsyncDisposable {
  round = 1_000;
  #isStopping = false;
  readonly #running: Promise<void>;

  constructor(node: TestNode) {
    this.#running = this.#run(node);
    this.#running.catch(() => undefined);
  }

  /** Waits for so many more rounds. */
  async goesOn(rounds: number): Promise<void> {
    const wanted = this.round + rounds;
    await waitUntil('the application has written more', async () => {
      if (this.round < wanted) return false;
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(node: TestNode): Promise<void> {
    await using session = await node.application();
    for (; !this.#isStopping; this.round++) {
      await session.execute(`insert into public.gone values (${this.round}, 'new');
        update public.gone set v = v || '.' where id = ${this.round % 100};
        insert into public.other values (${this.round}, 'new')`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** The last round that is in the other table of a node. */
async function otherOf(node: TestNode): Promise<number> {
  const [row] = await node.query<{ last: number | null }>('select max(id) as last from public.other');
  return row?.last ?? 0;
}

test('a table is dropped on subscribers while events for it come: it is set aside, the others go on, and recreated and resynced it is equal', async () => {
  {
    await using application = new Application(root);
    await application.goesOn(20);
    for (const node of [branch, leaf]) await node.query('drop table public.gone');
    for (const node of [branch, leaf]) {
      await waitUntilSeen(
        `the table is set aside on ${node.name}`,
        () => node.query<{ name: string }>('select table_name as name from pgcascade.table_error'),
        ([row]) => row?.name === 'public.gone',
      );
      const now = application.round;
      await waitUntilSeen(
        `the other table goes on on ${node.name}`,
        () => otherOf(node),
        (last) => last > now + 20,
      );
      expect(node.worker?.isRunning).toBe(true);
      expect((await node.run('compare')).exitCode).toBe(3);
    }
    const { stdout } = await leaf.run('status');
    expect(stdout.match(/ERROR: .*public\.gone/g)).toHaveLength(2);
    expect(stdout.match(/2 ok, 1 (WAITING|PARKED)/g)).toHaveLength(2);

    for (const node of [branch, leaf]) {
      await node.query(GONE);
      await node.must('resync', 'gone');
      await node.must('wait-sync');
    }
    await application.goesOn(20);
  }
  await tree.caughtUp(root, [branch, leaf]);
  for (const node of [branch, leaf]) {
    expect(await tree.differences(root, node)).toEqual([]);
    // A table that is made by hand has no trigger that refuses this.
    await expect(node.query("insert into public.gone values (-1, 'by hand')"), node.name).rejects.toThrow(
      /not allowed|disallowed/,
    );
  }
  expect((await leaf.must('status')).stdout).not.toContain('ERROR');
});

/** A gate in the copy of the node's table `big`. */
async function closeCopy(node: TestNode): Promise<Gate> {
  const gate = await Gate.close(node, GATED_LOCK);
  await node.prepare('resync', 'big');
  await gate.isReached('copy');
  return gate;
}

test('a node is resynced during a takeover of its provider, and the node that is to be the root itself: nothing is lost, and the root is never without a row', async () => {
  for (const node of [root, leaf]) {
    // Behind replication, as a table of a root is not closed.
    await node.query(gated('public.big', 'new.id = 3000'));
  }
  const copy = await closeCopy(leaf);
  await root.query("update public.big set v = 'on the root' where id % 7 = 0");
  await branch.must('takeover', 'root');
  await branch.query(
    `update public.big set v = 'on the new root' where id % 5 = 0; delete from public.big where id % 11 = 0;
     delete from public.gone where id % 2 = 0`,
  );
  expect((await leaf.position('app')).notReady).toMatch(/^public\.big /);
  await copy.open();
  await leaf.must('wait-sync');
  await tree.caughtUp(branch, [root, leaf]);
  for (const node of [root, leaf]) expect(await tree.differences(branch, node)).toEqual([]);

  // Half of the table is here: no root for the application.
  const own = await closeCopy(root);
  const refused = await root.run('takeover', 'branch');
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(/lacks 1 of the root's tables, or they are not in sync: public\.big/);
  await branch.query("insert into public.other values (1, 'the old root is open')");
  await own.open();
  await root.must('wait-sync');
  await root.must('takeover', 'branch');
  await root.query("insert into public.other values (2, 'the first root is the root again')");
  await tree.caughtUp(root, [branch, leaf]);
  for (const node of [branch, leaf]) expect(await tree.differences(root, node)).toEqual([]);
});
