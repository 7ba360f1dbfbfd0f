import { waitUntilSeen } from '../../support/wait-until.js';
import type { FaultTree } from './fault-tree.js';
import type { NodeName } from './schedule.js';

/** A tick that shows everything that is committed on the root now. */
export async function newestTick(tree: FaultTree, name: NodeName, timeoutMs: number): Promise<bigint> {
  const root = tree.node(name);
  const [now] = await root.query<{ id: bigint }>('select txid_current() as id');
  const found = await waitUntilSeen(
    'the root has a tick that shows everything',
    async () => {
      await root.query('select pgq.force_tick($1)', [tree.queue]);
      const [row] = await root.query<{ tick: bigint | null }>(
        `select min(t.tick_id) as tick from pgq.tick as t join pgq.queue as q on q.queue_id = t.tick_queue
          where q.queue_name = $1 and txid_snapshot_xmin(t.tick_snapshot) > $2`,
        [tree.queue, now?.id],
      );
      return row?.tick ?? null;
    },
    (tick) => tick !== null,
    { timeoutMs },
  );
  return found as bigint;
}
