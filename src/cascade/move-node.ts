import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import { registerLocation } from './location.js';
import type { Member, MemberSessions } from './member-sessions.js';
import { poll } from './poll.js';
import { releaseNode } from './release-node.js';
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
 * on from the tick that it has, wherever it reads.
 *
 * Each step looks at the databases for what is left to do, so after a crash the same call finishes the work; until the
 * node itself is told, in one transaction, nothing has changed for it. Nobody needs to be paused, and the worker need
 * not run.
 *
 * Throws PC311 for unknown names, PC312 when the new provider is a leaf, the node itself, or below it; PC306 when the
 * worker runs and does not answer in time: the move holds then, and the old provider keeps events until the call is
 * repeated.
 */
export async function moveNode(sessions: MemberSessions, options: MoveNodeOptions): Promise<void> {
  const { queueName } = sessions;
  const { nodeName, newProvider, report } = options;
  const node = await sessions.look(nodeName);
  if (node.node.nodeType === 'root') {
    throw new ReplicateError('PC312', `Node "${nodeName}" is the root: it has no provider. Use "takeover".`);
  }
  const provider = await sessions.look(newProvider);
  await checkNotBelow(sessions, provider, nodeName);

  if (!provider.subscribers.some((subscriber) => subscriber.nodeName === nodeName)) {
    const { workerName } = node.node;
    await checkWorkerName(provider.connection, queueName, nodeName, workerName);
    await registerLocation(provider.connection, queueName, await sessions.location(nodeName));
    // At the tick that nobody has passed: the worker moves on to its own when it comes.
    await callApi(provider.connection, 'pgq_node.register_subscriber', [
      queueName,
      nodeName,
      workerName,
      null,
    ]);
    report(`Node "${nodeName}" registered on "${newProvider}".`);
  }
  await failpoint('move-registered');
  if (node.node.providerNode !== newProvider) {
    const location = await sessions.location(newProvider);
    await node.connection.transaction(async (tx) => {
      await registerLocation(tx, queueName, { ...location, isDead: false });
      await callApi(tx, 'pgq_node.change_consumer_provider', [queueName, node.node.workerName, newProvider]);
      await tx.query("select pg_notify('pgcascade_tables', $1)", [queueName]);
    });
    report(`Node "${nodeName}" reads from "${newProvider}".`);
  }
  await failpoint('move-changed');
  await waitForWorker(node, sessions, options);
  await failpoint('move-acknowledged');
  await releaseNode(sessions, { nodeName, provider: newProvider, report });
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
