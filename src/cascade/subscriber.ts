import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { type ApiAnswer, callApi, callRoutine } from './call-api.js';

/** A node that reads from this one. */
export interface Subscriber {
  readonly nodeName: string;
  readonly workerName: string;
  readonly watermark: TickId | null;
}

/** The nodes that are registered to read from this one. */
export async function readSubscribers(connection: Connection, queueName: string): Promise<Subscriber[]> {
  const rows = await callRoutine<{ node_name: string; worker_name: string; node_watermark: bigint | null }>(
    connection,
    'select node_name, worker_name, node_watermark from pgq_node.get_subscriber_info($1)',
    [queueName],
  );
  return rows.map((row) => ({
    nodeName: row.node_name,
    workerName: row.worker_name,
    watermark: row.node_watermark === null ? null : tickId(row.node_watermark),
  }));
}

/**
 * Throws PC308 when something else reads this queue under the name of our worker: both would take each other's
 * batches. A registration that is left of an earlier try of the same node is none of that.
 */
export async function checkWorkerName(
  provider: Connection,
  queueName: string,
  nodeName: string,
  workerName: string,
): Promise<void> {
  const subscribers = await readSubscribers(provider, queueName);
  const holder = subscribers.find((subscriber) => subscriber.workerName === workerName);
  if (holder?.nodeName === nodeName) return;
  const consumers = await callRoutine(provider, 'select 1 from pgq.get_consumer_info($1, $2)', [
    queueName,
    workerName,
  ]);
  if (holder === undefined && consumers.length === 0) return;
  const who = holder === undefined ? 'another consumer' : `the node "${holder.nodeName}"`;
  throw new ReplicateError(
    'PC308',
    `The worker name "${workerName}" is used on ${provider.target} by ${who} already.`,
    { workerName },
  );
}

/**
 * Registers a new node as reader of this one, at the position that no node has passed yet, and returns it.
 * May be repeated as long as the node has read nothing: an earlier registration is replaced.
 */
export async function registerSubscriber(
  provider: Connection,
  queueName: string,
  nodeName: string,
  workerName: string,
): Promise<TickId> {
  return provider.transaction(async (tx) => {
    const subscribers = await readSubscribers(tx, queueName);
    if (subscribers.some((subscriber) => subscriber.nodeName === nodeName)) {
      await callApi(tx, 'pgq_node.unregister_subscriber', [queueName, nodeName]);
    }
    const answer = await callApi<ApiAnswer & { global_watermark: bigint }>(
      tx,
      'pgq_node.register_subscriber',
      [queueName, nodeName, workerName, null],
    );
    return tickId(answer.global_watermark);
  });
}
