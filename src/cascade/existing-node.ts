import { ReplicateError } from '../errors/replicate-error.js';
import type { NodeInfo } from './node-info.js';

/** The node that a create command is asked to make. */
export interface WantedNode {
  readonly queueName: string;
  readonly nodeType: 'root' | 'branch' | 'leaf';
  readonly nodeName: string;
  readonly workerName: string;
  /** Name of the provider's node; the node itself for a root. */
  readonly providerNode: string;
  /** The queue that a leaf is merged into. */
  readonly combinedQueue?: string | undefined;
}

/**
 * Whether the database's node is the very one that is wanted, so that creating it again is nothing to do. Throws
 * PC301 naming what is different: a database holds one node per queue.
 */
export function checkExistingNode(existing: NodeInfo, wanted: WantedNode, target: string): void {
  const differences = [
    existing.nodeName === wanted.nodeName ? undefined : `it is named "${existing.nodeName}"`,
    existing.nodeType === wanted.nodeType ? undefined : `it is a ${existing.nodeType}`,
    existing.nodeType === 'root' || existing.providerNode === wanted.providerNode
      ? undefined
      : `its provider is "${existing.providerNode}"`,
    existing.combinedQueue === (wanted.combinedQueue ?? null)
      ? undefined
      : existing.combinedQueue === null
        ? 'it is not merged into another queue'
        : `it is merged into the queue "${existing.combinedQueue}"`,
    existing.workerName === wanted.workerName ? undefined : `its worker is "${existing.workerName}"`,
  ].filter((difference) => difference !== undefined);
  if (differences.length === 0) return;
  throw new ReplicateError(
    'PC301',
    `The database ${target} has a node of the queue "${wanted.queueName}" already: ${differences.join(', ')}.`,
    { node: existing.nodeName },
  );
}
