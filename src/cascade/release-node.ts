import { callApi } from './call-api.js';
import type { MemberSessions } from './member-sessions.js';

export interface ReleaseNodeOptions {
  readonly nodeName: string;
  /** Where it reads from now; null when it is the root. */
  readonly provider: string | null;
  readonly report: (sentence: string) => void;
}

/**
 * Takes a node's subscriptions back on all members that it does not read from (any more): they would keep events for
 * it. May be repeated. Members that cannot be reached are reported.
 */
export async function releaseNode(sessions: MemberSessions, options: ReleaseNodeOptions): Promise<void> {
  const { queueName } = sessions;
  const { nodeName, provider, report } = options;
  const { seen, unreachable } = await sessions.lookAtAll();
  for (const { connection, node, subscribers } of seen) {
    const subscriber = subscribers.find((candidate) => candidate.nodeName === nodeName);
    if (node.nodeName === provider || subscriber === undefined) continue;
    await connection.transaction(async (tx) => {
      await tx.query(
        `select pgq.unregister_consumer($1, consumer_name) from pgq.get_consumer_info($1)
          where left(consumer_name, length($2)) = $2`,
        [queueName, `${subscriber.workerName}.copy.`],
      );
      await callApi(tx, 'pgq_node.unregister_subscriber', [queueName, nodeName]);
    });
    report(`Node "${nodeName}" does not read from "${node.nodeName}" any more.`);
  }
  for (const name of unreachable) {
    if (name === nodeName) continue;
    report(
      `Node "${name}" cannot be reached: it may keep events for "${nodeName}". Repeat the command when it is back.`,
    );
  }
}
