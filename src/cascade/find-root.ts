import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type NodeInfo, readNodeInfo } from './node-info.js';

/** A session on the root, and what the root says of itself. The caller closes it. */
export interface RootSession extends AsyncDisposable {
  readonly connection: Connection;
  readonly node: NodeInfo;
}

export interface OpenRootOptions {
  readonly queueName: string;
  /** A node that is not a leaf: where to begin. */
  readonly start: { readonly nodeName: string; readonly location: string };
  readonly connect: Connect;
  readonly application: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Goes from a node up to the root of its cascade, one connection at a time.
 *
 * Throws PC302 when a node on the way is not there or the way is a circle, PC200 naming the node that cannot be reached.
 */
export async function openRoot(options: OpenRootOptions): Promise<RootSession> {
  const { queueName, start, connect, application, signal } = options;
  const visited = new Set<string>();
  let { nodeName, location } = start;
  for (;;) {
    if (visited.has(nodeName)) {
      throw new ReplicateError(
        'PC302',
        `The providers of node "${start.nodeName}" form a circle at "${nodeName}".`,
      );
    }
    visited.add(nodeName);
    const connection = await connectToNode(connect, nodeName, location, application, signal);
    let node: NodeInfo;
    try {
      node = await requireProvider(connection, queueName);
    } catch (error) {
      await connection.close();
      throw error;
    }
    if (node.nodeType === 'root') {
      return { connection, node, [Symbol.asyncDispose]: () => connection.close() };
    }
    await connection.close();
    if (node.providerLocation === null) {
      throw new ReplicateError('PC302', `Node "${node.nodeName}" does not know where its provider is.`);
    }
    nodeName = node.providerNode;
    location = node.providerLocation;
  }
}

/** Connects to a member of the cascade; an error names the node. */
export async function connectToNode(
  connect: Connect,
  nodeName: string,
  location: string,
  application: string,
  signal?: AbortSignal,
): Promise<Connection> {
  try {
    return await connect(location, { application, signal });
  } catch (error) {
    if (!(error instanceof ReplicateError)) throw error;
    throw new ReplicateError(error.code, `Node "${nodeName}": ${error.message}`, error.facts, {
      cause: error,
    });
  }
}

/** The node that others read from; throws PC302 when there is none of this queue, or a leaf. */
export async function requireProvider(connection: Connection, queueName: string): Promise<NodeInfo> {
  const node = await readNodeInfo(connection, queueName).catch((error: unknown) => {
    if (error instanceof ReplicateError && error.code === 'PC206') return undefined;
    throw error;
  });
  if (node === undefined) {
    throw new ReplicateError('PC302', `The provider ${connection.target} has no queue "${queueName}".`, {
      queueName,
    });
  }
  if (node.nodeType === 'leaf') {
    throw new ReplicateError(
      'PC302',
      `Node "${node.nodeName}" at ${connection.target} is a leaf, which cannot be a provider.`,
      { node: node.nodeName },
    );
  }
  return node;
}
