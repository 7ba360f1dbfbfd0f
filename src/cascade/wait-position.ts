import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { callRoutine } from './call-api.js';
import { type NodeInfo, requireNode } from './node-info.js';
import { poll } from './poll.js';

const POLL_MS = 100;

export interface WaitPositionOptions {
  readonly queueName: string;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until this node has everything that is committed on `upstream` now, and returns the tick that proves it.
 *
 * On a branch the completed tick names the state exactly. On a root the next tick is not proof enough: its snapshot
 * may be older than this call. So it waits for a tick whose snapshot shows all that is visible there now.
 *
 * Throws PC307 when the root makes no such tick in time, PC306 when this node's worker does not reach it in time.
 */
export async function waitForUpstream(
  local: Connection,
  upstream: Connection,
  options: WaitPositionOptions,
): Promise<TickId> {
  const { queueName, timeoutMs, signal } = options;
  const started = performance.now();
  const left = () =>
    timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (performance.now() - started));
  const node = await requireNode(upstream, queueName);
  const target = await findTarget(upstream, node, { queueName, timeoutMs, signal });
  const reached = await poll(
    async () => {
      const { lastTick } = await requireNode(local, queueName);
      return lastTick >= target ? lastTick : undefined;
    },
    { intervalMs: POLL_MS, timeoutMs: left(), signal },
  );
  if (reached !== undefined) return target;
  const { lastTick } = await requireNode(local, queueName);
  throw new ReplicateError(
    'PC306',
    `This node is at tick ${lastTick} and did not reach tick ${target} of node "${node.nodeName}" within ` +
      `${(timeoutMs ?? 0) / 1000} s.`,
    { lastTick, target },
  );
}

async function findTarget(
  upstream: Connection,
  node: NodeInfo,
  options: WaitPositionOptions,
): Promise<TickId> {
  if (node.nodeType !== 'root') return node.lastTick;
  const { snapshot } = await upstream.one<{ snapshot: string }>(
    'select txid_current_snapshot()::text as snapshot',
  );
  let asked = false;
  const target = await poll(
    async () => {
      const found = await findTickAfter(upstream, node, snapshot);
      if (found === undefined && !asked) {
        asked = true;
        await askForTick(upstream, options.queueName);
      }
      return found;
    },
    { ...options, intervalMs: POLL_MS },
  );
  if (target !== undefined) return target;
  throw new ReplicateError(
    'PC307',
    `No tick was made on node "${node.nodeName}" within ${(options.timeoutMs ?? 0) / 1000} s.`,
    { queueName: options.queueName },
  );
}

/** An idle queue gets a tick a minute; asked, the ticker makes one at its next look. */
async function askForTick(upstream: Connection, queueName: string): Promise<void> {
  try {
    await callRoutine(upstream, 'select pgq.force_tick($1)', [queueName]);
  } catch (error) {
    // Without the right to ask, the wait is only longer.
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
  }
}

/** The first tick that shows every transaction that `snapshot` shows. */
async function findTickAfter(
  upstream: Connection,
  { queueName, lastTick }: NodeInfo,
  snapshot: string,
): Promise<TickId | undefined> {
  const [row] = await callRoutine<{ tick_id: bigint }>(
    upstream,
    `select t.tick_id
       from pgq.tick as t
       join pgq.queue as q on q.queue_id = t.tick_queue
      where q.queue_name = $1
        and t.tick_id >= $2
        and txid_snapshot_xmax(t.tick_snapshot) >= txid_snapshot_xmax($3::txid_snapshot)
        and not exists (
            select 1
              from txid_snapshot_xip(t.tick_snapshot) as running
             where txid_visible_in_snapshot(running, $3::txid_snapshot)
        )
      order by t.tick_id
      limit 1`,
    [queueName, lastTick, snapshot],
  );
  return row === undefined ? undefined : tickId(row.tick_id);
}
