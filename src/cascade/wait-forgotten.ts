import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { callRoutine } from './call-api.js';
import { type NodeInfo, requireNode } from './node-info.js';
import { poll } from './poll.js';

const POLL_MS = 100;

export interface WaitForgottenOptions {
  readonly root: Connection;
  readonly provider: Connection;
  readonly queueName: string;
  readonly nodeName: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until a provider has read that an earlier node of this name is gone. Read later, that event would take the
 * registration of the new node of that name away again. Nothing to wait for on the root. May be repeated.
 *
 * Throws PC306 when the provider's worker does not come so far in time.
 */
export async function waitUntilForgotten(options: WaitForgottenOptions): Promise<void> {
  const { root, provider, queueName, nodeName, timeoutMs, signal } = options;
  let node = await requireNode(provider, queueName);
  if (node.nodeType === 'root') return;
  const done = await poll(
    async () => {
      node = await requireNode(provider, queueName);
      return (await isGoodbyeAhead(root, node, nodeName)) ? undefined : true;
    },
    { intervalMs: POLL_MS, timeoutMs, signal },
  );
  if (done !== undefined) return;
  throw new ReplicateError(
    'PC306',
    `Node "${node.nodeName}" has not read yet that an earlier node "${nodeName}" was dropped, within ${timeoutMs / 1000} s. ` +
      'Repeat the command when its worker has come so far, or choose another name.',
    { node: node.nodeName },
  );
}

/** True when the root's queue has an event that ends a node of this name and that `reader` has not read. */
async function isGoodbyeAhead(root: Connection, reader: NodeInfo, nodeName: string): Promise<boolean> {
  const [queue] = await callRoutine<{ events: string; snapshot: string | null }>(
    root,
    `select q.queue_data_pfx as events, t.tick_snapshot::text as snapshot
       from pgq.queue as q
       left join pgq.tick as t on t.tick_queue = q.queue_id and t.tick_id = $2
      where q.queue_name = $1`,
    [reader.queueName, reader.lastTick],
  );
  if (queue === undefined) return false;
  const rows = await root.query(
    `select from ${quoteName(queue.events)} as e
      where e.ev_type = 'pgq.unregister-location'
        and e.ev_data = $1
        -- A tick that the root has removed tells nothing: then every such event counts.
        and e.ev_txid >= coalesce(txid_snapshot_xmin($2::txid_snapshot), 0)
        and not coalesce(txid_visible_in_snapshot(e.ev_txid, $2::txid_snapshot), false)
      limit 1`,
    [nodeName, queue.snapshot],
  );
  return rows.length > 0;
}
