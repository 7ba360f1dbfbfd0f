import { tagNode } from '../../cascade/tag-node.js';
import type { CommandSpec } from '../command.js';
import { withMembers } from '../with-members.js';

/** `replicate INI tag-dead NODE` */
export const command: CommandSpec = {
  name: 'tag-dead',
  summary: 'Mark a node as gone on all nodes that can be reached: nobody asks it anything any more.',
  arguments: [{ name: 'node', required: true, summary: 'Name of the node.' }],
  async run(context, args) {
    const nodeName = args[0] as string;
    return withMembers(context, 'tag-dead', async (sessions) => {
      await tagNode(sessions, nodeName, true, (sentence) => context.output.print(sentence));
      context.output.print(`Node "${nodeName}" is marked as dead.`);
      return 0;
    });
  },
};
