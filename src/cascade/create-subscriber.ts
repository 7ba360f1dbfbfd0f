import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import { checkExistingNode } from './existing-node.js';
import { openRoot, requireProvider } from './find-root.js';
import { type NodeLocation, readLocations, registerLocation } from './location.js';
import { type NodeInfo, readNodeInfo, requireNode } from './node-info.js';
import { checkPublicLocation, leadsToSameDatabase } from './public-location.js';
import { checkWorkerName, registerSubscriber } from './subscriber.js';
import { setTickInterval } from './tick-interval.js';
import { waitUntilForgotten } from './wait-forgotten.js';

/** Longest wait for a provider to have read that an earlier node of the name is gone. */
const FORGOTTEN_MS = 30_000;

export interface CreateSubscriberOptions {
  /** A branch has a queue of its own, from which other nodes read. */
  readonly nodeType: 'branch' | 'leaf';
  readonly queueName: string;
  readonly nodeName: string;
  readonly workerName: string;
  /** Where other nodes reach this database. */
  readonly publicLocation: string;
  /** False believes the public location without looking. */
  readonly checkLocation: boolean;
  readonly providerLocation: string;
  /** Leaf only: the queue of this database, with a root or branch here, that this one is merged into. */
  readonly combinedQueue?: string | undefined;
  readonly connect: Connect;
  /** Fills the new node from the root, in the transaction that makes it. */
  readonly fill: (tx: Connection, root: Connection) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface CreateSubscriberOutcome {
  readonly kind: 'created' | 'exists';
  readonly providerNode: string;
}

/**
 * Makes this database a leaf or a branch below a provider.
 *
 * Everything is looked at before the first write. The local node comes last and in one transaction, so an
 * interrupted call leaves at most registrations on root and provider, which the same call uses again; after an
 * error the one that keeps events on the provider is taken back. May be repeated: `exists` when this node is there already.
 *
 * Throws PC301 for a name in use, PC302 when the provider has no such queue, PC308 for a worker name in use,
 * PC300 when the combined queue has no node here, PC306 when a provider has not read yet that an earlier node
 * of the name was dropped, PC309 for a public location that is another database's, PC200 naming the node that cannot be reached.
 */
export async function createSubscriber(
  local: Connection,
  options: CreateSubscriberOptions,
): Promise<CreateSubscriberOutcome> {
  const { queueName, nodeName, workerName, publicLocation, connect, signal } = options;
  await using provider = await connectToProvider(options);
  const providerInfo = await requireProvider(provider, queueName);
  const providerNode = providerInfo.nodeName;

  const existing = await readNodeInfo(local, queueName);
  if (existing !== undefined) {
    const { nodeType, combinedQueue } = options;
    const wanted = { queueName, nodeName, workerName, nodeType, providerNode, combinedQueue } as const;
    checkExistingNode(existing, wanted, local.target);
    return { kind: 'exists', providerNode };
  }
  if (options.combinedQueue !== undefined) await checkCombinedQueue(local, options.combinedQueue);
  if (options.checkLocation) await checkPublicLocation(local, publicLocation, connect, signal);
  await using root = await openRoot({
    queueName,
    start: { nodeName: providerNode, location: options.providerLocation },
    connect,
    application: `create/${nodeName}`,
    signal,
  });
  await checkNodeName(local, [root.connection, provider], options);
  await checkWorkerName(provider, queueName, nodeName, workerName);
  await waitUntilForgotten({
    root: root.connection,
    provider,
    queueName,
    nodeName,
    timeoutMs: FORGOTTEN_MS,
    signal,
  });

  const self: NodeLocation = { nodeName, location: publicLocation, isDead: false };
  try {
    await registerLocation(root.connection, queueName, self);
    await failpoint('create-located');
    // The provider hears of it by the queue too, but only after it has registered the subscriber.
    if (root.node.nodeName !== providerNode) await registerLocation(provider, queueName, self);
    await failpoint('create-told');
    const watermark = await registerSubscriber(provider, queueName, nodeName, workerName);
    // A node that is made anew has nothing yet that it could lack.
    await forgetDropped(provider, queueName, workerName);
    await failpoint('create-registered');
    const members = await readLocations(root.connection, queueName);
    await local.transaction(async (tx) => {
      await registerMembers(tx, self, members, providerInfo, options);
      await callApi(
        tx,
        'pgq_node.create_node',
        [
          queueName,
          options.nodeType,
          nodeName,
          workerName,
          providerNode,
          watermark,
          options.combinedQueue ?? null,
        ],
        { 401: 'PC301' },
      );
      if (options.nodeType === 'branch') await setTickInterval(tx, queueName);
      await options.fill(tx, root.connection);
      await failpoint('create-filled');
    });
  } catch (error) {
    // With a lost connection the commit may have happened; the next call finds out.
    if (local.isOpen) await releaseProvider(provider, queueName, nodeName);
    throw error;
  }
  await failpoint('create-made');
  return { kind: 'created', providerNode };
}

/** Throws PC300 when this database has no node of the queue, PC302 when it has a leaf, which has no queue to merge into. */
async function checkCombinedQueue(local: Connection, combinedQueue: string): Promise<void> {
  const { nodeType, nodeName } = await requireNode(local, combinedQueue);
  if (nodeType !== 'leaf') return;
  throw new ReplicateError(
    'PC302',
    `Node "${nodeName}" of the queue "${combinedQueue}" is a leaf: only a root or a branch has a queue to merge into.`,
    { node: nodeName },
  );
}

async function connectToProvider(options: CreateSubscriberOptions): Promise<Connection> {
  try {
    return await options.connect(options.providerLocation, {
      application: `create/${options.nodeName}`,
      signal: options.signal,
    });
  } catch (error) {
    if (!(error instanceof ReplicateError)) throw error;
    throw new ReplicateError(error.code, `The provider: ${error.message}`, error.facts, { cause: error });
  }
}

/**
 * The name must be new in the cascade. When it is known and leads here, it is left of an earlier try of this very
 * command: this database has no node yet.
 */
async function checkNodeName(
  local: Connection,
  members: readonly Connection[],
  options: CreateSubscriberOptions,
): Promise<void> {
  for (const member of members) {
    const locations = await readLocations(member, options.queueName);
    const known = locations.find(({ nodeName }) => nodeName === options.nodeName);
    if (known === undefined || known.location === options.publicLocation) continue;
    const isHere = await leadsToSameDatabase(local, known.location, options.connect, options.signal).catch(
      (error: unknown) => {
        // Nobody answers there, so nothing proves that the name is ours.
        if (error instanceof ReplicateError) return false;
        throw error;
      },
    );
    if (isHere) continue;
    throw new ReplicateError(
      'PC301',
      `The cascade of the queue "${options.queueName}" has a node "${options.nodeName}" already.`,
      { node: options.nodeName },
    );
  }
}

async function registerMembers(
  tx: Connection,
  self: NodeLocation,
  members: readonly NodeLocation[],
  provider: NodeInfo,
  options: CreateSubscriberOptions,
): Promise<void> {
  await registerLocation(tx, options.queueName, self);
  for (const member of members) {
    if (member.nodeName !== self.nodeName) await registerLocation(tx, options.queueName, member);
  }
  if (!members.some(({ nodeName }) => nodeName === provider.nodeName)) {
    const location = options.providerLocation;
    await registerLocation(tx, options.queueName, { nodeName: provider.nodeName, location, isDead: false });
  }
}

/**
 * Takes the subscription back, which would keep events on the provider. The location stays: taking it back would
 * be an event that the new node, which starts at an older tick, reads about itself.
 */
async function releaseProvider(provider: Connection, queueName: string, nodeName: string): Promise<void> {
  // That this fails too must not hide the first error.
  await callApi(provider, 'pgq_node.unregister_subscriber', [queueName, nodeName]).catch(() => undefined);
}
