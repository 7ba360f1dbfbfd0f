import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';

/** What a worker looks at before each batch. */
export interface WorkerState {
  readonly nodeType: 'root' | 'branch' | 'leaf';
  readonly nodeName: string;
  /** The last tick whose events are all in this database. */
  readonly completedTick: TickId;
  readonly providerNode: string;
  readonly providerLocation: string;
  readonly paused: boolean;
  /** False when an admin command waits for the worker to have seen its change. */
  readonly uptodate: boolean;
  readonly currentError: string | null;
  readonly registryVersion: bigint;
}

/** Reads the state in one call. Throws PC300 when this database is no node of the queue. */
export async function readWorkerState(
  subscriber: Connection,
  queueName: string,
  consumerName: string,
): Promise<WorkerState> {
  const row = await subscriber.one<{
    node_type: WorkerState['nodeType'] | null;
    node_name: string;
    completed_tick: bigint | null;
    provider_node: string;
    provider_location: string;
    paused: boolean;
    uptodate: boolean;
    cur_error: string | null;
    registry_version: bigint;
  }>('select * from pgcascade.worker_state($1, $2)', [queueName, consumerName]);
  if (row.node_type === null) {
    throw new ReplicateError(
      'PC300',
      `The database at ${subscriber.target} is no node of queue "${queueName}".`,
    );
  }
  if (row.completed_tick === null) {
    throw new ReplicateError(
      'PC300',
      `Node "${row.node_name}" has no consumer "${consumerName}"; consumer_name or job_name has changed since the node was created.`,
    );
  }
  return {
    nodeType: row.node_type,
    nodeName: row.node_name,
    completedTick: tickId(row.completed_tick),
    providerNode: row.provider_node,
    providerLocation: row.provider_location,
    paused: row.paused,
    uptodate: row.uptodate,
    currentError: row.cur_error,
    registryVersion: row.registry_version,
  };
}

/** The node, in the same database, of the queue that a leaf's queue is merged into. */
export interface CombinedNode {
  readonly queueName: string;
  /** Into a root the leaf's worker merges its queue; beside a branch it only follows. */
  readonly nodeType: 'root' | 'branch';
}

/** Reads where a leaf's queue is merged to; undefined when it is not. */
export async function readCombinedNode(
  subscriber: Connection,
  queueName: string,
): Promise<CombinedNode | undefined> {
  const [row] = await subscriber.query<{ queue_name: string; node_type: CombinedNode['nodeType'] }>(
    `select c.queue_name, c.node_type
       from pgq_node.node_info as n
       join pgq_node.node_info as c on c.queue_name = n.combined_queue
      where n.queue_name = $1`,
    [queueName],
  );
  return row === undefined ? undefined : { queueName: row.queue_name, nodeType: row.node_type };
}
