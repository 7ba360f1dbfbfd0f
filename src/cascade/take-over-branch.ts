import type { MemberSessions } from './member-sessions.js';
import { moveNode } from './move-node.js';
import type { TakeOverOptions } from './take-over-root.js';

/**
 * Lets a node take the place of another one that is no root: it reads from that node's provider, and that node reads
 * from it. The caller holds the places of both (`lockPlaces`). May be repeated after a crash, as `moveNode`, and throws what that throws.
 */
export async function takeOverBranch(sessions: MemberSessions, options: TakeOverOptions): Promise<void> {
  const { oldName, newName, timeoutMs, report } = options;
  const old = await sessions.look(oldName);
  if (old.node.providerNode !== newName) {
    await moveNode(sessions, { nodeName: newName, newProvider: old.node.providerNode, timeoutMs, report });
  }
  await moveNode(sessions, { nodeName: oldName, newProvider: newName, timeoutMs, report });
}

/** Lets all nodes that read from `oldName` read from `newName`; those two aside. May be repeated. */
export async function takeOverSubscribers(sessions: MemberSessions, options: TakeOverOptions): Promise<void> {
  const { oldName, newName, timeoutMs, report } = options;
  const { seen, unreachable } = await sessions.lookAtAll();
  for (const { node } of seen) {
    if (node.providerNode !== oldName || node.nodeName === newName || node.nodeName === oldName) continue;
    await moveNode(sessions, { nodeName: node.nodeName, newProvider: newName, timeoutMs, report });
  }
  for (const name of unreachable) {
    report(
      `Node "${name}" cannot be reached: if it reads from "${oldName}", repeat the command when it is back.`,
    );
  }
}
