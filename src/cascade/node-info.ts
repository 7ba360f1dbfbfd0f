import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { type ApiAnswer, callRoutine } from './call-api.js';

export type NodeType = 'root' | 'branch' | 'leaf';

/** The node of one queue in one database, as pgq_node.get_node_info tells it. */
export interface NodeInfo {
  readonly queueName: string;
  readonly nodeType: NodeType;
  readonly nodeName: string;
  readonly workerName: string;
  /** Itself on a root. */
  readonly providerNode: string;
  readonly providerLocation: string | null;
  /** The tick up to which this node has everything; on a root its newest tick. */
  readonly lastTick: TickId;
  readonly globalWatermark: TickId | null;
  readonly localWatermark: TickId | null;
  readonly isPaused: boolean;
  /** The worker has seen the last change of its state. */
  readonly isUpToDate: boolean;
  /** Leaf: the queue that this one is merged into. */
  readonly combinedQueue: string | null;
  /** The queues whose leaves in this database are merged into this one. */
  readonly mergedQueues: readonly string[];
}

interface NodeInfoRow extends ApiAnswer {
  readonly node_type: NodeType | null;
  readonly node_name: string;
  readonly worker_name: string;
  readonly provider_node: string;
  readonly provider_location: string | null;
  readonly worker_last_tick: bigint | null;
  readonly global_watermark: bigint | null;
  readonly local_watermark: bigint | null;
  readonly worker_paused: boolean | null;
  readonly worker_uptodate: boolean | null;
  readonly combined_queue: string | null;
  readonly target_for: readonly string[] | null;
}

/** The node of a queue in this database; undefined when there is none. PC206 when pgq_node is not installed. */
export async function readNodeInfo(connection: Connection, queueName: string): Promise<NodeInfo | undefined> {
  const [row] = await callRoutine<NodeInfoRow>(connection, 'select * from pgq_node.get_node_info($1)', [
    queueName,
  ]);
  if (row === undefined || row.node_type === null) return undefined;
  return {
    queueName,
    nodeType: row.node_type,
    nodeName: row.node_name,
    workerName: row.worker_name,
    providerNode: row.provider_node,
    providerLocation: row.provider_location,
    lastTick: tickId(row.worker_last_tick ?? 0n),
    globalWatermark: toTick(row.global_watermark),
    localWatermark: toTick(row.local_watermark),
    isPaused: row.worker_paused === true,
    isUpToDate: row.worker_uptodate === true,
    combinedQueue: row.combined_queue,
    mergedQueues: row.target_for ?? [],
  };
}

/** As `readNodeInfo`; throws PC300 when this database has no node of the queue. */
export async function requireNode(connection: Connection, queueName: string): Promise<NodeInfo> {
  const node = await readNodeInfo(connection, queueName).catch((error: unknown) => {
    // Nothing is installed: then there is no node either, and creating one installs.
    if (error instanceof ReplicateError && error.code === 'PC206') return undefined;
    throw error;
  });
  if (node !== undefined) return node;
  throw new ReplicateError(
    'PC300',
    `The database ${connection.target} has no node of the queue "${queueName}".`,
    { queueName },
  );
}

function toTick(value: bigint | null): TickId | null {
  return value === null ? null : tickId(value);
}
