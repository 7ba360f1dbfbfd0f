import { connectToNode } from '../cascade/find-root.js';
import { type NodeInfo, requireNode } from '../cascade/node-info.js';
import type { Connection } from '../db/connection.js';
import type { ExitCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { CommandContext } from './command.js';
import { withLockLimit } from './lock-limit.js';

/** Opens a session on the database of this node that waits for no lock for ever. The caller closes it. */
export async function openLocal(context: CommandContext, what: string): Promise<Connection> {
  const { config, signal } = context;
  return withLockLimit(context)(config.db, { application: `${what}/${config.jobName}`, signal });
}

/** Runs `body` with a session on the database of this node; throws PC300 when it has no node of the queue. */
export async function withLocalNode(
  context: CommandContext,
  what: string,
  body: (connection: Connection, node: NodeInfo) => Promise<ExitCode>,
): Promise<ExitCode> {
  await using connection = await openLocal(context, what);
  return await body(connection, await requireNode(connection, context.config.queueName));
}

/** Runs `body` with a session on the provider of this node; throws PC200 and the like naming the provider. */
export async function withProvider<T>(
  context: CommandContext,
  node: NodeInfo,
  what: string,
  body: (provider: Connection) => Promise<T>,
): Promise<T> {
  const application = `${what}/${context.config.jobName}`;
  await using provider = await connectToNode(
    withLockLimit(context),
    node.providerNode,
    providerLocation(node),
    application,
    context.signal,
  );
  return await body(provider);
}

/** Where the provider of this node is. Throws PC302 when the node does not know it. */
export function providerLocation(node: NodeInfo): string {
  if (node.providerLocation !== null) return node.providerLocation;
  throw new ReplicateError(
    'PC302',
    `Node "${node.nodeName}" does not know where its provider "${node.providerNode}" is.`,
  );
}
