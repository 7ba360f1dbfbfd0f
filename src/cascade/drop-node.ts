import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import type { MemberSessions } from './member-sessions.js';
import { releaseNode } from './release-node.js';

export interface DropNodeOptions {
  readonly report: (sentence: string) => void;
  /** Called with the database of the node when it is none any more: puts back what its worker has kept off the tables. */
  readonly putBack: (connection: Connection) => Promise<void>;
}

/**
 * Takes a node out of the cascade: its subscription, its place in everybody's list, and, where it can be reached,
 * its own queue, registrations and triggers. The rows of its tables stay. May be repeated, also when the node itself is gone
 * or was not made to the end.
 *
 * Throws PC312 for a node that others read from, one that other queues are merged into, and for the root of a cascade with other nodes.
 */
export async function dropNode(
  sessions: MemberSessions,
  nodeName: string,
  { report, putBack }: DropNodeOptions,
): Promise<void> {
  const { queueName } = sessions;
  const location = (await sessions.locations()).find((member) => member.nodeName === nodeName);
  if (location === undefined) {
    report(`The cascade has no node "${nodeName}": nothing to do.`);
    return;
  }
  const { seen, unreachable, absent } = await sessions.lookAtAll();
  const dropped = seen.find(({ node }) => node.nodeName === nodeName);
  const readers = seen.filter(({ node }) => node.providerNode === nodeName && node.nodeName !== nodeName);
  if (readers.length > 0) {
    const names = readers.map(({ node }) => node.nodeName).join(', ');
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" is the provider of ${names}: move them first ("change-provider").`,
    );
  }
  const merged = dropped?.node.mergedQueues ?? [];
  if (merged.length > 0) {
    throw new ReplicateError(
      'PC312',
      `The queues ${merged.join(', ')} are merged into "${queueName}" in the database of "${nodeName}": drop their leaves there first.`,
    );
  }
  const others = seen.filter(({ node }) => node.nodeName !== nodeName);
  if (dropped?.node.nodeType === 'root' && others.length > 0) {
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" is the root and has other nodes: let one of them take over first.`,
    );
  }

  await releaseNode(sessions, { nodeName, provider: null, report });
  await failpoint('drop-released');
  // The node itself goes before the others forget where it is, so that a repeated command finds it.
  if (dropped !== undefined) await callApi(dropped.connection, 'pgq_node.drop_node', [queueName, nodeName]);
  await failpoint('drop-dropped');
  if (dropped !== undefined) await putBack(dropped.connection);
  // The command before this one may have been killed in between.
  else if (absent.includes(nodeName)) await putBack(await sessions.connection(nodeName));
  const isLast = (name: string) => name === sessions.localName;
  for (const { connection, node } of others) {
    if (node.nodeType === 'root' || isLast(node.nodeName)) continue;
    await callApi(connection, 'pgq_node.drop_node', [queueName, nodeName]);
  }
  await failpoint('drop-forgotten');
  // The root tells those that cannot be reached now.
  const root = others.find(({ node }) => node.nodeType === 'root');
  if (root !== undefined)
    await callApi(root.connection, 'pgq_node.unregister_location', [queueName, nodeName]);
  await failpoint('drop-unregistered');
  if (!isLast(nodeName)) {
    await callApi(await sessions.connection(sessions.localName), 'pgq_node.drop_node', [queueName, nodeName]);
  }
  report(`Node "${nodeName}" dropped.`);
  if (absent.includes(nodeName))
    report('Its own database had no node: it was never made, or dropped before.');
  if (dropped === undefined && !location.isDead && unreachable.includes(nodeName)) {
    report(`Node "${nodeName}" could not be reached: what its own database holds is still there.`);
  }
  const rest = unreachable.filter((name) => name !== nodeName);
  if (rest.length > 0) report(`They hear of it by the queue when they can be reached: ${rest.join(', ')}.`);
}
