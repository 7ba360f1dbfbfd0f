import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import { registerLocation } from './location.js';
import type { Member, MemberSessions } from './member-sessions.js';
import { requireNode } from './node-info.js';
import { lockPlaces } from './place-lock.js';
import { poll } from './poll.js';
import { releaseNode } from './release-node.js';
import { isStockNode, pauseStockWorker, resumeStockWorker } from './stock-node.js';
import { checkWorkerName } from './subscriber.js';
import { readWorkerSign } from './worker-sign.js';

const POLL_MS = 50;

export interface MoveNodeOptions {
  readonly nodeName: string;
  readonly newProvider: string;
  /** Longest wait for the node's worker to have seen its new provider. */
  readonly timeoutMs: number;
  /** Told of each thing that was done, one sentence each. */
  readonly report: (sentence: string) => void;
}

/**
 * Lets a node read from another provider. No table is copied: tick ids are the same on all nodes, and the worker goes
 * on from the tick that it has, wherever it reads. The worker of a stock node is paused for the change, as it must be.
 *
 * Each step looks at the databases for what is left to do, so after a crash the same call finishes the work; until the
 * node itself is told, in one transaction, nothing has changed for it. A worker of ours need not run.
 *
 * Throws PC311 for unknown names, PC312 when the new provider is a leaf, the node itself, or below it; PC306 when the
 * worker runs and does not answer in time: the move holds then, and the old provider keeps events until the call is
 * repeated. A stock worker that does not answer in time is PC306 too; nothing has changed then. PC208 when another command is at work
 * on the node.
 */
export async function moveNode(sessions: MemberSessions, options: MoveNodeOptions): Promise<void> {
  const { queueName } = sessions;
  const { nodeName, newProvider, report } = options;
  await using _ = await lockPlaces(sessions, [nodeName]);
  const node = await sessions.look(nodeName);
  if (node.node.nodeType === 'root') {
    throw new ReplicateError('PC312', `Node "${nodeName}" is the root: it has no provider. Use "takeover".`);
  }
  const provider = await sessions.look(newProvider);
  await checkNotBelow(sessions, provider, nodeName);

  const isMoved = node.node.providerNode === newProvider;
  // Only a worker of ours finds its place on another provider by itself.
  const isHeld = !isMoved && (await isStockNode(node.connection));
  if (isHeld) await pauseStockWorker(node, { timeoutMs: options.timeoutMs, signal: sessions.signal });
  try {
    await register(sessions, node, provider, isHeld, options);
    await failpoint('move-registered');
    if (!isMoved) {
      await changeProvider(sessions, node, newProvider, isHeld);
      report(`Node "${nodeName}" reads from "${newProvider}".`);
    }
  } catch (error) {
    if (isHeld && node.connection.isOpen) {
      await resumeStockWorker(node.connection, queueName, node.node.workerName);
    }
    throw error;
  }
  await failpoint('move-changed');
  await waitForWorker(node, sessions, options);
  await failpoint('move-acknowledged');
  await releaseNode(sessions, { nodeName, provider: newProvider, report });
}

/** Tells the new provider of its subscriber: at its own tick when its worker is held there, else at the one that nobody has passed. */
async function register(
  sessions: MemberSessions,
  member: Member,
  provider: Member,
  isHeld: boolean,
  { nodeName, newProvider, timeoutMs, report }: MoveNodeOptions,
): Promise<void> {
  const { queueName } = sessions;
  const { workerName } = member.node;
  const tick = isHeld ? (await requireNode(member.connection, queueName)).lastTick : null;
  if (tick !== null) await waitForTick(provider, tick, timeoutMs, sessions.signal);
  if (provider.subscribers.some((subscriber) => subscriber.nodeName === nodeName)) {
    // By an earlier call that was killed; the node has gone on since.
    if (tick !== null) {
      await provider.connection.query('select pgq.register_consumer_at($1, $2, $3)', [
        queueName,
        workerName,
        tick,
      ]);
    }
    return;
  }
  await checkWorkerName(provider.connection, queueName, nodeName, workerName);
  await registerLocation(provider.connection, queueName, await sessions.location(nodeName));
  await callApi(provider.connection, 'pgq_node.register_subscriber', [queueName, nodeName, workerName, tick]);
  report(`Node "${nodeName}" registered on "${newProvider}".`);
}

/** The one transaction that changes the node. Its worker sees it before its next batch. */
async function changeProvider(
  sessions: MemberSessions,
  { connection, node }: Member,
  newProvider: string,
  isHeld: boolean,
): Promise<void> {
  const { queueName } = sessions;
  const location = await sessions.location(newProvider);
  await connection.transaction(async (tx) => {
    await registerLocation(tx, queueName, { ...location, isDead: false });
    await callApi(tx, 'pgq_node.change_consumer_provider', [queueName, node.workerName, newProvider]);
    // Together with the change: a repeated call finds that done, and would not end the pause any more.
    if (isHeld) await resumeStockWorker(tx, queueName, node.workerName);
    await tx.query("select pg_notify('pgcascade_tables', $1)", [queueName]);
  });
}

/** Waits until the provider has a tick: somebody can be registered there only then. */
async function waitForTick(
  { connection, node }: Member,
  tick: TickId,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const there = await poll(
    async () => {
      const [queue] = await connection.query<{ newest: bigint }>(
        'select last_tick_id as newest from pgq.get_queue_info($1)',
        [node.queueName],
      );
      return queue !== undefined && queue.newest >= tick ? true : undefined;
    },
    { intervalMs: POLL_MS, timeoutMs, signal },
  );
  if (there !== undefined) return;
  throw new ReplicateError('PC313', `Node "${node.nodeName}" has not come to tick ${tick} yet.`);
}

/** Throws PC312 when the new provider cannot feed the node. */
async function checkNotBelow(sessions: MemberSessions, provider: Member, nodeName: string): Promise<void> {
  const { node } = provider;
  if (node.nodeType === 'leaf') {
    throw new ReplicateError('PC312', `Node "${node.nodeName}" is a leaf, which cannot be a provider.`);
  }
  const seen = new Set<string>();
  for (let above = node; ; above = (await sessions.look(above.providerNode)).node) {
    if (above.nodeName === nodeName) {
      throw new ReplicateError(
        'PC312',
        `Node "${node.nodeName}" is "${nodeName}" itself or gets its events from it.`,
      );
    }
    if (above.nodeType === 'root' || seen.has(above.nodeName)) return;
    seen.add(above.nodeName);
    // A dead provider is none that feeds: the way up ends here.
    if ((await sessions.location(above.providerNode)).isDead) return;
  }
}

/** Waits until the worker has seen its new provider. One that does not run will see it when it starts. */
async function waitForWorker(
  { connection, node }: Member,
  { queueName, signal }: MemberSessions,
  { nodeName, timeoutMs }: MoveNodeOptions,
): Promise<void> {
  const seen = await poll(
    async () => {
      const [state] = await connection.query<{ uptodate: boolean }>(
        'select uptodate from pgq_node.get_consumer_state($1, $2)',
        [queueName, node.workerName],
      );
      if (state?.uptodate === true) return true;
      const sign = await readWorkerSign(connection, queueName, node.workerName);
      return sign === 'none' ? true : undefined;
    },
    { intervalMs: POLL_MS, timeoutMs, signal },
  );
  if (seen !== undefined) return;
  throw new ReplicateError(
    'PC306',
    `The worker of node "${nodeName}" runs but did not take up its new provider within ${timeoutMs / 1000} s. ` +
      'The change holds; repeat the command to release the old provider.',
    { nodeName },
  );
}
