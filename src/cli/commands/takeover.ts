import type { MemberSessions } from '../../cascade/member-sessions.js';
import { lockPlaces } from '../../cascade/place-lock.js';
import { takeOverBranch, takeOverSubscribers } from '../../cascade/take-over-branch.js';
import { takeOverDeadBranch, takeOverDeadRoot } from '../../cascade/take-over-dead.js';
import { type TakeOverOptions, takeOverRoot } from '../../cascade/take-over-root.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { ELSEWHERE } from '../../handlers/contract.js';
import { hasWholeTable, tryToBindHandler } from '../../handlers/registry.js';
import type { CommandSpec } from '../command.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';
import { withMembers } from '../with-members.js';

const DEFAULT_TIMEOUT_MS = 60_000;

/** `replicate INI takeover NODE [--all] [--dead-root | --dead-branch]` */
export const command: CommandSpec = {
  name: 'takeover',
  summary: 'Let this node take the place of another node, which then reads from this one.',
  arguments: [{ name: 'node', required: true, summary: 'The node that gives its place.' }],
  options: [
    { flags: '--all', summary: 'Let all other nodes that read from it read from this one too.' },
    { flags: '--dead-root', summary: 'The node is the root and is gone for good; implies --all.' },
    { flags: '--dead-branch', summary: 'The node is a branch and is gone for good; implies --all.' },
    {
      flags: TIMEOUT_FLAGS,
      summary: 'Longest wait for this node to have everything, and for each worker; by default 60.',
    },
  ],
  async run(context, args, options) {
    const deadRoot = options['deadRoot'] === true;
    const deadBranch = options['deadBranch'] === true;
    if (deadRoot && deadBranch) {
      throw new ReplicateError('PC100', 'A node is either --dead-root or --dead-branch.');
    }
    return withMembers(context, 'takeover', async (sessions, { nodeName }) => {
      const taking: TakeOverOptions = {
        oldName: args[0] as string,
        newName: nodeName,
        timeoutMs: timeoutMs(options) ?? DEFAULT_TIMEOUT_MS,
        report: (sentence) => context.output.print(sentence),
        isWhole: (tableName, attributes) => hasWholeTable(tryToBindHandler(tableName, attributes, ELSEWHERE)),
      };
      if (taking.oldName === nodeName) {
        throw new ReplicateError('PC312', `Node "${nodeName}" cannot take over itself.`);
      }
      if (deadRoot) await takeOverDeadRoot(sessions, taking);
      else if (deadBranch) await takeOverDeadBranch(sessions, taking);
      else {
        await using _ = await lockPlaces(sessions, [taking.oldName, nodeName]);
        if (await isRootsPlace(sessions, taking)) await takeOverRoot(sessions, taking);
        else await takeOverBranch(sessions, taking);
        if (options['all'] === true) await takeOverSubscribers(sessions, taking);
      }
      return 0;
    });
  },
};

/** True when the place to be taken is the root's, also when an interrupted command has taken it already. */
async function isRootsPlace(
  sessions: MemberSessions,
  { oldName, newName }: TakeOverOptions,
): Promise<boolean> {
  const old = await sessions.look(oldName);
  const taker = await sessions.look(newName);
  return old.node.nodeType === 'root' || taker.node.nodeType === 'root';
}
