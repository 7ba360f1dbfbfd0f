import { registerLocation } from './location.js';
import type { MemberSessions } from './member-sessions.js';

/**
 * Marks a member as dead, or as alive again, on every node that can be reached. Nobody asks a dead node anything.
 * May be repeated. Throws PC311 for a name that nobody has.
 */
export async function tagNode(
  sessions: MemberSessions,
  nodeName: string,
  isDead: boolean,
  report: (sentence: string) => void,
): Promise<void> {
  const location = await sessions.location(nodeName);
  const { seen, unreachable } = await sessions.lookAtAll();
  for (const { connection, node } of seen) {
    if (isDead && node.nodeName === nodeName) continue;
    await registerLocation(connection, sessions.queueName, { ...location, isDead });
  }
  const others = unreachable.filter((name) => name !== nodeName);
  if (others.length > 0) report(`Not told, because they cannot be reached: ${others.join(', ')}.`);
}
