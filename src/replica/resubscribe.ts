import { requireProvider } from '../cascade/find-root.js';
import { readLocations, registerLocation } from '../cascade/location.js';
import type { NodeInfo } from '../cascade/node-info.js';
import { registerSubscriber } from '../cascade/subscriber.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import { hasRetention, readDropped } from '../queue/retention.js';
import { syncNames } from './copy-names.js';
import { resyncTable } from './resync-table.js';

/** True when the provider has dropped the node, so that it can only go on with all its tables copied anew. */
export async function isDropped(provider: Connection, node: NodeInfo): Promise<boolean> {
  if (!(await hasRetention(provider))) return false;
  const dropped = await readDropped(provider, node.queueName);
  return dropped.some(({ consumer }) => consumer === node.workerName);
}

/**
 * Registers a leaf that its provider has dropped anew, at the provider's watermark, and has all its tables copied: what the node has lost are events of any
 * of them. Names and locations that came by lost events are taken from the provider.
 *
 * The record of the drop goes last, and the worker does not run as long as it is there. So after a crash the node is
 * as it was or a worker still refuses to run, and the call is to be repeated. Throws PC303 for a branch.
 */
export async function resubscribe(
  local: Connection,
  provider: Connection,
  node: NodeInfo,
  tableNames: readonly string[],
): Promise<void> {
  const { queueName, nodeName, workerName } = node;
  if (node.nodeType !== 'leaf') {
    throw new ReplicateError(
      'PC303',
      `Node "${nodeName}" was dropped by its provider and is a ${node.nodeType}: the nodes below it lack the lost events too. Make it and them anew.`,
    );
  }
  const { nodeType } = await requireProvider(provider, queueName);
  for (const tableName of tableNames) await resyncTable(local, queueName, tableName);
  for (const member of await readLocations(provider, queueName)) {
    if (member.nodeName !== nodeName) await registerLocation(local, queueName, member);
  }
  await syncNames(local, provider, nodeType, queueName);
  const position = await registerSubscriber(provider, queueName, nodeName, workerName);
  await local.query('select pgq_node.set_consumer_completed($1, $2, $3)', [queueName, workerName, position]);
  await forgetDropped(provider, queueName, workerName);
}
