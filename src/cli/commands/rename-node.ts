import { renameNode } from '../../cascade/rename-node.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import type { CommandSpec } from '../command.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';
import { withMembers } from '../with-members.js';

const DEFAULT_TIMEOUT_MS = 30_000;
/** A leading dot marks consumers of the cascade itself, commas separate names in attributes. */
const NODE_NAME = /^[^.,\s][^,\s]*$/;

/** `replicate INI rename-node OLD NEW` */
export const command: CommandSpec = {
  name: 'rename-node',
  summary: 'Give a node another name on all nodes. Workers go on, nothing is copied.',
  arguments: [
    { name: 'old', required: true, summary: 'Its name now.' },
    { name: 'new', required: true, summary: 'Its name from now on.' },
  ],
  options: [
    {
      flags: TIMEOUT_FLAGS,
      summary: 'Longest wait until an earlier node of the new name is forgotten; by default 30.',
    },
  ],
  async run(context, args, options) {
    const [oldName, newName] = args as [string, string];
    if (oldName === newName) throw new ReplicateError('PC100', 'Both names are the same.');
    if (!NODE_NAME.test(newName)) {
      throw new ReplicateError(
        'PC100',
        `"${newName}" is no name for a node: it begins with a dot, or has a comma or a blank in it.`,
      );
    }
    return withMembers(context, 'rename-node', async (sessions) => {
      await renameNode(sessions, {
        oldName,
        newName,
        timeoutMs: timeoutMs(options) ?? DEFAULT_TIMEOUT_MS,
        report: (sentence) => context.output.print(sentence),
      });
      return 0;
    });
  },
};
