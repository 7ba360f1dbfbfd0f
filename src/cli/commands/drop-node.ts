import { dropNode } from '../../cascade/drop-node.js';
import type { CommandSpec } from '../command.js';
import { withMembers } from '../with-members.js';

/** `replicate INI drop-node NODE` */
export const command: CommandSpec = {
  name: 'drop-node',
  summary: 'Take a node out of the cascade. The rows of its tables stay.',
  arguments: [{ name: 'node', required: true, summary: 'The node; it may be gone.' }],
  async run(context, args) {
    return withMembers(context, 'drop-node', async (sessions) => {
      await dropNode(sessions, args[0] as string, (sentence) => context.output.print(sentence));
      return 0;
    });
  },
};
