import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { callRoutine } from './call-api.js';
import { type NodeInfo, requireNode } from './node-info.js';
import { poll } from './poll.js';
import { readWorkerSign } from './worker-sign.js';

const POLL_MS = 100;
/** Without a limit: how long nothing may happen while no worker, or no ticker, is at work. */
const SILENCE_MS = 30_000;

export interface WaitPositionOptions {
  readonly queueName: string;
  /** Without it the wait goes on as long as somebody is at work. */
  readonly timeoutMs?: number | undefined;
  /** For tests. */
  readonly silenceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until this node has everything that is committed on `upstream` now, and returns the tick that proves it.
 *
 * On a branch the completed tick names the state exactly. On a root the next tick is not proof enough: its snapshot
 * may be older than this call. So it waits for a tick whose snapshot shows all that is visible there now.
 *
 * Throws PC307 when the root makes no such tick in time, PC314 when this node's worker does not reach it in time, PC306
 * when no worker is at work then, or, without a limit, has not been for a while.
 */
export async function waitForUpstream(
  local: Connection,
  upstream: Connection,
  options: WaitPositionOptions,
): Promise<TickId> {
  const { queueName, timeoutMs, silenceMs = SILENCE_MS, signal } = options;
  const started = performance.now();
  const left = () =>
    timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (performance.now() - started));
  const node = await requireNode(upstream, queueName);
  const target = await findTarget(upstream, node, { queueName, timeoutMs, silenceMs, signal });
  let lastTick: TickId | undefined;
  let lastLife = performance.now();
  const outcome = await poll(
    async () => {
      const self = await requireNode(local, queueName);
      if (self.lastTick >= target) return 'reached';
      const isMoving = self.lastTick !== lastTick;
      lastTick = self.lastTick;
      if (isMoving || (await readWorkerSign(local, queueName, self.workerName)) === 'alive') {
        lastLife = performance.now();
      }
      return performance.now() - lastLife > silenceMs ? 'silent' : undefined;
    },
    { intervalMs: POLL_MS, timeoutMs: left(), signal },
  );
  if (outcome === 'reached') return target;
  const self = await requireNode(local, queueName);
  const sign = await readWorkerSign(local, queueName, self.workerName);
  const states = { none: ', and no worker is running', silent: ', and its worker does nothing', alive: '' };
  const waitedMs = outcome === 'silent' ? silenceMs : (timeoutMs ?? 0);
  throw new ReplicateError(
    outcome === 'silent' || sign !== 'alive' ? 'PC306' : 'PC314',
    `This node is at tick ${self.lastTick} and did not reach tick ${target} of node "${node.nodeName}" within ` +
      `${waitedMs / 1000} s${states[sign]}.`,
    { lastTick: self.lastTick, target },
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
  const limitMs = options.timeoutMs ?? 2 * (options.silenceMs ?? SILENCE_MS);
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
    // The ticker answers at its next look; without one the wait is not for ever.
    { intervalMs: POLL_MS, timeoutMs: limitMs, signal: options.signal },
  );
  if (target !== undefined) return target;
  throw new ReplicateError(
    'PC307',
    `No tick was made on node "${node.nodeName}" within ${limitMs / 1000} s.`,
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
