import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CommandNode } from '../integration/command-node.js';
import { waitUntilCaughtUp } from '../support/caught-up.js';
import type { FreshDatabase } from '../support/cluster.js';
import { openShards } from '../support/shards.js';
import type { TestNode } from '../support/test-node.js';
import { waitUntil } from '../support/wait-until.js';

const PATIENCE_MS = 200_000;
const STEPS = [
  'takeover-closed',
  'takeover-last-tick',
  'takeover-caught-up',
  'takeover-sequences',
  'takeover-promoted',
  'takeover-demoted',
];
/** Keys of shard n end in n; the log has no key, so a row that came twice stays. */
const TABLES = `
  create table public.item (id bigint primary key, n int not null default 0);
  create table public.log (shard int, round int);`;

function rows(shard: number): string {
  return `
    insert into public.item select g * 10 + ${shard}, 0 from generate_series(1, 200) as g;
    insert into public.log select ${shard}, 0 from generate_series(1, 20);`;
}

/** The two nodes of one queue that take the root's place from each other. */
interface Pair {
  readonly queue: string;
  holder: TestNode;
  taker: TestNode;
}

/** The application of one shard: it writes wherever the root is, and counts what was committed. */
class Application {
  committed = 0;
  readonly #pair: Pair;
  readonly #shard: number;
  #isStopping = false;
  #running: Promise<void> | undefined;

  constructor(pair: Pair, shard: number) {
    this.#pair = pair;
    this.#shard = shard;
  }

  start(): void {
    this.#isStopping = false;
    this.#running = this.#run();
    // Whoever stops it is told.
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      for (const node of [this.#pair.holder, this.#pair.taker]) await this.#writeOn(node);
      await sleep(50);
    }
  }

  /** Until it is refused, as the one that is no open root does. */
  async #writeOn(node: TestNode): Promise<void> {
    await using connection = await node.application();
    while (!this.#isStopping) {
      const round = this.committed + 1;
      const id = (10_000 + round) * 10 + this.#shard;
      try {
        await connection.execute(`
          insert into public.item values (${id}, ${round});
          update public.item set n = n + 1 where id % 70 = ${(round * 10 + this.#shard) % 70};
          delete from public.item where id = ${round * 10 + this.#shard};
          insert into public.log values (${this.#shard}, ${round})`);
      } catch (error) {
        expect(`${error}`).toContain('Insert into queue disallowed');
        return;
      }
      this.committed = round;
      await sleep(200);
    }
  }
}

/** The roles of the two nodes, and who takes events. */
async function roles({ queue, holder, taker }: Pair): Promise<unknown[]> {
  const found = [holder, taker].map(async (node) => {
    const [row] = await node.query<{ role: string }>(
      `select n.node_type || ' below ' || s.provider_node || case when q.queue_disable_insert then '' else ', open' end as role
         from pgq_node.node_info as n
         join pgq_node.local_state as s on s.queue_name = n.queue_name and s.consumer_name = n.worker_name
         join pgq.queue as q on q.queue_name = n.queue_name
        where n.queue_name = $1`,
      [queue],
    );
    return row?.role;
  });
  return Promise.all(found);
}

/** Commands that are not to be killed run in this process, which is faster. */
function here(node: TestNode, queueName: string): CommandNode {
  return new CommandNode(node.name, node.database as FreshDatabase, { queueName }, node.isInstalled);
}

/** Who is waited for must not have to wait for a tick. */
async function hurryTicks(node: TestNode, queue: string): Promise<void> {
  await node.query("select pgq.set_queue_config($1, 'ticker_max_lag', '100 milliseconds')", [queue]);
}

/** Two queues merged into a third; q1 and the third have a branch that can be the root, the third also a leaf. */
async function openMerged() {
  const shards = await openShards({ from: [11, 11], to: 17, tables: TABLES, rows, combined: 'all' });
  const { meeting } = shards;
  const [one, two] = [shards.shard(1), shards.shard(2)];
  const below = async (verb: string, name: string, queue: string, provider: TestNode, major: number) => {
    const node = await shards.openNode(name, queue, await shards.openDatabase(major, name));
    await node.query(TABLES);
    const location = node.database.conninfo;
    await here(node, queue).must(verb, [name, location], { provider: provider.database.conninfo });
    if (verb === 'create-branch') {
      await hurryTicks(node, queue);
      node.startTicker();
    }
    node.startWorker();
    await here(node, queue).must('add-table', [], { all: true });
    return node;
  };
  await hurryTicks(one.root, 'q1');
  await hurryTicks(meeting, 'all');
  await here(one.leaf, 'q1').must('add-table', [], { all: true, mergeAll: true });
  const second = await below('create-branch', 'second', 'q1', one.root, 11);
  const standby = await below('create-branch', 'standby', 'all', meeting, 17);
  const lower = await below('create-leaf', 'lower', 'all', meeting, 17);
  await waitUntilCaughtUp('q1', one.root, [one.leaf, second], PATIENCE_MS);
  await waitUntilCaughtUp('q2', two.root, [two.leaf], PATIENCE_MS);
  await waitUntilCaughtUp('all', meeting, [standby, lower], PATIENCE_MS);
  // One leaf of q1 is below each of the nodes that take their places from each other.
  const beside: TestNode[] = [];
  for (const [queue, provider] of [
    ['q1', second],
    ['q2', two.root],
  ] as const) {
    const leaf = await shards.openNode(`${queue}beside`, queue, standby.database as FreshDatabase);
    const words = { provider: provider.database.conninfo, merge: 'all' };
    await here(leaf, queue).must('create-leaf', [leaf.name, leaf.database.conninfo], words);
    leaf.startWorker();
    await here(leaf, queue).must('add-table', [], { all: true });
    beside.push(leaf);
  }
  return { shards, second, standby, lower, beside: beside as [TestNode, TestNode] };
}

test('a takeover of a shard or of the combined queue that it is merged into, killed at any step, is finished by the same command, and no row is lost or doubled', {
  timeout: 300_000,
}, async () => {
  const { shards, second, standby, lower, beside } = await openMerged();
  await using _ = shards;
  const [one, two] = [shards.shard(1), shards.shard(2)];
  const shard: Pair = { queue: 'q1', holder: one.root, taker: second };
  const combined: Pair = { queue: 'all', holder: shards.meeting, taker: standby };
  const applications = [
    new Application(shard, 1),
    new Application({ queue: 'q2', holder: two.root, taker: two.root }, 2),
  ] as const;
  const atMeeting = [one.leaf, two.leaf] as const;

  const expectAll = async (what: string) => {
    for (const application of applications) await application.stop();
    const merging = combined.holder === shards.meeting ? atMeeting : beside;
    await waitUntilCaughtUp('q1', shard.holder, [shard.taker, merging[0]], PATIENCE_MS);
    await waitUntilCaughtUp('q2', two.root, [merging[1]], PATIENCE_MS);
    await waitUntilCaughtUp('all', combined.holder, [combined.taker, lower], PATIENCE_MS);
    const written = await Promise.all([shard.holder, two.root].map(readAll));
    for (const [index, { committed }] of applications.entries()) {
      const old = Array.from({ length: 20 }, () => `log ${index + 1} 0`);
      const added = Array.from({ length: committed }, (_, round) => `log ${index + 1} ${round + 1}`);
      const found = (written[index] as string[]).filter((row) => row.startsWith('log'));
      expect(found, `${what}: shard ${index + 1}`).toEqual([...old, ...added].sort());
    }
    expect(await readAll(shard.taker), `${what}: ${shard.taker.name}`).toEqual(written[0]);
    for (const node of [combined.holder, combined.taker, lower]) {
      expect(await readAll(node), `${what}: ${node.name}`).toEqual(written.flat().sort());
      expect(await node.query('select * from pgcascade.table_error')).toEqual([]);
    }
    for (const application of applications) application.start();
  };

  const takeOver = async (pair: Pair, what: string) => {
    const { holder, taker } = pair;
    await here(taker, pair.queue).must('takeover', [holder.name]);
    pair.holder = taker;
    pair.taker = holder;
    const expected = [`root below ${taker.name}, open`, `branch below ${taker.name}`];
    expect(await roles(pair), what).toEqual(expected);
  };

  for (const application of applications) application.start();
  for (const failpoint of STEPS) {
    const isOpen = failpoint === 'takeover-promoted' || failpoint === 'takeover-demoted';
    await shard.taker.killedAt(failpoint, 'takeover', shard.holder.name);
    if (isOpen) {
      const { committed } = applications[0];
      await waitUntil('the new root is written', () => applications[0].committed > committed);
    }
    await takeOver(shard, failpoint);

    // All workers see what the killed takeover has left, also one that begins then.
    const [old, next] = combined.holder === shards.meeting ? [atMeeting, beside] : [beside, atMeeting];
    await combined.taker.killedAt(failpoint, 'takeover', combined.holder.name);
    await old[0].killWorker();
    old[0].startWorker();
    if (isOpen) {
      const { tick } = await next[0].position('q1');
      await waitUntil('the new root merges', async () => (await next[0].position('q1')).tick !== tick);
    } else {
      await waitUntil('the closed root is waited for', async () =>
        (await old[0].position('q1')).error?.includes('takes no events'),
      );
    }
    await takeOver(combined, failpoint);
    await expectAll(failpoint);
  }

  // The node that gives its place has lost rows of the parts to a copy that was killed; the other one has them.
  const [old] = combined.holder === shards.meeting ? [atMeeting] : [beside];
  for (const leaf of old) await leaf.stopWorker();
  await here(old[1], 'q2').must('resync', ['item', 'log']);
  old[1].startWorker({ PGCASCADE_FAILPOINTS: 'copy-emptied=exit' });
  await waitUntil('the worker is killed', () => old[1].worker?.isRunning === false);
  await takeOver(combined, 'in a copy');
  for (const leaf of old) leaf.startWorker();
  await expectAll('in a copy');
  await takeOver(combined, 'after a copy');
  await expectAll('after a copy');
  for (const application of applications) await application.stop();
});

/** The rows of both tables of a node, in order. */
async function readAll(node: TestNode): Promise<string[]> {
  const found = await node.query<{ row: string }>(
    `select 'item ' || id || ' ' || n as row from public.item union all select 'log ' || shard || ' ' || round from public.log`,
  );
  return found.map(({ row }) => row).sort();
}
