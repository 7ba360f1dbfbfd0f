import { tagNode } from '../../cascade/tag-node.js';
import type { CommandSpec } from '../command.js';
import { withMembers } from '../with-members.js';

/** `replicate INI tag-alive NODE` */
export const command: CommandSpec = {
  name: 'tag-alive',
  summary: 'Take the mark of tag-dead back.',
  arguments: [{ name: 'node', required: true, summary: 'Name of the node.' }],
  async run(context, args) {
    const nodeName = args[0] as string;
    return withMembers(context, 'tag-alive', async (sessions) => {
      await tagNode(sessions, nodeName, false, (sentence) => context.output.print(sentence));
      context.output.print(`Node "${nodeName}" is marked as alive.`);
      return 0;
    });
  },
};
