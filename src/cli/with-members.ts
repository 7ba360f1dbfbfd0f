import { MemberSessions } from '../cascade/member-sessions.js';
import type { NodeInfo } from '../cascade/node-info.js';
import type { ExitCode } from '../errors/catalogue.js';
import type { CommandContext } from './command.js';
import { withLocalNode } from './local-node.js';
import { withLockLimit } from './lock-limit.js';

/** Runs `body` with a way to all members of the cascade, beginning at this node. */
export async function withMembers(
  context: CommandContext,
  what: string,
  body: (sessions: MemberSessions, local: NodeInfo) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { config, signal } = context;
  const connect = withLockLimit(context);
  return withLocalNode(context, what, async (local, node) => {
    await using sessions = new MemberSessions({
      queueName: config.queueName,
      localName: node.nodeName,
      local,
      connect,
      what: `${what}/${config.jobName}`,
      signal,
    });
    return await body(sessions, node);
  });
}
