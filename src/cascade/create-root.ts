import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import { checkExistingNode } from './existing-node.js';
import { registerLocation } from './location.js';
import { readNodeInfo } from './node-info.js';
import { checkPublicLocation } from './public-location.js';
import { setTickInterval } from './tick-interval.js';

export interface CreateRootOptions {
  readonly queueName: string;
  readonly nodeName: string;
  readonly workerName: string;
  /** Where other nodes reach this database. */
  readonly publicLocation: string;
  /** False believes the public location without looking. */
  readonly checkLocation: boolean;
  readonly connect: Connect;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes this database the root of a queue, in one transaction. May be repeated: `exists` when it is that root
 * already. Throws PC301 when it is another node, PC309 when the public location is that of another database.
 */
export async function createRoot(
  local: Connection,
  options: CreateRootOptions,
): Promise<'created' | 'exists'> {
  const { queueName, nodeName, workerName, publicLocation } = options;
  const existing = await readNodeInfo(local, queueName);
  if (existing !== undefined) {
    const wanted = { queueName, nodeName, workerName, nodeType: 'root', providerNode: nodeName } as const;
    checkExistingNode(existing, wanted, local.target);
    return 'exists';
  }
  if (options.checkLocation) {
    await checkPublicLocation(local, publicLocation, options.connect, options.signal);
  }
  await local.transaction(async (tx) => {
    await registerLocation(tx, queueName, { nodeName, location: publicLocation, isDead: false });
    await callApi(tx, 'pgq_node.create_node', [queueName, 'root', nodeName, workerName, null, null, null], {
      401: 'PC301',
    });
    await setTickInterval(tx, queueName);
    await failpoint('create-filled');
  });
  await failpoint('create-made');
  return 'created';
}
