import type { TestNode } from './test-node.js';
import { waitUntilSeen } from './wait-until.js';

/** Waits until the other nodes have all that is committed on `root` now, and every table that they have is `ok`. */
export async function waitUntilCaughtUp(
  queue: string,
  root: TestNode,
  others: readonly TestNode[],
  timeoutMs = 60_000,
): Promise<void> {
  const [now] = await root.query<{ id: bigint }>('select txid_current() as id');
  let found: bigint | null = null;
  await waitUntilSeen(
    `${others.map(({ name }) => name).join(', ')} caught up with ${root.name}`,
    async () => {
      // No more ticks than it needs: each is a batch for every node.
      found ??= await firstTickAfter(queue, root, now?.id ?? 0n);
      const nodes = others.map(async (node) => ({ node: node.name, ...(await node.position(queue)) }));
      return { tick: found, nodes: await Promise.all(nodes) };
    },
    ({ tick, nodes }) =>
      tick !== null &&
      nodes.every((seen) => seen.tick !== null && seen.tick >= tick && seen.notReady === null),
    { timeoutMs },
  );
}

/** The first tick that shows all transactions up to `transactionId`. */
async function firstTickAfter(queue: string, root: TestNode, transactionId: bigint): Promise<bigint | null> {
  await root.query('select pgq.force_tick($1)', [queue]);
  const [row] = await root.query<{ tick: bigint | null }>(
    `select min(t.tick_id) as tick
       from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue
      where q.queue_name = $1 and txid_snapshot_xmin(t.tick_snapshot) > $2`,
    [queue, transactionId],
  );
  return row?.tick ?? null;
}
